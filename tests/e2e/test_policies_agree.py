"""The evaluator and the kernel agree: on policies made up in the language, on every pair of ends and every protocol.

Packets go between the endpoints of two hosts, the hosts, and one outside. Policies are replaced, the rest stays.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from random import Random

import pytest

from netctl.compiler import compile_stack
from netctl.compiler.compile import examine
from netctl.compiler.places import Problems
from netctl.engine.apply import apply_plan
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.session import write_session
from netctl.policy.evaluate import Evaluator
from netctl.policy.explanation import because, spelled_port
from netctl.policy.model import Connection, Endpoint, PolicySet, Protocol
from netctl.policy.verdicts import Decision, Verdict
from netctl.stack.loader import load
from tests.e2e.lab import Lab
from tests.e2e.made_up_stacks import BLOCKS, ENDPOINTS, HOSTS, OUTSIDE, ROUTER, stack
from tests.e2e.volley import Range, Shot
from tests.support.namespaces import wait_until

BATCHES = {"routed": 4, "bridged": 3, "direct": 2, "host-gw": 1}
STACKS = 30
UDP_PORTS = (53, 80)
SERVICES = (
    *((Protocol.TCP, port) for port in (22, 80, 81, 90)),
    *((Protocol.UDP, port) for port in UDP_PORTS),
    (Protocol.SCTP, 80),
    (Protocol.ICMP, 0),
)
NAMES = (*ENDPOINTS, *HOSTS, "wire")


class World:
    """The namespaces, and what is declared in them."""

    def __init__(self, lab: Lab, overlay: str) -> None:
        self.lab = lab
        self.overlay = overlay
        lab.add(*NAMES)
        lab.ip("wire", "link add underlay type bridge", "link set underlay up")
        lab.ip(
            "wire",
            f"address add {ROUTER}/24 dev underlay",
            f"address add {OUTSIDE}/32 dev lo",
        )
        lab.run("wire", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for host, address in HOSTS.items():
            lab.join("wire", host, host, "eth0")
            lab.ip("wire", f"link set {host} master underlay")
            lab.ip(
                "wire",
                *(f"route add {block} via {address} src {OUTSIDE}" for block in BLOCKS[host]),
            )
            lab.ip(
                host,
                f"address add {address}/24 dev eth0",
                f"route add default via {ROUTER}",
            )
        self.shooting = Range([lab[name] for name in NAMES], UDP_PORTS)

    def apply(self, text: str) -> PolicySet:
        """Make it so on both hosts, by the steps of ``netctl apply``, which verify; the policies, resolved."""
        loaded = load([self.lab.write(text)])
        for host in HOSTS:
            with write_session(find_systems(), Context(self.lab[host])) as session:
                desired = compile_stack(loaded.stack, loaded, host, session.facts()).resources
                plan = session.plan(desired, stack="shop", host=host)
                assert not plan.conflicts
                assert not plan.unread
                apply_plan(plan, desired, session)
        resolution = examine(loaded.stack, loaded, Problems(loaded)).resolution
        assert resolution is not None
        return resolution.policies

    def reached(self, policies: PolicySet, asked: Sequence[Connection]) -> list[bool]:
        """Which of the connections come about."""
        return self.shooting.fire([self._shot(policies, one) for one in asked])

    def _shot(self, policies: PolicySet, asked: Connection) -> Shot:
        source = OUTSIDE if asked.source == OUTSIDE else ""
        address = self._address(policies, asked.destination, asked.family)
        return Shot(
            self._netns(policies, asked.source),
            address,
            asked.protocol,
            asked.port,
            source,
        )

    def _netns(self, policies: PolicySet, end: str) -> str:
        if end == OUTSIDE:
            return self.lab["wire"]
        found = policies.endpoints[end]
        return found.netns or self.lab[found.host]

    def _address(self, policies: PolicySet, end: str, family: int) -> str:
        if end == OUTSIDE:
            return OUTSIDE
        return next(text for text in policies.endpoints[end].addresses if (":" in text) == (family == 6))


def connections(policies: PolicySet) -> list[Connection]:
    """Between all ends; by IPv6, which the underlay has not, on one host or within the overlay."""
    ends = [name for name, end in policies.endpoints.items() if end.kind != "address"]
    pairs = {4: list(permutations([*ends, OUTSIDE], 2))}
    pairs[6] = [pair for pair in permutations(ends, 2) if _are_near(*(policies.endpoints[name] for name in pair))]
    return [
        Connection(*pair, *service, family=family) for family in pairs for pair in pairs[family] for service in SERVICES
    ]


def _are_near(one: Endpoint, other: Endpoint) -> bool:
    has_both = all(any(":" in address for address in end.addresses) for end in (one, other))
    return has_both and (one.host == other.host or one.network == other.network == "pods")


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"policies agree, {name}")) for name in BATCHES],
)
def world(request: pytest.FixtureRequest, shared_lab: Callable[[], Lab]) -> Iterator[World]:
    made = World(shared_lab(), request.param)
    made.lab.remember(*HOSTS, *ENDPOINTS)
    policies = made.apply(stack(made.overlay))
    made.lab.settle()
    with made.shooting:
        asked = connections(policies)
        wait_until(
            lambda: all(made.reached(policies, asked)),
            timeout=60,
            what="everything reaches everything",
        )
        yield made
    made.lab.destroy("shop", *HOSTS)
    made.lab.demand_as_before()


def test_what_the_evaluator_says_is_what_becomes_of_packets(world: World) -> None:
    verdicts: Counter[bool] = Counter()
    for number in range(STACKS * BATCHES[world.overlay]):
        text = stack(world.overlay, Random(f"{world.overlay} {number}"))
        policies = world.apply(text)
        asked = connections(policies)
        evaluator = Evaluator(policies)
        reached = world.reached(policies, asked)
        verdicts.update(reached)
        pairs = zip(map(evaluator.decide, asked), reached, strict=True)
        wrong = [_text(found) for found, came in pairs if (found.verdict is Verdict.ALLOW) is not came]
        assert not wrong, f"{len(wrong)} of {len(asked)} connections, by {text}"
    assert min(verdicts[True], verdicts[False]) > verdicts.total() / 10, "the policies say too little"


def _text(decision: Decision) -> str:
    asked = decision.connection
    return f"{asked.source} -> {asked.destination}, {spelled_port(asked)}: {decision.verdict}, as {because(decision)}"
