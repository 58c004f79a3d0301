"""``netctl watch``."""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, cast

from netctl.agent.agent import Agent
from netctl.agent.declared import Declared, Loaded
from netctl.agent.git import Repository
from netctl.agent.keeping import Settings
from netctl.agent.log import Log, LogFormat
from netctl.agent.sources import Files, Git, Source
from netctl.cli.consent import refuse_conflicts, refuse_held, refuse_mass_deletion
from netctl.cli.declarations import Declarations, load_declarations
from netctl.cli.lock import place_of, stack_lock
from netctl.cli.options import Changing, Compiling
from netctl.cli.parameters import Option
from netctl.cli.reach import Reach, reach_of, reached
from netctl.cli.sessions import open_reader, open_writer
from netctl.cli.terminal import Terminal
from netctl.compiler.resting import UNWELL
from netctl.engine.facts import Facts
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Writer
from netctl.engine.session import Session
from netctl.errors import LockedError, NetctlError, UsageError
from netctl.report.diagnostics import text
from netctl.stack.source import STDIN

if TYPE_CHECKING:  # served where it is asked for
    from netctl.agent.webhook import Webhook

_SWITCHING = 0.0005
"""Seconds that a repair waits for a thread that works something out, whenever it needs the interpreter."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, Compiling):
    """What ``netctl watch`` takes."""

    resync: Annotated[
        str, Option("--resync", metavar="TIME", help="Look at everything this often (90s, 10m, 1h; 0: never).")
    ] = "10m"
    detect_only: Annotated[bool, Option("--detect-only", help="Report drift, and change nothing.")] = False
    max_deletes: Annotated[
        int | None,
        Option("--max-deletes", metavar="N", min=0, help="Refuse a new state that deletes more (default: all)."),
    ] = None
    listen: Annotated[
        str, Option("--listen", metavar="ADDRESS", help="Serve metrics, health, status: 127.0.0.1:9095.")
    ] = ""
    dns: Annotated[
        list[str], Option("--dns", metavar="ADDRESS:PORT", help="Serve DNS there, as netctl dns; repeatable.")
    ] = field(default_factory=list)
    git: Annotated[
        str, Option("--git", metavar="URL", help="A repository that has the declaration, in place of -f.")
    ] = ""
    ref: Annotated[str, Option("--ref", metavar="R", help="Its branch, tag or commit.")] = "HEAD"
    path: Annotated[str, Option("--path", metavar="P", help="The file or directory in it.")] = "."
    interval: Annotated[
        str, Option("--interval", metavar="TIME", help="Look at the repository this often (0: by webhook only).")
    ] = "1m"
    verify_signatures: Annotated[
        bool, Option("--verify-signatures", help="Only commits signed by whom git trusts here.")
    ] = False
    webhook_secret_file: Annotated[
        Path | None,
        Option("--webhook-secret-file", metavar="FILE", help="Take POST /webhook with it."),
    ] = None
    consul: Annotated[
        bool, Option("--consul", help="Follow what 'netctl publish' puts into Consul, in place of -f.")
    ] = False
    stack: Annotated[str, Option("--stack", metavar="NAME", help="The published stack.")] = ""
    address: Annotated[
        str, Option("--address", metavar="A", help="By which peers reach this host (default: as Consul's do).")
    ] = ""
    label: Annotated[
        list[str], Option("--label", metavar="K=V", help="A label of this host, if not declared; repeatable.")
    ] = field(default_factory=list)
    grace: Annotated[str, Option("--grace", metavar="TIME", help="Take a host that has died for gone after this.")] = (
        "30s"
    )
    log_format: Annotated[LogFormat, Option("--log-format", help="How log lines are written.")] = LogFormat.TEXT

    @property
    def context(self) -> Context:
        """Where the systems are to act. Nothing waits for one that restarts: it is heard of when it is back."""
        return super().context._replace(patient=False)


def run(options: Options) -> int:
    """Keep this host as declared: drift is repaired as it happens, a changed declaration made so."""
    gc.enable()  # this process stays, and what it uses in cycles has to be given back
    sys.setswitchinterval(_SWITCHING)
    _refuse_contradictions(options)
    seconds = duration(options.resync)
    terminal = options.terminal()
    log = Log(options.log_format, quiet=options.quiet)
    origin = _origin(options, log)
    with _session(options) as session, _lock(options, origin.name, terminal):
        origin.begin()
        reach = reach_of(origin.name, options.netns, options.state_dir)
        settings = Settings(seconds, options.detect_only, _consent(options, reach), origin.told, options.netns)
        agent = Agent(session, origin.load, origin.source, settings, log, os.environ)
        return asyncio.run(agent.run(_serving(options, origin.name)))


@contextmanager
def _lock(options: Options, stack: str, terminal: Terminal) -> Iterator[None]:
    """Only one watch for a stack and a host; the one that is there is told of another."""
    with ExitStack() as held:
        try:
            held.enter_context(stack_lock(stack, options.netns, "netctl watch", options, terminal))
        except LockedError:
            from netctl.agent.asking import SECOND, ask

            ask(_socket(options, stack), SECOND)
            raise
        yield


def _socket(options: Options, stack: str) -> Path:
    """Where a watch of the stack answers to ``netctl status``."""
    from netctl.agent.asking import socket_path

    return socket_path(options.state_dir, place_of(stack, options.netns))


def _refuse_contradictions(options: Options) -> None:
    """Raise UsageError for options that cannot be meant together."""
    if STDIN in options.file:
        raise UsageError("standard input cannot be watched", "Name a file: -f stack.yaml.")
    if options.git and options.file:
        raise UsageError("-f and --git cannot both be given", "Name the file in the repository with --path.")
    if options.consul and (options.file or options.git):
        raise UsageError("--consul takes the place of -f and --git", "Publish the file: netctl publish -f F.")
    if options.consul != bool(options.stack):
        raise UsageError("--consul and --stack go together", "Write: netctl watch --consul --stack NAME.")
    if options.webhook_secret_file and not (options.git and options.listen):
        raise UsageError("a webhook needs a repository and an address", "Give --git and --listen, too.")


class _Origin(Protocol):
    """Where the declaration is read from."""

    source: Source
    name: str
    """The stack's."""

    def begin(self) -> None:
        """Begin to follow: no other process does so on this host. Raises NetctlError."""
        ...

    def told(self, trouble: str) -> None:
        """How this host is; empty where all is as declared."""
        ...

    def load(self) -> Loaded:
        """Read the declaration. Raises NetctlError."""
        ...


class _Ready:
    """An origin that has nothing to begin, and tells nobody."""

    def begin(self) -> None:
        """Nothing."""

    def told(self, trouble: str) -> None:
        """Nothing."""


class _FileOrigin(_Ready):
    """Files."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.source: Source = Files(options.file)
        first = load_declarations(options)
        self.name = first.name
        self._ready = [first]

    def load(self) -> Loaded:
        """Read the declaration; the first time, what has been read already."""
        declarations = self._ready.pop() if self._ready else load_declarations(self._options)
        return Loaded(declarations.name, lambda facts: _compiled(declarations, self._options, facts, ""))


class _GitOrigin(_Ready):
    """A commit of a repository."""

    def __init__(self, options: Options) -> None:
        directory = options.state_dir / "git"
        verify = options.verify_signatures
        self._repository = Repository(options.git, options.ref, options.path, directory, verify=verify)
        source = Git(self._repository, duration(options.interval))
        self._options = options
        self._git = source
        self.source: Source = source
        self._commit = source.first()
        try:
            first = self._read(self._commit)
        except NetctlError as error:
            self._commit = source.fall_back(error)
            first = self._read(self._commit)
        self.name = first.name
        self._ready = [first]

    def load(self) -> Loaded:
        """Read the declaration in the newest commit that has been fetched."""
        if self._ready:
            declarations, commit = self._ready.pop(), self._commit
        else:
            commit = self._git.commit or self._commit
            declarations = self._read(commit)
        return Loaded(declarations.name, lambda facts: _compiled(declarations, self._options, facts, commit))

    def _read(self, commit: str) -> Declarations:
        path = self._repository.declaration(commit)
        return load_declarations(replace(self._options, file=[str(path)]))


def _origin(options: Options, log: Log) -> _Origin:
    if options.consul:
        from netctl.cli.published import Here, PublishedOrigin

        here = Here(
            options.stack, options.host, options.address, options.label, duration(options.grace), options.netns,
            options.state_dir,
        )  # fmt: skip
        return PublishedOrigin(here, log, options.context)
    return _GitOrigin(options) if options.git else _FileOrigin(options)


def _serving(options: Options, stack: str) -> Callable[[Agent, AsyncExitStack], Awaitable[None]]:
    """Begins to answer on the socket for ``netctl status``, and where ``--listen`` says."""

    async def serve(agent: Agent, ending: AsyncExitStack) -> None:
        from netctl.agent.status import listening

        await ending.enter_async_context(listening(agent, _socket(options, stack)))
        if options.dns:
            await _serve_names(options, agent, ending)
        if options.listen:
            from netctl.agent.web import Web, parse_listen

            web = await Web(agent, _webhook(agent, options)).listen(*parse_listen(options.listen))
            ending.callback(web.close)

    return serve


async def _serve_names(options: Options, agent: Agent, ending: AsyncExitStack) -> None:
    """Begin to answer by DNS; as long as there is no desired state, that one is to ask again."""
    from netctl.agent.dns.following import Names
    from netctl.agent.dns.responder import Responder
    from netctl.agent.dns.server import Server, parse_listen

    responder = Responder()
    agent.names = Names(responder)
    for given in options.dns:
        server = Server(responder)
        ending.callback(server.close)
        address, port = await server.start(parse_listen(given, "--dns"))
        agent.log.info("serving DNS", address=address, port=port)


def _webhook(agent: Agent, options: Options) -> "Webhook | None":
    if options.webhook_secret_file is None:
        return None
    from netctl.agent.webhook import Webhook, read_secret

    return Webhook(agent, read_secret(options.webhook_secret_file), agent.look)


@contextmanager
def _session(options: Options) -> Iterator[Session[Writer]]:
    """One that can change nothing where drift is only to be detected."""
    opened = cast(Session[Writer], open_reader(options)) if options.detect_only else open_writer(options)
    with opened as session:
        yield session


def _compiled(declarations: Declarations, options: Options, facts: Facts, commit: str) -> Declared:
    host = declarations.choose_host(options.host, facts)
    compiled = declarations.compile(host, facts)
    terminal = options.terminal()
    # Who is unwell is told by the log, as it changes.
    warnings = [warning for warning in compiled.diagnostics if warning.code != UNWELL]
    terminal.remark(text(warnings, terminal.error_paint))
    files = tuple(Path(file.path).absolute() for file in declarations.loaded.files)
    revision = commit or declarations.loaded.digest
    return Declared(declarations.name, host, compiled.resources, revision, files, compiled.balanced)


def _consent(options: Options, reach: Reach) -> Callable[[Plan], None]:
    def agree(plan: Plan) -> None:
        refuse_conflicts(plan)
        refuse_held(plan)
        refuse_mass_deletion(plan, options.max_deletes)
        if not options.detect_only:
            reach.add(reached(change.key for change in plan.changes))

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
