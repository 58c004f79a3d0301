"""A twin in words: what it is made of and how to look inside; what its matrix came to."""

from collections import Counter
from collections.abc import Iterator, Sequence

from netctl.report.apply_report import duration
from netctl.report.paint import PLAIN, Paint, printable
from netctl.report.rows import natural_order, plural
from netctl.report.trials_wording import failure_text
from netctl.twin.blueprint import HostPlan
from netctl.twin.examination import Findings
from netctl.twin.spaces import LONE, space
from netctl.twin.trials import Outcome
from netctl.twin.twin import Twin

_FEW = 20
"""Hosts, and failures, that are listed."""
_ENDPOINTS = 8


def twin_text(twin: Twin, paint: Paint = PLAIN) -> str:
    """What was made, host by host, and how to enter it."""
    hosts = sorted(twin.blueprint.hosts, key=lambda host: natural_order(host.name))
    resources = sum(host.resources for host in twin.deployed)
    endpoints = sum(len(host.attached) for host in hosts)
    made = f"{len(hosts)} {plural('host', len(hosts))}, {endpoints} {plural('endpoint', endpoints)}"
    head = f"The twin of {twin.blueprint.stack} is up, in {duration(twin.seconds)}: {made}; {resources} resources "
    lines = [paint("green", f"{head}applied and verified.")]
    width = max(len(host.name or LONE) for host in hosts)
    lines += (printable(_host(host, width)) for host in hosts[:_FEW])
    lines += [f"  and {len(hosts) - _FEW} more hosts"] if len(hosts) > _FEW else []
    first = hosts[0].name or LONE
    enter = f"netctl twin exec --stack {twin.blueprint.stack} {first} -- ip address"
    return "\n".join(
        [*lines, f"Look inside: {enter}", f"         or: ip -n {space(twin.blueprint.stack, first)} address"]
    )


def matrix_summary(findings: Findings, paint: Paint = PLAIN) -> str:
    """What came of the matrix, in a line, and of what is not as declared a line each."""
    results = findings.matrix or ()
    counted = Counter(result.outcome for result in results)
    sent = len(results) - counted[Outcome.UNTESTED]
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if not sent:
        return "Who reaches what: there is nothing to be reached."
    if not failed:
        return f"Who reaches what: {sent} {plural('connection', sent)}, all as declared."
    lines = [paint("red", f"Who reaches what: {sent} {plural('connection', sent)}, {len(failed)} not as declared:")]
    lines += (f"  {failure_text(result, findings.examination.evaluator)}" for result in failed[:_FEW])
    lines += [f"  and {len(failed) - _FEW} more"] if len(failed) > _FEW else []
    return "\n".join(lines)


def _host(host: HostPlan, width: int) -> str:
    address = next((text.partition("/")[0] for plug in host.interfaces for text in plug.addresses), "")
    attached = " ".join(_shortened(sorted(host.attached, key=natural_order)))
    return f"  {host.name or LONE:<{width}}  {address}  {attached}".rstrip()


def _shortened(names: Sequence[str]) -> Iterator[str]:
    yield from names[:_ENDPOINTS]
    if len(names) > _ENDPOINTS:
        yield f"and {len(names) - _ENDPOINTS} more"
