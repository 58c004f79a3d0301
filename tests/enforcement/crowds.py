"""Many endpoints under many policies, as a large host has them."""

from collections.abc import Mapping

from netctl.engine.resource import Origin
from netctl.policy.model import Action, Endpoint, Failsafe, Peers, Policy, PolicySet, PortRange, Protocol, Rule

HOST = "node1"
_ORIGIN = Origin("policies")
_WEB = (PortRange(Protocol.TCP, 80, 80), PortRange(Protocol.TCP, 443, 443), PortRange(Protocol.UDP, 53, 53))


def endpoint(number: int) -> Endpoint:
    """The endpoint of that number."""
    high, low = divmod(number, 250)
    return Endpoint(
        f"net/e{number}",
        "attachment",
        HOST,
        "net",
        (f"10.{high // 250}.{high % 250}.{low + 2}", f"fd00::{number + 2:x}"),
        {},
        {"http": PortRange(Protocol.TCP, 8000 + number % 3, 8000 + number % 3)},
        interface=f"v{number}",
        mac=f"02:00:{number >> 24:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        netns=f"e{number}",
    )


def crowd(endpoints: int, policies: int, extra: Mapping[str, Endpoint] | None = None) -> PolicySet:
    """Endpoints in as many groups as there are policies; each group admits two others and sends to the next.

    The *extra* endpoints are in the group of their number too.
    """
    known = {end.name: end for end in map(endpoint, range(endpoints))} | dict(extra or {})
    groups: list[set[str]] = [set() for _ in range(policies)]
    for name in known:
        groups[int(name.removeprefix("net/e")) % policies].add(name)
    members = [frozenset(group) for group in groups]
    return PolicySet(
        known, tuple(_policy(number, members, known) for number in range(policies)), ("default",), Failsafe((), ())
    )


def _policy(number: int, members: list[frozenset[str]], known: Mapping[str, Endpoint]) -> Policy:
    count = len(members)
    near, far = (number + 1) % count, (number + 7) % count
    own = tuple((name, (known[name].ports["http"],)) for name in sorted(members[number]))
    ingress = (
        _rule(Peers(members[near], (), f"group {near}"), _WEB),
        _rule(Peers(members[far], ("198.51.100.0/24",), f"group {far} or outside"), (), own),
    )
    egress = (_rule(Peers(members[near], (), f"group {near}"), None), _rule(None, _WEB[2:]))
    return Policy(f"p{number:04}", "default", False, members[number], ingress, egress, _ORIGIN)


def _rule(
    peers: Peers | None,
    ports: tuple[PortRange, ...] | None,
    named: tuple[tuple[str, tuple[PortRange, ...]], ...] = (),
) -> Rule:
    return Rule(Action.ALLOW, peers, ports, (), named, _ORIGIN, "", ("http",) if named else ())
