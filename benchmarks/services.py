"""Virtual addresses at size: written, against kube-proxy's layout loaded by nft, and one more of them."""

import time
from collections.abc import Mapping
from io import BytesIO
from statistics import median
from typing import NamedTuple

from benchmarks import yardsticks
from benchmarks.stage import HOST, host
from benchmarks.workload import apply, uncollected
from netctl.agent.declared import Declared
from netctl.agent.health import Health
from netctl.agent.keeper import Keeper
from netctl.agent.log import Log, LogFormat
from netctl.agent.metrics import Metrics
from netctl.compiler.balancing.balanced import Balanced
from netctl.compiler.balancing.frontends import Frontend, frontends
from netctl.compiler.balancing.tables import Balancing, Surroundings, balance, extended
from netctl.compiler.compile import examine
from netctl.compiler.firewall import compile_firewall
from netctl.compiler.places import Problems
from netctl.compiler.resting import Roster
from netctl.engine.change import Action, Change, Reason
from netctl.engine.facts import Facts
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.resource import Desired, Key, Owner
from netctl.engine.session import write_session
from netctl.stack.loader import load

_STACK = "bench"
_OWNER = Owner(_STACK)
_ROUNDS = 7


class Figures(NamedTuple):
    """Seconds."""

    whole: float
    """Services resolved, compiled, written and verified."""
    loading: float
    """Before that: the stack's text read."""
    one_more: float
    """One more service with two endpoints: worked out, and written into what is there."""
    health: float
    """An endpoint of one of them becomes unwell, or well: worked out, and written."""
    chains: float
    """The same services in kube-proxy's layout, loaded by nft."""


def at_size(services: int) -> Figures:
    """What so many services with two endpoints take, and one more of them."""
    with host():
        with uncollected():
            started = time.perf_counter()
            loaded = load(["-"], stdin=BytesIO(_text(services).encode()))
            loading = time.perf_counter() - started
            started = time.perf_counter()
            examined = examine(loaded.stack, loaded, Problems(loaded))
            if examined.resolution is None:
                raise AssertionError("the stack has mistakes")
            fronts = list(frontends(examined.topology, examined.resolution.policies.endpoints, ""))
            there = balance(fronts[:-1], Surroundings())
            desired = _tables(there)
            endpoints = examined.resolution.policies.endpoints
            compiling = time.perf_counter() - started
        written = sum(apply(desired))
        one_more = _one_more(there, fronts[-1])
        roster = Roster(examined.topology, endpoints, [front.service for front in fronts[:-1]])
        health = _health(Balanced(examined.topology, "", roster, {}, tuple(fronts[:-1])), desired)
    with host():
        chains = yardsticks.run([("nft", "", chained(fronts[:-1]).splitlines())])
    return Figures(compiling + written, loading, one_more, health, chains)


def chained(fronts: list[Frontend]) -> str:
    """The frontends as kube-proxy has them: a chain for each, and one for each of its endpoints."""
    lines = ["table ip kube-proxy {", "chain mark-source { meta mark set meta mark or 0x4000; }"]
    verdicts: list[str] = []
    for number, front in enumerate(fronts):
        ends = [f"endpoint-{number}-{place}" for place in range(len(front.backends))]
        for end, backend in zip(ends, front.backends, strict=True):
            source = f"ip saddr {backend.address} jump mark-source;"
            lines.append(f"chain {end} {{ {source} meta l4proto tcp dnat to {backend.address}:{front.target}; }}")
        slots = ", ".join(f"{place} : goto {end}" for place, end in enumerate(ends))
        lines.append(f"chain service-{number} {{ numgen random mod {len(ends)} vmap {{ {slots} }}; }}")
        verdicts.append(f"{front.address} . {front.protocol} . {front.port} : goto service-{number}")
    lines.append("map service-ips { type ipv4_addr . inet_proto . inet_service : verdict;")
    lines += [f"elements = {{ {', '.join(verdicts)} }} }}", "chain services { type nat hook prerouting priority -100;"]
    return "\n".join([*lines, "ip daddr . meta l4proto . th dport vmap @service-ips; }", "}"])


def _text(services: int) -> str:
    """So many services, and one that is to come."""
    lines = ["stack: bench", "subnets: {vips: {cidr: 10.96.0.0/12}}", "services:"]
    for number in range(services + 1):
        ends = ", ".join(f"10.{20 + place}.{number >> 8}.{number & 255}" for place in range(2))
        lines.append(f"  s{number:05}: {{port: 80, vip: auto, endpoints: [{ends}]}}")
    return "\n".join([*lines, ""])


def _tables(balancing: Balancing) -> Mapping[Key, Desired]:
    return {want.key: want for want in compile_firewall(_STACK, (), None, None, balancing)}


def _one_more(there: Balancing, front: Frontend) -> float:
    """Seconds to work out and write one more, the median of several times; it is taken back in between."""
    seconds = []
    old = _tables(there)
    with uncollected(), write_session(find_systems(), Context(HOST)) as session:
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            more = extended(there, [front])
            if more is None:
                raise AssertionError("one service more changes more than elements")
            new = _tables(more)
            outcomes = [*session.execute([_change(old[key], new[key]) for key in new])]
            seconds.append(time.perf_counter() - started)
            outcomes += session.execute([_change(new[key], old[key]) for key in new])
            if failed := [outcome.failure for outcome in outcomes if outcome.failure]:
                raise AssertionError(f"the service was not changed: {failed[0]}")
        if session.plan(old, stack=_STACK, host=HOST):
            raise AssertionError("the service was not taken back")
    return median(seconds)


def _health(well: Balanced, desired: Mapping[Key, Desired]) -> float:
    """Seconds to leave an endpoint out or take it in, as a running watch does; the median of several times."""
    seconds = []
    front = well.fronts[len(well.fronts) // 2]
    failing = Facts(failed_checks={f"{_STACK}:{front.service}:{front.backends[0].address}": "status 503"})
    declared = Declared(_STACK, "", desired, "", balanced=well)
    well.roster.prepare()
    with uncollected(), write_session(find_systems(), Context(HOST)) as session:
        log = Log(LogFormat.TEXT, quiet=True)
        health, keeper = Health(HOST, log, lambda: None), Keeper(session, declared, log, Metrics(), detect_only=False)
        for number in range(_ROUNDS):
            started = time.perf_counter()
            moved = health.moved(keeper.declared, Facts() if number % 2 else failing)
            if moved is None:
                raise AssertionError("nothing follows from health")
            keeper.move(moved)
            seconds.append(time.perf_counter() - started)
        if keeper.look_again or session.plan(keeper.declared.desired, stack=_STACK, host=HOST):
            raise AssertionError(f"the endpoint was not moved: {keeper.look_again}")
    return median(seconds)


def _change(old: Desired, new: Desired) -> Change:
    return Change(
        Action.UPDATE, new.key, old.attributes, new.attributes, Reason.DIFFERS, owner_before=_OWNER, owner=_OWNER
    )
