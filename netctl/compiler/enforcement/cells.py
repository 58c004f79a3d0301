"""Many steps, split by what they say of ports, so that a packet meets only those that are about its own.

A *cell* is ports (of one protocol) or ICMP messages about which all steps say the same. Within one, nothing is compared
but peers; there are few cells that differ, and one look-up finds a packet's.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple

from netctl.compiler.enforcement.steps import LAST_PORT, Condition, Icmp, Ports, PortSpan, Side, Step
from netctl.policy.model import Action, IcmpMatch, Protocol

Steps = tuple[Step, ...]
_Predicate = Callable[[Ports | Icmp], bool]

SEPARATE = 8
"""So many steps of one action look into sets that other rules share, one after another; more, into one of their own."""

_PORT_PROTOCOLS = (Protocol.SCTP, Protocol.TCP, Protocol.UDP)
_LAST_CODE = 255


class IcmpSpan(NamedTuple):
    """A type of ICMP messages, and consecutive codes of it."""

    type: int
    first: int
    last: int


class Cells(NamedTuple):
    """Steps without conditions (but for named ports), for each cell in which they differ from the rest."""

    ports: tuple[tuple[PortSpan, Steps], ...]
    messages: tuple[tuple[IcmpSpan, Steps], ...]
    icmp: Steps
    """Those for ICMP messages that are in no cell."""
    rest: Steps
    """Those for everything that is in no cell."""


def split(steps: Steps) -> Cells:
    """The cells of the steps."""
    rest = _chosen(steps, lambda _: False)
    any_icmp = _chosen(steps, lambda condition: condition == Icmp())
    ports = (cell for protocol in _PORT_PROTOCOLS for cell in _port_cells(steps, protocol))
    return Cells(
        tuple((span, chosen) for span, chosen in ports if chosen != rest),
        tuple((span, chosen) for span, chosen in _icmp_cells(steps) if chosen != any_icmp),
        any_icmp,
        rest,
    )


def merged(steps: Iterable[Step]) -> Iterator[Step]:
    """The same decisions by fewer steps, where many of one action follow one another."""
    for action, group in groupby(steps, lambda step: step.action):
        run = list(dict.fromkeys(group))
        if action is Action.LOG:
            yield from run
            continue
        if any(step.ends for step in run):
            yield Step(None, None, action)
            return
        if len(run) <= SEPARATE:
            yield from run
            continue
        for condition in dict.fromkeys(step.condition for step in run):
            yield Step(condition, _united(step.peers for step in run if step.condition == condition), action)


def _united(peers: Iterable[tuple[Side, ...] | None]) -> tuple[Side, ...] | None:
    sides: set[Side] = set()
    for part in peers:
        if part is None:
            return None
        sides.update(part)
    return tuple(sorted(sides))


def _chosen(steps: Iterable[Step], holds: _Predicate) -> Steps:
    """The steps of which the condition holds, or says nothing of numbers."""
    return tuple(
        step._replace(condition=None) if isinstance(step.condition, Ports | Icmp) else step
        for step in steps
        if not isinstance(step.condition, Ports | Icmp) or holds(step.condition)
    )


def _port_cells(steps: Sequence[Step], protocol: Protocol) -> Iterator[tuple[PortSpan, Steps]]:
    spans = [_spans(step.condition, protocol) for step in steps]
    bounds = sorted({0, LAST_PORT + 1}.union(*({span.first, span.last + 1} for part in spans for span in part)))
    columns: list[list[Step]] = [[] for _ in bounds[:-1]]
    for step, part in zip(steps, spans, strict=True):
        if isinstance(step.condition, Ports):
            bare = step._replace(condition=None)
            for span in part:
                for at in range(bisect_left(bounds, span.first), bisect_left(bounds, span.last + 1)):
                    columns[at].append(bare)
        elif not isinstance(step.condition, Icmp):
            for column in columns:
                column.append(step)
    cells = zip(pairwise(bounds), map(tuple, columns), strict=True)
    for chosen, group in groupby(cells, lambda cell: cell[1]):
        same = [bounds for bounds, _ in group]
        yield PortSpan(protocol, same[0][0], same[-1][1] - 1), chosen


def _spans(condition: Condition, protocol: Protocol) -> list[PortSpan]:
    return [span for span in condition.spans if span.protocol is protocol] if isinstance(condition, Ports) else []


def _icmp_cells(steps: Steps) -> Iterator[tuple[IcmpSpan, Steps]]:
    matches = [match for step in steps if isinstance(step.condition, Icmp) for match in step.condition.matches]
    for type_ in sorted({match.type for match in matches}):
        codes = {match.code for match in matches if match.type == type_ and match.code is not None}
        bounds = sorted({0, _LAST_CODE + 1}.union(*({code, code + 1} for code in codes)))
        for first, end in pairwise(bounds):
            chosen = _chosen(steps, partial(_is_about, IcmpMatch(type_, first)))
            yield IcmpSpan(type_, first, end - 1), chosen


def _is_about(message: IcmpMatch, condition: Ports | Icmp) -> bool:
    if isinstance(condition, Ports):
        return False
    return not condition.matches or any(
        match.type == message.type and match.code in {None, message.code} for match in condition.matches
    )
