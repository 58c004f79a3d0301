"""Docker networks that are the legs of overlays, as a twin can have them: their containers are attached to the overlay.

What is a bridge of Docker's on a host is then one of netctl's, with the same block; packets take the same way. But the
containers are no endpoints of the Docker network any more. Where something goes by that, there is no stand-in.
"""

from collections.abc import Iterable, Mapping

from netctl.compiler.checks.policies import selectors
from netctl.compiler.docker_networks import DockerNet
from netctl.stack.models import NamespaceAttachment, Overlay, Stack
from netctl.stack.policy_models import AttachmentSelector, Selector, Service

_LABEL = "network"


def can_stand_on_overlay(stack: Stack, net: DockerNet) -> bool:
    """Whether a network is a leg that nothing of the stack tells apart from its overlay."""
    if not net.spans_hosts or net.spec.driver != "bridge":
        return False
    names = {net.name, net.spec.overlay}
    told = any(_tells(selector, names) for _, selector in selectors(stack))
    return not (told or any(_names(service, names) for service in stack.services.values()))


def with_attached(
    overlays: Mapping[str, Overlay], attached: Iterable[tuple[str | None, list[NamespaceAttachment]]]
) -> dict[str, Overlay]:
    """The overlays, each with what is *attached* to it besides, by its name."""
    found = dict(overlays)
    for name, ends in attached:
        if name is not None:
            found[name] = found[name].model_copy(update={"attach": [*found[name].attach, *ends]})
    return found


def _tells(selector: Selector, names: set[str | None]) -> bool:
    by_label = _LABEL in (selector.labels or {}) or _LABEL in str(selector.expr or "")
    return selector.network in names or by_label


def _names(service: Service, names: set[str | None]) -> bool:
    chosen = service.endpoints
    by_label = isinstance(chosen, AttachmentSelector) and (
        _LABEL in (chosen.labels or {}) or _LABEL in str(chosen.expr or "")
    )
    return service.network in names or by_label
