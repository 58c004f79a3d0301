"""Hosts: ids and addresses that two of them have, ids that are missing where they are needed."""

from netctl.compiler.hosts import ALONE
from netctl.compiler.places import Problems
from netctl.compiler.topology import Topology
from netctl.errors import UsageError
from netctl.stack.models import Stack


def check_hosts(topology: Topology, problems: Problems) -> None:
    """Duplicate ids and addresses, and hosts that need an id and have none."""
    _duplicates(topology, problems)
    _missing_ids(topology, problems)


def _duplicates(topology: Topology, problems: Problems) -> None:
    ids: dict[int, str] = {}
    addresses: dict[str, str] = {}
    for name, host in topology.stack.hosts.items():
        if host.id is not None and (other := ids.setdefault(host.id, name)) != name:
            problems.error(
                "NC204",
                ("hosts", name, "id"),
                f"hosts '{other}' and '{name}' have the same id {host.id}",
                "Give each host an id of its own; it decides the host's addresses.",
            )
        if (other := addresses.setdefault(host.address, name)) != name:
            problems.error(
                "NC205",
                ("hosts", name, "address"),
                f"hosts '{other}' and '{name}' have the same address {host.address}",
                "Give each host the address by which its peers reach it.",
            )


def _missing_ids(topology: Topology, problems: Problems) -> None:
    without = {name for name in topology.hosts.names if not topology.hosts.number(name)}
    for net in topology.nets if without else ():
        if ALONE in net.hosts and (net.numbered or net.overlay):
            problems.error(
                "NC207",
                net.path,
                f"{net.label} is for several hosts, but the stack declares none",
                "Declare 'hosts:' with an 'id' and an 'address' for each.",
            )
            without = set()
        if not net.numbered:
            continue
        for name in sorted(without & net.hosts):
            without.discard(name)
            problems.error(
                "NC206",
                ("hosts", name),
                f"host '{name}' has no id, which {net.label} needs to give it addresses",
                "Give it an 'id', a number from 1 to 65535 that no other host has and that stays the same.",
            )


def demand_host(stack: Stack, host: str | None) -> None:
    """Raise UsageError unless *host* is one that the stack declares, or None where it declares none."""
    if (host is None and stack.hosts) or (host is not None and host not in stack.hosts):
        raise UsageError(
            f"host '{host}' is not declared" if host else "the stack declares hosts, and none was chosen",
            "Say with '--host' which of the stack's hosts this is.",
            code="NC321",
        )
