"""Policies at size: compiled and applied, changed by one endpoint, and passed by connections."""

import errno
import socket
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from statistics import median
from typing import NamedTuple

from benchmarks import stacks, yardsticks
from benchmarks.stage import HOST, host
from benchmarks.workload import apply, compiled, uncollected
from netctl.compiler.compile import examine
from netctl.compiler.enforcement import Enforcement, enforce, revise
from netctl.compiler.firewall import compile_firewall
from netctl.compiler.places import Problems
from netctl.engine.change import Action, Change, Reason
from netctl.engine.protocol import Context, Writer
from netctl.engine.registry import find_systems
from netctl.engine.resource import Desired, Key, Owner
from netctl.engine.session import Session, write_session
from netctl.policy.model import PolicySet
from netctl.stack.loader import LoadedStack, load
from netctl.system.namespaces import inside

_STACK, _NODE = "bench", "node1"
_OWNER = Owner(_STACK)
_CONNECTIONS = 2_000
"""In one round."""
_ROUNDS = 7
_SERVER = ("10.0.0.2", 80)


class Figures(NamedTuple):
    """Seconds."""

    whole: float
    """Policies resolved, compiled, written and verified."""
    loading: float
    """Before that: the stack's text read."""
    one_more: float
    """One more endpoint, when the policies are resolved: worked out, and written into what is there."""
    loaded_by_nft: float
    """The same tables, loaded by nft."""


def at_size(endpoints: int, policies: int) -> Figures:
    """What applying so many policies takes, and what one more endpoint does."""
    text, longer = (stacks.policed(count, policies) for count in (endpoints, endpoints + 1))
    with host():
        with uncollected():
            started = time.perf_counter()
            loaded = load(["-"], stdin=BytesIO(text.encode()))
            loading = time.perf_counter() - started
            started = time.perf_counter()
            before = _resolved(loaded)
            there = enforce(before, _NODE, _STACK)
            desired = _tables(there)
            compiling = time.perf_counter() - started
        written = sum(apply(desired))
        after = _resolved(load(["-"], stdin=BytesIO(longer.encode())))
        one_more = _one_more(there, before, after)
    with host():
        loaded_by_nft = yardsticks.run(yardsticks.create_scripts(desired.values()))
    return Figures(compiling + written, loading, one_more, loaded_by_nft)


def _resolved(loaded: LoadedStack) -> PolicySet:
    """The policies, checked as every command does."""
    resolution = examine(loaded.stack, loaded, Problems(loaded)).resolution
    if resolution is None:
        raise AssertionError("the stack has mistakes")
    return resolution.policies


def _tables(enforcement: Enforcement) -> Mapping[Key, Desired]:
    return {want.key: want for want in compile_firewall(_STACK, (), None, enforcement)}


def _one_more(there: Enforcement, before: PolicySet, after: PolicySet) -> float:
    """Seconds to work out and write what differs, the median of several times; it is taken back in between."""
    seconds = []
    with uncollected(), write_session(find_systems(), Context(HOST)) as session:
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            more = _revised(session, there, before, after)
            seconds.append(time.perf_counter() - started)
            there = _revised(session, more, after, before)
        more = _revised(session, there, before, after)
        if session.plan(_tables(more), stack=_STACK, host=HOST):
            raise AssertionError("the endpoint was not added")
    return median(seconds)


def _revised(session: Session[Writer], there: Enforcement, before: PolicySet, after: PolicySet) -> Enforcement:
    """What is there afterwards."""
    revised = revise(there, before, after, _NODE, _STACK)
    if revised is None:
        raise AssertionError("one endpoint changes more than elements")
    old = _tables(there)
    for outcome in session.execute([_change(old[key], new) for key, new in _tables(revised).items()]):
        if outcome.failure:
            raise AssertionError(f"the endpoint was not changed: {outcome.failure}")
    return revised


def _change(old: Desired, new: Desired) -> Change:
    return Change(
        Action.UPDATE, new.key, old.attributes, new.attributes, Reason.DIFFERS, owner_before=_OWNER, owner=_OWNER
    )


def connecting(texts: Sequence[str], ends: tuple[str, str]) -> list[float]:
    """For each stack, the seconds that connections from the second end to the first take: the best of many rounds.

    Each round goes through all stacks, so that what else the machine does falls on all alike. Nothing listens: an
    attempt is over when the refusal is there, and passes all rules both ways.
    """
    best = [float("inf")] * len(texts)
    with host(*ends):
        stacks_desired = [compiled(text) for text in texts]
        for _ in range(_ROUNDS):
            for place, desired in enumerate(stacks_desired):
                apply(desired)
                _connect(ends[1], 1)  # which waits for carriers and neighbours
                best[place] = min(best[place], _connect(ends[1], _CONNECTIONS))
    return best


def _connect(netns: str, count: int) -> float:
    """Seconds that so many connections take, one after another. Raises AssertionError where one is not refused."""
    with inside(netns):
        started = time.perf_counter()
        for _ in range(count):
            with socket.socket() as opened:
                opened.settimeout(5)
                if opened.connect_ex(_SERVER) != errno.ECONNREFUSED:
                    raise AssertionError("a connection did not get through")
        return time.perf_counter() - started
