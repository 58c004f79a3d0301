"""Stacks for the compiler's tests: from YAML text or plain values, with places that only repeat the path."""

from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from ruamel.yaml import YAML

from netctl.compiler import Path, compile_stack
from netctl.engine.facts import ContainerFact, ContainerNetworkFact, EngineFacts, Facts, LinkFact
from netctl.engine.resource import Desired, Origin
from netctl.errors import DeclarationError, Diagnostic, Position, Severity
from netctl.stack.models import Stack

CASES = File(__file__).parent / "cases"


def spell(path: Path) -> str:
    """``networks.frontend.attach[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


class PathPlaces:
    """Places without files: an origin's declaration, and a position's file, is the spelled path."""

    def origin(self, path: Path) -> Origin:
        return Origin(spell(path))

    def diagnostic(
        self, code: str, message: str, advice: str, path: Path, severity: Severity = Severity.ERROR
    ) -> Diagnostic:
        return Diagnostic(code, message, advice, Position(spell(path)), severity)


PLACES = PathPlaces()


def read_case(name: str) -> Any:
    """What a file under ``cases/`` holds."""
    return YAML(typ="safe").load(CASES / name)


def stack_of(declared: Mapping[str, Any]) -> Stack:
    """The stack of plain values; its name is ``shop`` unless given."""
    return Stack.model_validate({"stack": "shop", **declared})


def facts_of(declared: Mapping[str, Any] | None) -> Facts | None:
    """Facts as a case writes them: ``links: {eth0: {mtu: 1500, addresses: [...]}}``, ``namespaces: [...]``."""
    if declared is None:
        return None
    links = {name: _link(name, link) for name, link in declared.get("links", {}).items()}
    return Facts(
        hostname=declared.get("hostname", ""),
        links=links,
        namespaces=frozenset(declared.get("namespaces", ())),
        per_device_ipv6_forwarding=declared.get("per_device_ipv6_forwarding", True),
        netns=declared.get("netns", ""),
        engine=lambda: _engine(declared.get("engine")),
    )


def kernel_resources(stack: Stack, host: str | None = None, facts: Facts | None = None) -> dict[str, Desired]:
    """What the kernel is to have on *host*, by key without the system."""
    compiled = compile_stack(stack, PLACES, host, facts)
    return {f"{key.kind} {key.id}": want for key, want in compiled.resources.items() if key.system == "kernel"}


def shown(want: Desired) -> dict[str, Any]:
    """A resource as a case writes it: what is managed of it, and where it hangs."""
    fields: dict[str, Any] = {"is": type(want.attributes).__name__, "from": want.origin.declaration}
    for name, value in want.attributes._asdict().items():  # type: ignore[attr-defined]  # attributes are NamedTuples
        if value is not None:
            fields[name] = _plain(value)
    fields["needs"] = [f"{key.kind} {key.id}" for key in want.needs]
    fields["within"] = f"{want.within.kind} {want.within.id}" if want.within else None
    return fields


def mistakes(stack: Stack, host: str | None, facts: Facts | None) -> list[Diagnostic]:
    """Every diagnostic that compiling for *host* gives, whether it fails or not."""
    try:
        return compile_stack(stack, PLACES, host, facts).diagnostics
    except DeclarationError as error:
        return list(error.diagnostics)


def _link(name: str, declared: Mapping[str, Any]) -> LinkFact:
    addresses = tuple(declared.get("addresses", ()))
    return LinkFact(name, declared.get("type", ""), declared.get("mtu", 1500), addresses, declared.get("owner", ""))


def _engine(declared: Mapping[str, Any] | None) -> EngineFacts | None:
    if declared is None:
        return None
    containers = {name: _container(name, spec) for name, spec in declared["containers"].items()}
    return EngineFacts(containers, {name: ContainerNetworkFact(name, "bridge") for name in declared["networks"]})


def _container(name: str, declared: Mapping[str, Any]) -> ContainerFact:
    networks = {network: tuple(addresses) for network, addresses in declared.get("networks", {}).items()}
    return ContainerFact(name, declared.get("labels", {}), networks, running=True, mode=declared.get("mode", ""))


def _plain(value: object) -> object:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
