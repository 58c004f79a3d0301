"""Services that are as they are wanted, known at sight.

Most are, most of the time, and comparing what the agent tells takes a fraction of taking it apart. Whatever is not
exactly as expected is left to `reconcilers.consul.definitions`.
"""

from collections.abc import Sequence
from typing import Any

from netctl.engine.resource import Owner
from netctl.kinds.consul import DECLARATION_META, ID_META, STACK_META, Service
from reconcilers.answers import Record, record
from reconcilers.consul.marks import definitions


def recognized(answer: Record, checks: Sequence[Record], want: Service) -> Owner | None:
    """Whose the service is that the agent tells of, where it is just as *want*; None for any other."""
    meta = record(answer.get("Meta"))
    stack, declaration = meta.get(STACK_META), meta.get(DECLARATION_META)
    if not (isinstance(stack, str) and isinstance(declaration, str) and want.weights and not want.tagged_addresses):
        return None
    passing, warning = want.weights
    expected: dict[str, Any] = {
        "Service": want.name,
        "Address": want.address,
        "Port": want.port,
        "Tags": list(want.tags or ()),
        "Weights": {"Passing": passing, "Warning": warning},
        "EnableTagOverride": want.enable_tag_override,
        "Meta": definitions(want.checks or ()),
        "TaggedAddresses": _implied(want),
    }
    expected["Meta"].update(want.meta or (), **{STACK_META: stack, DECLARATION_META: declaration, ID_META: want.id})
    # In one comparison, which costs less than as many as there are fields.
    return Owner(stack, declaration) if expected.items() <= answer.items() and _has_checks(checks, want) else None


def _implied(want: Service) -> dict[str, dict[str, Any]]:
    """The tagged addresses that Consul adds."""
    own = {"Address": want.address, "Port": want.port}
    family = "ipv6" if ":" in (want.address or "") else "ipv4"
    return {f"lan_{family}": own, f"wan_{family}": own}


def _has_checks(found: Sequence[Record], want: Service) -> bool:
    """Whether there are just the wanted ones, under the service's name; none of them with notes, which are in JSON."""
    wanted = want.checks or ()
    if len(found) != len(wanted):
        return False
    told = {answer.get("CheckID"): answer for answer in found}
    for check in wanted:
        answer = told.get(check.id, {})
        if answer.get("Type") != check.type or answer.get("ServiceName") != want.name or answer.get("Notes") != "":
            return False
    return not [name for check in wanted for name, _ in check.settings if name == "Notes"]
