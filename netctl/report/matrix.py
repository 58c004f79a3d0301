"""Who reaches what: endpoints in rows, in columns all that is offered, each cell for both families."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netctl.policy.matrix import Service
from netctl.policy.model import Protocol
from netctl.policy.verdicts import Verdict
from netctl.report.paint import PLAIN, Paint, printable
from netctl.report.rows import natural_order
from netctl.report.trials_wording import connection_text, why
from netctl.twin.examination import Findings
from netctl.twin.offers import Offer
from netctl.twin.trials import Outcome, Result

ALLOWED, DENIED, SOME, WRONG, UNTOLD, ITSELF = "+", ".", "~", "!", "?", " "
_MEANINGS = {
    ALLOWED: "allowed",
    DENIED: "denied",
    "4": "over IPv4 only",
    "6": "over IPv6 only",
    SOME: "to some of the service's endpoints",
    UNTOLD: "nothing tells",
    WRONG: "not as declared",
}
_WIDEST = 40
_FEW = 20
"""Connections that are not as declared that are listed, unless more are asked for."""


class Grid(NamedTuple):
    """The cells by row and column."""

    sources: Sequence[str]
    columns: Sequence[Offer]
    cells: Mapping[tuple[str, int], str]
    """By source and column, of what is not blank."""


def matrix_text(findings: Findings, paint: Paint = PLAIN, *, width: int = 100, verbose: bool = False) -> str:
    """The columns by number, the table in as many parts as *width* makes needed, and what is not as declared."""
    results = findings.matrix or ()
    grid = grid_of(results, findings.examination.offers)
    if not grid.columns or not grid.sources:
        return "There is nothing to be reached: no port is declared, or there is nowhere to send from."
    parts = [_legend(grid.columns), *_tables(grid, paint, width), _meaning(grid)]
    if untested := {result.trial.connection.source for result in results} - set(grid.sources):
        plural = "s, which are" if len(untested) > 1 else ", which is"
        parts.append(f"Nothing was sent from {len(untested)} endpoint{plural} not on this host.")
    if wrong := list(_wrong(results, findings, verbose=verbose)):
        parts.append("\n".join(["Not as declared:", *wrong]))
    return "\n\n".join(parts)


def grid_of(results: Iterable[Result], offers: Sequence[Offer]) -> Grid:
    """What was found, by source and offer. Endpoints that nothing was sent from are left out."""
    found: dict[tuple[Service, str], dict[str, list[Result]]] = {}
    for result in results:
        asked = result.trial.connection
        service = Service(asked.protocol, asked.port, asked.icmp)
        found.setdefault((service, asked.destination), {}).setdefault(asked.source, []).append(result)
    cells: dict[tuple[str, int], str] = {}
    columns = sorted(offers, key=_column_order)
    for at, offer in enumerate(columns):
        by_source: dict[str, list[Result]] = {}
        for name in offer.destinations:
            for source, some in found.get((offer.service, name), {}).items():
                by_source.setdefault(source, []).extend(some)
        findings = {
            source: [r for r in some if r.outcome is not Outcome.UNTESTED] for source, some in by_source.items()
        }
        cells |= {(source, at): _cell(some) for source, some in findings.items() if some}
    return Grid(sorted({source for source, _ in cells}, key=natural_order), columns, cells)


def _column_order(offer: Offer) -> tuple[bool, list[str | int], Service]:
    """Services first; ``s2`` before ``s10``."""
    return not offer.name.startswith("service "), natural_order(offer.name), offer.service


def offered_port(service: Service) -> str:
    """``5432/tcp``, or ``icmp``."""
    return "icmp" if service.protocol is Protocol.ICMP else f"{service.port}/{service.protocol}"


def _cell(results: Sequence[Result]) -> str:
    """One sign for connections from one source to one offer."""
    if any(result.outcome is Outcome.FAILED for result in results):
        return WRONG
    if any(result.outcome is Outcome.UNTOLD for result in results):
        return UNTOLD
    signs = {family: _sign(results, family) for family in {result.trial.connection.family for result in results}}
    if len(set(signs.values())) == 1:
        return next(iter(signs.values()))
    if SOME in signs.values():
        return SOME
    return "4" if signs[4] == ALLOWED else "6"


def _sign(results: Sequence[Result], family: int) -> str:
    verdicts = {result.found for result in results if result.trial.connection.family == family}
    return SOME if len(verdicts) > 1 else ALLOWED if Verdict.ALLOW in verdicts else DENIED


def _legend(columns: Sequence[Offer]) -> str:
    names = [_column_name(offer) for offer in columns]
    width = len(str(len(names)))
    return "\n".join(f"  {at:>{width}}  {printable(name)}" for at, name in enumerate(names, 1))


def _column_name(offer: Offer) -> str:
    count = f" ({len(offer.destinations)} endpoints)" if len(offer.destinations) > 1 else ""
    return f"{offer.name} {offered_port(offer.service)}{count}"


def _tables(grid: Grid, paint: Paint, width: int) -> Iterator[str]:
    named = min(_WIDEST, max(map(len, grid.sources)))
    cell = len(str(len(grid.columns))) + 1
    each = max(1, (width - named - 1) // cell)
    for first in range(0, len(grid.columns), each):
        places = range(first, min(first + each, len(grid.columns)))
        heading = " " * (named + 1) + "".join(f"{at + 1:>{cell}}" for at in places)
        rows = (_table_row(grid, source, places, named, cell, paint) for source in grid.sources)
        yield "\n".join([paint("dim", heading), *rows])


def _table_row(grid: Grid, source: str, places: Iterable[int], named: int, cell: int, paint: Paint) -> str:
    name = source if len(source) <= named else f"{source[: named - 1]}…"
    signs = (grid.cells.get((source, at), ITSELF) for at in places)
    padded = (" " * (cell - 1) + (paint("red", sign) if sign == WRONG else sign) for sign in signs)
    return f"{printable(name):<{named}} {''.join(padded)}".rstrip()


def _meaning(grid: Grid) -> str:
    used = set(grid.cells.values())
    return "   ".join(f"{sign} {meaning}" for sign, meaning in _MEANINGS.items() if sign in used)


def _wrong(results: Iterable[Result], findings: Findings, *, verbose: bool) -> Iterator[str]:
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    shown = failed if verbose else failed[:_FEW]
    for result in shown:
        yield printable(f"  {connection_text(result.trial)}: {why(result, findings.examination.evaluator)}")
    if len(failed) > len(shown):
        yield f"  and {len(failed) - len(shown)} more; --verbose shows them"
