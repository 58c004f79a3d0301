"""``netctl watch``."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import typer

from netctl.agent.agent import Agent, Settings
from netctl.agent.declared import Declared, Load, Loaded
from netctl.agent.log import Log, LogFormat
from netctl.agent.sources import Files
from netctl.cli.consent import refuse_conflicts, refuse_mass_deletion
from netctl.cli.declarations import Declarations, load_declarations
from netctl.cli.lock import identity, stack_lock
from netctl.cli.options import Changing, Compiling
from netctl.cli.sessions import open_reader, open_writer
from netctl.engine.facts import Facts
from netctl.engine.plan import Plan
from netctl.engine.protocol import Writer
from netctl.engine.session import Session
from netctl.errors import UsageError
from netctl.stack.source import STDIN


@dataclass(frozen=True, kw_only=True)
class Options(Changing, Compiling):
    """What ``netctl watch`` takes."""

    resync: Annotated[
        str, typer.Option("--resync", metavar="TIME", help="Look at everything this often (90s, 10m, 1h; 0: never).")
    ] = "10m"
    detect_only: Annotated[bool, typer.Option("--detect-only", help="Report drift, and change nothing.")] = False
    max_deletes: Annotated[
        int | None,
        typer.Option("--max-deletes", metavar="N", min=0, help="Refuse a new state that deletes more (default: all)."),
    ] = None
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", help="Serve metrics, health and status: 127.0.0.1:9095.")
    ] = ""
    log_format: Annotated[LogFormat, typer.Option("--log-format", help="How log lines are written.")] = LogFormat.TEXT


def run(options: Options) -> int:
    """Keep this host as declared: drift is repaired as it happens, a changed declaration made so."""
    gc.enable()  # this process stays, and what it uses in cycles has to be given back
    seconds = duration(options.resync)
    terminal = options.terminal()
    if STDIN in options.file:
        raise UsageError("standard input cannot be watched", "Name a file: -f stack.yaml.")
    log = Log(options.log_format, quiet=options.quiet)
    declarations = load_declarations(options)
    with (
        _session(options) as session,
        stack_lock(declarations.name, options.netns, "netctl watch", options, terminal),
    ):
        load = _loader(options, declarations)
        settings = Settings(seconds, options.detect_only, _consent(options))
        agent = Agent(session, load, Files(options.file), settings, log, os.environ)
        return asyncio.run(agent.run(_serving(options, declarations.name)))


def _serving(options: Options, stack: str) -> Callable[[Agent, AsyncExitStack], Awaitable[None]]:
    """Begins to answer on the socket for ``netctl status``, and where ``--listen`` says."""

    async def serve(agent: Agent, ending: AsyncExitStack) -> None:
        from netctl.agent.asking import socket_path
        from netctl.agent.status import listening

        path = socket_path(options.state_dir, f"{stack}@{identity(options.netns)}")
        await ending.enter_async_context(listening(agent, path))
        if options.listen:
            from netctl.agent.web import Web, parse_listen

            web = await Web(agent).listen(*parse_listen(options.listen))
            ending.callback(web.close)

    return serve


@contextmanager
def _session(options: Options) -> Iterator[Session[Writer]]:
    """One that can change nothing where drift is only to be detected."""
    opened = cast(Session[Writer], open_reader(options)) if options.detect_only else open_writer(options)
    with opened as session:
        yield session


def _loader(options: Options, first: Declarations) -> Load:
    """Reads the declaration; the first time, what has been read already."""
    ready = [first]

    def load() -> Loaded:
        declarations = ready.pop() if ready else load_declarations(options)
        return Loaded(declarations.name, lambda facts: _compiled(declarations, options, facts))

    return load


def _compiled(declarations: Declarations, options: Options, facts: Facts) -> Declared:
    host = declarations.choose_host(options.host, facts)
    compiled = declarations.compile(host, facts, options.terminal())
    files = tuple(Path(file.path).absolute() for file in declarations.loaded.files)
    return Declared(declarations.name, host, compiled.resources, declarations.loaded.digest, files)


def _consent(options: Options) -> Callable[[Plan], None]:
    def agree(plan: Plan) -> None:
        refuse_conflicts(plan)
        refuse_mass_deletion(plan, options.max_deletes)

    return agree


def duration(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h`` or ``0``. Raises UsageError."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"'{text}' is no duration", "Write it as 90s, 10m or 1h; 0 switches it off.")
    return seconds
