"""A host with two bridges, endpoints on them, and somebody outside; what reaches whom is tried with real packets."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import permutations
from types import TracebackType
from typing import NamedTuple, Self

from netctl.compiler.enforcement import Enforcement, enforce
from netctl.compiler.firewall import compile_firewall
from netctl.engine.plan import Plan
from netctl.engine.resource import Origin
from netctl.policy.model import (
    Action,
    Endpoint,
    Failsafe,
    IcmpMatch,
    Peers,
    Policy,
    PolicySet,
    PortRange,
    Protocol,
    Rule,
)
from netctl.twin.probe import Answer, Probe, probe
from netctl.twin.responders import Responder, Responders
from tests.nftables.conftest import STACK, Host
from tests.support.namespaces import Namespaces, ip, ip_json, run_in, veth_between, wait_until

HOST = "node1"
PORT = 80
OTHER = 81
SERVICES = ((Protocol.TCP, PORT), (Protocol.TCP, OTHER), (Protocol.UDP, PORT), (Protocol.SCTP, PORT))
PING = (Protocol.ICMP, 0)
EVERYTHING = (*SERVICES, PING)
FAMILIES = (4, 6)
NO_FAILSAFE = Failsafe((), ())
REACHED = frozenset({Answer.ANSWERED, Answer.REFUSED})
WAIT = 1.5
"""Seconds in which an answer comes, if it does."""

Service = tuple[Protocol, int]


class Attached(NamedTuple):
    """What is attached where."""

    bridge: str
    number: int

    @property
    def addresses(self) -> dict[int, str]:
        network = {"nc-a": 1, "nc-b": 2}[self.bridge]
        return {4: f"10.{network}.0.{self.number}", 6: f"fd0{network}::{self.number}"}

    @property
    def mac(self) -> str:
        return f"02:00:00:00:0{self.bridge[-1]}:{self.number:02x}"


ATTACHED = {"a1": Attached("nc-a", 2), "a2": Attached("nc-a", 3), "b1": Attached("nc-b", 2)}
GATEWAYS = {"nc-a": {4: "10.1.0.1", 6: "fd01::1"}, "nc-b": {4: "10.2.0.1", 6: "fd02::1"}}
OUTSIDE = {4: "192.0.2.2", 6: "2001:db8::2"}
WAN = {4: "192.0.2.1", 6: "2001:db8::1"}
NAMES = (*ATTACHED, "host", "outside")


class Lab:
    """The namespaces. It answers on all `SERVICES`, everywhere, while it is entered."""

    def __init__(self, netns: Namespaces) -> None:
        self.netns = {name: netns(name, loopback=True) for name in NAMES}
        self.host = Host(self.netns["host"])
        self._stack = ExitStack()
        self.reset()
        self._build()

    def __enter__(self) -> Self:
        responders = [Responder(ns, *service) for ns in self.netns.values() for service in SERVICES]
        with ExitStack() as stack:
            stack.enter_context(Responders(responders))
            self._settle()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def reset(self) -> None:
        """Declare what the lab has, and no policies."""
        self.endpoints = _endpoints(self.netns)
        self.policies: tuple[Policy, ...] = ()
        self.failsafe = NO_FAILSAFE

    def enforcement(self) -> Enforcement:
        tiers = tuple(dict.fromkeys(policy.tier for policy in self.policies))
        return enforce(PolicySet(self.endpoints, self.policies, tiers, self.failsafe), HOST, STACK)

    def apply(self, *policies: Policy) -> Plan:
        """Put these policies in force, and no others."""
        self.policies = policies
        return self.host.apply(*compile_firewall(STACK, (), None, self.enforcement()))

    def answers(
        self, wanted: Iterable[tuple[str, str, Service]], family: int = 4
    ) -> dict[tuple[str, str, Service], Answer]:
        """What became of each attempt: from, to, and which service."""
        attempts = list(wanted)
        probes = [
            Probe(self.netns[source], self.address(target, family, source), *service)
            for source, target, service in attempts
        ]
        return dict(zip(attempts, probe(probes, WAIT), strict=True))

    def reach(
        self, pairs: Sequence[tuple[str, str]], family: int, services: Sequence[Service] = EVERYTHING
    ) -> dict[tuple[str, str], set[str]]:
        """The services by which each pair reaches one another: ``tcp/80``."""
        found = self.answers([(*pair, service) for pair in pairs for service in services], family)
        reached: dict[tuple[str, str], set[str]] = {pair: set() for pair in pairs}
        for (source, target, service), answer in found.items():
            if answer in REACHED:
                reached[source, target].add(name_of(service))
        return reached

    def address(self, name: str, family: int, seen_from: str = "") -> str:
        """The address at which one reaches another: of the host, the nearest."""
        if name == "outside":
            return OUTSIDE[family]
        if name == "host":
            return WAN[family] if seen_from == "outside" else GATEWAYS[ATTACHED[seen_from].bridge][family]
        return ATTACHED[name].addresses[family]

    def answers_at(self, source: str, address: str, service: Service) -> Answer:
        """What became of one attempt."""
        (answer,) = probe([Probe(self.netns[source], address, *service)], WAIT)
        return answer

    def neighbour(self, name: str, address: str) -> str:
        """The state in which one knows the link-layer address of another; empty for not at all."""
        found = ip_json(self.netns[name], "neighbour", "show", "to", address)
        return found[0]["state"][0] if found else ""

    def counted(self, chain: str, family: str = "inet") -> int:
        """How many packets the rules of chains of which the name begins so have counted."""
        return sum(
            part["counter"]["packets"]
            for entry in self.host.objects()
            if (found := entry.get("rule")) and found["family"] == family and found["chain"].startswith(chain)
            for part in found["expr"]
            if "counter" in part
        )

    def _settle(self) -> None:
        """Wait until everybody knows their neighbours: a link without a carrier yet drops what is sent over it."""
        pairs = [(one, other) for one, other in permutations(NAMES, 2) if (one, other) != ("host", "outside")]
        for family in FAMILIES:
            wait_until(
                partial(_all_answered, self, pairs, family), timeout=60, what="everybody reaches everybody"
            )  # fmt: skip

    def _build(self) -> None:
        for ns in self.netns.values():
            # Link-local addresses are usable at once, or nobody could look for neighbours for two seconds.
            run_in(ns, ["sysctl", "-qw", "net.ipv6.conf.default.dad_transmits=0"])
        router = self.netns["host"]
        settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        settings += [f"net.bridge.bridge-nf-call-{tables}=0" for tables in ("iptables", "ip6tables", "arptables")]
        run_in(router, ["sysctl", "-qw", *settings])
        for bridge, gateways in GATEWAYS.items():
            ip(router, f"link add {bridge} type bridge nf_call_iptables 1 nf_call_ip6tables 1")
            ip(router, f"link set {bridge} up", *_addresses(bridge, gateways))
        for name, attached in ATTACHED.items():
            ns = self.netns[name]
            port = f"v-{name}"
            # The link-local address follows from the MAC address that the interface has when it comes up.
            ip(router, f"link add {port} type veth peer name eth0 address {attached.mac} netns {ns}")
            ip(router, f"link set {port} master {attached.bridge} up")
            ip(ns, "link set eth0 up", *_addresses("eth0", attached.addresses))
            ip(ns, *(f"route add default via {gateway}" for gateway in GATEWAYS[attached.bridge].values()))
        veth_between(router, self.netns["outside"], "wan", "eth0")
        ip(router, *_addresses("wan", WAN))
        ip(
            self.netns["outside"],
            *_addresses("eth0", OUTSIDE),
            *(f"route add default via {via}" for via in WAN.values()),
        )


def _all_answered(lab: Lab, pairs: Sequence[tuple[str, str]], family: int) -> bool:
    return all(lab.reach(pairs, family, [PING]).values())


def name_of(service: Service) -> str:
    """``tcp/80``, ``icmp``."""
    protocol, port = service
    return f"{protocol}/{port}" if port else str(protocol)


def names_of(services: Iterable[Service]) -> set[str]:
    return set(map(name_of, services))


def _endpoints(netns: Mapping[str, str]) -> dict[str, Endpoint]:
    found = {
        name: Endpoint(
            name,
            "attachment",
            HOST,
            attached.bridge,
            tuple(attached.addresses.values()),
            {},
            interface=f"v-{name}",
            mac=attached.mac,
            netns=netns[name],
        )
        for name, attached in ATTACHED.items()
    }
    held = (WAN, *GATEWAYS.values())
    addresses = tuple(part[family] for family in FAMILIES for part in held)
    return {**found, "host": Endpoint("host", "host", HOST, "", addresses, {})}


def _addresses(link: str, addresses: Mapping[int, str]) -> list[str]:
    return [
        f"address add {address}/{24 if family == 4 else 64} dev {link}" + (" nodad" if family == 6 else "")
        for family, address in addresses.items()
    ]


def rule(
    *peers: str,
    services: Sequence[Service] | None = None,
    action: Action = Action.ALLOW,
    prefixes: tuple[str, ...] = (),
    icmp: tuple[IcmpMatch, ...] = (),
) -> Rule:
    """A rule; for anyone where no peers are named, for everything where no services are."""
    ports = (
        None if services is None and not icmp else tuple(PortRange(kind, port, port) for kind, port in services or ())
    )
    known = Peers(frozenset(peers), prefixes) if peers or prefixes else None
    return Rule(action, known, ports, icmp, (), Origin("policies"))


def policy(
    *selected: str,
    name: str = "p",
    ingress: Sequence[Rule] | None = None,
    egress: Sequence[Rule] | None = None,
    tier: str = "default",
    staged: bool = False,
) -> Policy:
    """A policy for the endpoints of these names."""
    rules = [None if part is None else tuple(part) for part in (ingress, egress)]
    return Policy(name, tier, staged, frozenset(selected), rules[0], rules[1], Origin("policies"))
