"""What is compiled decides as the evaluator does: for made-up policies, on all protocols and ports."""

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import permutations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.compiler.enforcement import Enforcement, enforce
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Connection, Endpoint, IcmpMatch, PolicySet, Protocol
from netctl.policy.verdicts import Verdict
from tests.enforcement.simulation import Outcome, Packet, Simulation
from tests.enforcement.worlds import HOST, OUTSIDERS, worlds

PORTS = {
    Protocol.TCP: (1, 80, 81, 85, 90, 91, 65535),
    Protocol.UDP: (53, 54, 55, 80),
    Protocol.SCTP: (80, 81),
}
MESSAGES = (IcmpMatch(8, 0), IcmpMatch(3, 4), IcmpMatch(3, 0), IcmpMatch(13, 0), IcmpMatch(13, 1), IcmpMatch(128, 0))


def connections(policies: PolicySet, random: Random, most: int = 16) -> Iterator[Connection]:
    """Between some of the ends, by all protocols and ports that a policy here may tell apart."""
    pairs = list(permutations([*policies.endpoints, *OUTSIDERS], 2))
    for source, destination in random.sample(pairs, min(most, len(pairs))):
        for family in (4, 6):
            for protocol, ports in PORTS.items():
                for port in ports:
                    yield Connection(source, destination, protocol, port, None, family)
            for message in MESSAGES:
                yield Connection(source, destination, Protocol.ICMP, 0, message, family)


class Kernel:
    """One host's judgement, simulated."""

    def __init__(self, policies: PolicySet, enforcement: Enforcement, host: str) -> None:
        self.policies = policies
        self.host = host
        self.simulation = Simulation(enforcement.sets, enforcement.chains)

    def outcomes(self, connection: Connection) -> list[Outcome] | None:
        """What becomes of it where it passes; None where an end has no address of the family."""
        ends = [self._address(end, connection.family) for end in (connection.source, connection.destination)]
        if None in ends:
            return None
        packet = _packet(connection, str(ends[0]), str(ends[1]))
        return [self.simulation.judge(chain, packet) for chain in self._path(connection)]

    def _path(self, connection: Connection) -> list[str]:
        """The base chains that a packet comes through on this host, where it goes through it at all."""
        source, destination = (self._place(end) for end in (connection.source, connection.destination))
        outward = ["host-egress"] if source == "host" else ["egress"]
        return outward + (["host-ingress"] if destination == "host" else ["ingress"])

    def _place(self, name: str) -> str:
        end = self.policies.endpoints.get(name)
        return "host" if end is not None and end.kind == "host" and end.host == self.host else "beyond"

    def _address(self, end: str, family: int) -> str | None:
        found = self.policies.endpoints.get(end)
        addresses = found.addresses if found else (end,)
        return next((text for text in addresses if ip_address(text).version == family), None)


def _packet(connection: Connection, source: str, destination: str) -> Packet:
    ip = "ip" if connection.family == 4 else "ip6"
    packet = {
        "meta nfproto": f"ipv{connection.family}",
        f"{ip} saddr": source,
        f"{ip} daddr": destination,
        "iifname": "eth0",
        "oifname": "eth0",
        "ct direction": "original",
        "ct state": "new",
    }
    if connection.protocol is Protocol.ICMP:
        assert connection.icmp is not None
        name, protocol = ("icmp", "icmp") if connection.family == 4 else ("icmpv6", "ipv6-icmp")
        message = {f"{name} type": str(connection.icmp.type), f"{name} code": str(connection.icmp.code)}
        return {**packet, "meta l4proto": protocol, "th dport": "4660", **message}
    return {**packet, "meta l4proto": str(connection.protocol), "th dport": str(connection.port)}


def _is_here(end: Endpoint | None) -> bool:
    return end is not None and end.host == HOST


@settings(max_examples=80, deadline=None)
@given(worlds(), st.randoms())
def test_the_compiled_chains_decide_as_the_evaluator_does(policies: PolicySet, random: Random) -> None:
    evaluator = Evaluator(policies)
    kernel = Kernel(policies, enforce(policies, HOST, "shop"), HOST)
    for connection in connections(policies, random):
        outcomes = kernel.outcomes(connection)
        if outcomes is None:
            continue
        decision = evaluator.decide(connection)
        source, destination = (policies.endpoints.get(end) for end in (connection.source, connection.destination))
        sides = [
            side
            for side, end in ((decision.egress, source), (decision.ingress, destination))
            if side is not None and _is_here(end)
        ]
        expected = all(side.verdict is Verdict.ALLOW for side in sides)
        assert all(outcome.accepted for outcome in outcomes) == expected, connection


@settings(max_examples=30, deadline=None)
@given(worlds(), st.randoms())
def test_staged_policies_count_and_log_exactly_what_they_would_drop_besides(
    policies: PolicySet, random: Random
) -> None:
    now, then = Evaluator(policies), Evaluator(policies, staged=True)
    kernel = Kernel(policies, enforce(policies, HOST, "shop"), HOST)
    for connection in connections(policies, random):
        outcomes = kernel.outcomes(connection)
        if outcomes is None:
            continue
        ends = (policies.endpoints.get(connection.source), policies.endpoints.get(connection.destination))
        decisions = now.decide(connection), then.decide(connection)
        for outcome, end, direction in zip(outcomes, ends, ("egress", "ingress"), strict=True):
            sides = [getattr(decision, direction) for decision in decisions]
            if not _is_here(end) or sides[0] is None:
                continue
            noted = any(name.startswith("staged-") for name in outcome.counted)
            assert noted == ([side.verdict for side in sides] == [Verdict.ALLOW, Verdict.DENY]), connection
            assert noted == any(" staged " in prefix for prefix in outcome.logged)
