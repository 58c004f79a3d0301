"""The published stack, completed with what the store knows: the stack that is compiled.

Declared hosts without an id get the one that they have leased. Hosts that are not declared, and have shown themselves,
join with their address and their id. One that cannot be a host of this stack is left out and reported, lest it keep
the others from being what they are.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netctl.cluster.membership import HIGHEST_ID, View
from netctl.compiler.topology import Net, Role, resolve
from netctl.stack.models import Host, Stack


class Completed(NamedTuple):
    """The stack that is compiled."""

    stack: Stack
    problems: tuple[str, ...] = ()
    """Who was left out, and why."""


def complete(stack: Stack, view: View) -> Completed:
    """*stack* with everyone who is there."""
    hosts = {name: _numbered(host, view.leases.get(name)) for name, host in stack.hosts.items()}
    joining = _Joining(hosts, highest_id(stack))
    for name in sorted(view.hosts.keys() - hosts.keys(), key=lambda name: (view.leases.get(name, 0), name)):
        record = view.hosts[name]
        if number := view.leases.get(name):  # who has none yet is about to lease one
            joining.add(name, Host(id=number, address=record.address, interface=None, labels=record.labels))
    problems = (*joining.problems, *_clashes(stack.hosts, view))
    return Completed(stack.model_copy(update={"hosts": joining.hosts}) if joining.hosts else stack, problems)


class _Joining:
    """The hosts so far, and those that could not join."""

    def __init__(self, hosts: dict[str, Host], highest: int) -> None:
        self.hosts = dict(hosts)
        self.problems: list[str] = []
        self._highest = highest
        self._ids = {host.id: name for name, host in hosts.items()}
        self._addresses = {host.address: name for name, host in hosts.items()}
        self._families = {":" in host.address: name for name, host in hosts.items()}

    def add(self, name: str, host: Host) -> None:
        """Let a host join that can."""
        if problem := self._obstacle(host):
            self.problems.append(f"host '{name}' {problem}")
            return
        self.hosts[name] = host
        self._ids[host.id] = name
        self._addresses[host.address] = name
        self._families[":" in host.address] = name

    def _obstacle(self, host: Host) -> str:
        """Why a host cannot join; empty where it can."""
        if (host.id or 0) > self._highest:
            return f"has leased id {host.id}, and the stack's subnets have blocks for {self._highest} hosts"
        if other := self._ids.get(host.id):
            return f"has leased id {host.id}, which is that of host '{other}'"
        if other := self._addresses.get(host.address):
            return f"has address {host.address}, which is that of host '{other}'"
        if other := self._families.get(":" not in host.address):
            return f"has address {host.address}, and '{other}' has one of the other family"
        return ""


def needs_lease(stack: Stack, host: str) -> bool:
    """Whether the declaration leaves the host's id to the store."""
    declared = stack.hosts.get(host)
    return declared is None or declared.id is None


def declared_ids(stack: Stack) -> frozenset[int]:
    """The ids that nobody may lease."""
    return frozenset(host.id for host in stack.hosts.values() if host.id is not None)


def highest_id(stack: Stack) -> int:
    """The highest id for which every subnet that ids decide about has room."""
    rooms = [room for net in resolve(stack).nets if net.numbered for room in _rooms(net)]
    return min((HIGHEST_ID, *rooms))


def _rooms(net: Net) -> Iterator[int]:
    for pool in net.pools:
        if pool.block is not None:
            yield pool.blocks
        elif net.role is Role.BRIDGED:
            yield pool.prefix.usable.last - pool.prefix.first


def _numbered(host: Host, leased: int | None) -> Host:
    return host if host.id is not None or leased is None else host.model_copy(update={"id": leased})


def _clashes(declared: Mapping[str, Host], view: View) -> Iterator[str]:
    """Ids that the declaration gives to one host, and that another declared one has leased."""
    owners = {host.id: name for name, host in declared.items() if host.id is not None}
    for name, number in sorted(view.leases.items()):
        other = owners.get(number, name)
        if other != name and name in declared and declared[name].id is None:
            yield f"host '{name}' has leased id {number}, which the stack gives to '{other}'"
