"""``netctl trace``."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from netctl.cli.options import Format, Sources

UNCONNECTED = 2


class Family(StrEnum):
    """Of which addresses a packet is."""

    IPV4 = "4"
    IPV6 = "6"


@dataclass(frozen=True, kw_only=True)
class Options(Sources):
    """What ``netctl trace`` takes."""

    source: Annotated[str, typer.Argument(metavar="FROM", help="An endpoint, service, host or address.")]
    destination: Annotated[str, typer.Argument(metavar="TO", help="The same.")]
    port: Annotated[str, typer.Argument(metavar="PORT", help="80, 53/udp, icmp, or a name that TO gives a port.")]
    family: Annotated[
        Family | None, typer.Option("--family", help="IPv4 or IPv6 (default: IPv4 where both ends have it).")
    ] = None
    output: Annotated[Format, typer.Option("-o", "--output", help="How the trace is printed.")] = Format.TEXT
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where a connection is denied or does not arrive.")
    ] = False


def run(options: Options) -> int:
    """Show which rule decides on a connection, and the way its packets take. By the declaration alone.

    An endpoint may be named by the end of its name (web for frontend/web) where no other ends so. Of a service, each
    endpoint is traced. Exits with 0 whatever the verdict is, unless --detailed-exitcode is given.
    """
    from netctl.cli.declarations import load_stack
    from netctl.path import Tracer

    loaded = load_stack(options)
    tracer = Tracer(loaded.stack, loaded)
    family = int(options.family) if options.family else None
    traces = tracer.trace(options.source, options.destination, options.port, family)
    terminal = options.terminal()
    if options.output is Format.JSON:
        from netctl.report.trace_json import traces_document

        terminal.result(json.dumps(traces_document(loaded.stack.stack, traces, loaded.line), indent=2))
    else:
        from netctl.report.trace_text import traces_text

        terminal.result(traces_text(traces, loaded.line, terminal.paint))
    failed = options.detailed_exitcode and not all(trace.connects for trace in traces)
    return UNCONNECTED if failed else 0
