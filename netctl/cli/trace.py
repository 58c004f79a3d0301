"""``netctl trace``."""

import json
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

from netctl.cli.options import Compiling, Format
from netctl.cli.parameters import Argument, Option
from netctl.engine.facts import Facts
from netctl.errors import NetctlError

if TYPE_CHECKING:  # what loads a stack is imported where one is loaded
    from netctl.cli.declarations import Declarations

UNCONNECTED = 2


class Family(StrEnum):
    """Of which addresses a packet is."""

    IPV4 = "4"
    IPV6 = "6"


@dataclass(frozen=True, kw_only=True)
class Options(Compiling):
    """What ``netctl trace`` takes."""

    source: Annotated[str, Argument(metavar="FROM", help="An endpoint, service, host or address.")]
    destination: Annotated[str, Argument(metavar="TO", help="The same.")]
    port: Annotated[str, Argument(metavar="PORT", help="80, 53/udp, icmp, or a name that TO gives a port.")]
    family: Annotated[
        Family | None, Option("--family", help="IPv4 or IPv6 (default: IPv4 where both ends have it).")
    ] = None
    output: Annotated[Format, Option("-o", "--output", help="How the trace is printed.")] = Format.TEXT
    detailed_exitcode: Annotated[
        bool, Option("--detailed-exitcode", help="Exit with 2 where a connection is denied or does not arrive.")
    ] = False


def run(options: Options) -> int:
    """Show which rule decides on a connection, and the way its packets take. By the declaration alone, but for a
    virtual address, of which is said whom it leaves out at present.

    An endpoint may be named by the end of its name (web for frontend/web) where no other ends so. Of a service, each
    endpoint is traced. Exits with 0 whatever the verdict is, unless --detailed-exitcode is given.
    """
    from netctl.cli.declarations import load_declarations
    from netctl.path import Tracer

    declarations = load_declarations(options)
    loaded = declarations.loaded
    tracer = Tracer(loaded.stack, loaded)
    family = int(options.family) if options.family else None
    with ExitStack() as ending:
        known = partial(_known, declarations, options, ending)
        traces = tracer.trace(options.source, options.destination, options.port, family, known)
    terminal = options.terminal()
    if options.output is Format.JSON:
        from netctl.report.trace_json import traces_document

        terminal.result(json.dumps(traces_document(loaded.stack.stack, traces, loaded.line), indent=2))
    else:
        from netctl.report.trace_text import traces_text

        terminal.result(traces_text(traces, loaded.line, terminal.paint))
    failed = options.detailed_exitcode and not all(trace.connects for trace in traces)
    return UNCONNECTED if failed else 0


def _known(declarations: "Declarations", options: Options, ending: ExitStack) -> tuple[Facts, str]:
    """What is known of this host, as far as it can be read until the *ending*, and which of the stack's it is."""
    from netctl.cli.sessions import open_reader
    from netctl.cli.workspace import watched

    facts, host = Facts(), ""
    with suppress(NetctlError):
        session = ending.enter_context(open_reader(options))
        facts = watched(session.facts(), declarations.name, options)
        host = declarations.choose_host(options.host, facts)
    return facts, host
