"""``netctl test``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from netctl.cli.findings import Junit, Output, Patience, print_findings, write_junit
from netctl.cli.options import Compiling, Format
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.errors import PrivilegeError

if TYPE_CHECKING:  # what reads declarations is imported where they are read
    from netctl.cli.declarations import Declarations
    from netctl.policy.model import Endpoint
    from netctl.twin.examination import Examination, Findings
    from netctl.twin.trials import Result, StandOf, Trial


@dataclass(frozen=True, kw_only=True)
class Options(Compiling):
    """What ``netctl test`` takes."""

    static: Annotated[bool, Option("--static", help="Decide on the declaration alone; touch no system.")] = False
    matrix: Annotated[bool, Option("--matrix", help="Also show who reaches what, endpoint by endpoint.")] = False
    junit: Junit = None
    timeout: Patience = 2.0
    output: Output = Format.TEXT


def run(options: Options) -> int:
    """Find out whether every expectation holds: with real packets from this host, or --static, on the declaration."""
    from netctl.cli.declarations import load_declarations
    from netctl.report.diagnostics import text
    from netctl.twin.examination import examine_policies

    terminal = options.terminal()
    declarations = load_declarations(options)
    examination = examine_policies(declarations.loaded.stack, declarations.loaded)
    terminal.remark(text(examination.warnings, terminal.error_paint))
    findings = _decided(examination, options) if options.static else _tried(declarations, options, terminal)
    print_findings(findings, options.output, terminal)
    if options.junit:
        write_junit(options.junit, findings)
    return 1 if findings.failures else 0


def _decided(examination: "Examination", options: Options) -> "Findings":
    from netctl.twin.examination import Findings, Manner
    from netctl.twin.trials import as_declared, decide_trials

    matrix = as_declared(examination.matrix()) if options.matrix else None
    results = decide_trials(examination.noted_trials(), examination.evaluator)
    return Findings(examination, Manner.STATIC, "", results, matrix)


def _tried(declarations: "Declarations", options: Options, terminal: Terminal) -> "Findings":
    """With real packets; of this host's endpoints, to the addresses that they have now."""
    from netctl.cli.sessions import open_reader, place_name
    from netctl.twin.examination import Findings, Manner, examine_policies

    try:
        with open_reader(options) as session:
            facts = session.facts()
            host = declarations.choose_host(options.host, facts)
            examination = examine_policies(declarations.loaded.stack, declarations.loaded, facts, host)
        links = {(host, link.name): link.addresses for link in facts.links.values()}
        trials, matrix = examination.noted_trials(links), examination.matrix(links) if options.matrix else []
        results = _send([*trials, *matrix], _here(examination, host, options.netns), options, terminal)
    except PrivilegeError as error:
        advice = "Run this as root; or add --static, which needs no privilege: it decides on the declaration alone."
        raise PrivilegeError(error.message, advice) from error
    place = place_name(host or facts.hostname, options.netns)
    found = results[len(trials) :] if options.matrix else None
    return Findings(examination, Manner.LIVE, place, results[: len(trials)], found)


def _here(examination: "Examination", host: str, netns: str) -> "StandOf":
    """Endpoints on this host send from their own namespaces, the host from the one that netctl acts in."""
    from netctl.twin.trials import stands

    def netns_of(end: "Endpoint") -> str | None:
        if end.host != host:
            return None
        return netns if end.kind == "host" else end.netns or None

    return stands(examination.policies, netns_of)


def _send(trials: Sequence["Trial"], stand_of: "StandOf", options: Options, terminal: Terminal) -> list["Result"]:
    from netctl.twin.trials import run_trials

    return run_trials(trials, stand_of, options.timeout, progress=terminal.progress("connections"))
