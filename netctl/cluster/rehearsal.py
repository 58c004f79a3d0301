"""Validation before publishing, with the hosts that are there, and stand-ins for what only will be.

A stack whose hosts will come is as valid as with the first of them; ids that will be leased are as good as any.
"""

from collections.abc import Iterator

from netctl.cluster.completion import complete, declared_ids
from netctl.cluster.membership import HIGHEST_ID, View
from netctl.compiler import validate
from netctl.errors import Diagnostic, Severity
from netctl.stack.loader import LoadedStack
from netctl.stack.models import Host, Stack

_STAND_IN = "host"
_ADDRESSES = {False: "192.0.2.1", True: "2001:db8::1"}


def rehearse(loaded: LoadedStack, view: View) -> list[Diagnostic]:
    """Everything that is wrong with the stack as the hosts will have it."""
    completed = complete(loaded.stack, view).stack
    found = [found for found in validate(_peopled(completed), loaded) if not _may_come(found)]
    return [*found, *(_clash(loaded, name, other) for name, other in _clashes(loaded.stack, view))]


def _may_come(found: Diagnostic) -> bool:
    """Whether a host that joins may be what is missed: one with the labels, an endpoint that is selected."""
    return found.severity is Severity.WARNING and found.code in {"NC203", "NC261"}


def _peopled(stack: Stack) -> Stack:
    """The stack with an id for each host, and with one host at least."""
    free = (number for number in range(1, HIGHEST_ID + 1) if number not in declared_ids(stack))
    hosts = {
        name: host if host.id is not None else host.model_copy(update={"id": next(free)})
        for name, host in stack.hosts.items()
    }
    if not hosts:
        hosts[_STAND_IN] = Host(id=1, address=_ADDRESSES[_is_ipv6(stack)], interface=None)
    return stack.model_copy(update={"hosts": hosts})


def _is_ipv6(stack: Stack) -> bool:
    """Whether hosts would have to be reached by IPv6: plain routes lead only by addresses of their own family."""
    names = [overlay.subnet for overlay in stack.overlays.values() if overlay.backend == "host-gw"]
    subnets = [stack.subnets.get(name) if isinstance(name, str) else name for name in names]
    return any(subnet is not None and all(":" in cidr for cidr in subnet.cidr) for subnet in subnets)


def _clashes(stack: Stack, view: View) -> Iterator[tuple[str, str]]:
    """Declared ids that another host has leased: the declared host, and the other one."""
    leased = {number: name for name, number in view.leases.items()}
    for name, host in stack.hosts.items():
        other = leased.get(host.id or 0, name)
        if other != name and (other not in stack.hosts or stack.hosts[other].id is None):
            yield name, other


def _clash(loaded: LoadedStack, name: str, other: str) -> Diagnostic:
    return loaded.diagnostic(
        "NC204",
        f"host '{name}' has the id that host '{other}' has leased in Consul",
        "Give it another id; or, if that host is no more: netctl publish --forget.",
        ("hosts", name, "id"),
    )
