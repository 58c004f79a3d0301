"""``netctl status``."""

import json
from dataclasses import dataclass
from typing import Annotated

import typer

from netctl.cli.options import Compiling, Format
from netctl.cli.workspace import reading
from netctl.report.status import status_document, status_of, status_text


@dataclass(frozen=True, kw_only=True)
class Options(Compiling):
    """What ``netctl status`` takes."""

    output: Annotated[Format, typer.Option("-o", "--output", help="How the status is printed.")] = Format.TEXT


def run(options: Options) -> int:
    """Which declarations hold on this host, which have drifted, and what is left of earlier ones."""
    terminal = options.terminal()
    with reading(options, terminal) as work:
        plan = work.plan()
        status = status_of(plan, work.desired)
        unread = work.unread(plan)
    if options.output is Format.JSON:
        terminal.result(json.dumps(status_document(status), indent=2))
    else:
        terminal.result(status_text(status, terminal.paint, verbose=terminal.verbose))
    for part in unread:
        terminal.remark(f"not read: {part.system}: {part.part}: {part.reason}")
    return 0
