"""``netctl status``."""

import json
from dataclasses import dataclass
from typing import Annotated

import typer

from netctl.agent.asking import ask, socket_path, watch_text
from netctl.cli.lock import identity
from netctl.cli.options import DEFAULT_STATE_DIR, Compiling, Format, StateDir
from netctl.cli.workspace import reading
from netctl.report.status import status_document, status_of, status_text


@dataclass(frozen=True, kw_only=True)
class Options(Compiling):
    """What ``netctl status`` takes."""

    state_dir: StateDir = DEFAULT_STATE_DIR
    output: Annotated[Format, typer.Option("-o", "--output", help="How the status is printed.")] = Format.TEXT


def run(options: Options) -> int:
    """Which declarations hold on this host, which have drifted, and what is left of earlier ones."""
    terminal = options.terminal()
    with reading(options, terminal) as work:
        plan = work.plan()
        status = status_of(plan, work.desired)
        unread = work.unread(plan)
    watch = ask(socket_path(options.state_dir, f"{plan.stack}@{identity(options.netns)}"))
    if options.output is Format.JSON:
        terminal.result(json.dumps(status_document(status) | ({"watch": watch} if watch else {}), indent=2))
    else:
        terminal.result(status_text(status, terminal.paint, verbose=terminal.verbose))
        terminal.result(watch_text(watch) if watch else "")
    for part in unread:
        terminal.remark(f"not read: {part.system}: {part.part}: {part.reason}")
    return 0
