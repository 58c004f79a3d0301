"""``netctl dns``."""

import asyncio
import gc
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Annotated

from netctl.agent.dns.declared import state_of
from netctl.agent.dns.responder import Address, Responder, State
from netctl.agent.dns.server import Server, parse_listen
from netctl.agent.listening import Listening
from netctl.agent.log import Log, LogFormat
from netctl.agent.remembering import Remembering
from netctl.cli.declarations import Declarations, load_declarations
from netctl.cli.options import Compiling
from netctl.cli.parameters import Option
from netctl.cli.sessions import open_reader
from netctl.compiler.consul.registration import registered
from netctl.engine.facts import Facts
from netctl.engine.protocol import Reader
from netctl.engine.session import Session
from netctl.errors import DeclarationError, NetctlError
from netctl.kinds.consul import SYSTEM as CONSUL
from netctl.kinds.docker import SYSTEM as DOCKER
from netctl.report.diagnostics import text
from netctl.stack.docker_models import DockerNetwork
from netctl.stack.models import Stack

_CALM = 0.05
"""Seconds in which what happens is looked at once."""


@dataclass(frozen=True, kw_only=True)
class Options(Compiling):
    """What ``netctl dns`` takes."""

    listen: Annotated[
        list[str],
        Option("--listen", metavar="ADDRESS:PORT", help="Where to serve (127.0.0.1:53); may be repeated."),
    ] = field(default_factory=list)


def run(options: Options) -> int:
    """Answer for the stack's services by DNS, until stopped; on SIGHUP, read the declaration again.

    Names of containers, and who is unwell, are followed where Docker and Consul tell of it.
    """
    gc.enable()  # this process stays, and what it uses in cycles has to be given back
    addresses = [parse_listen(given, "--listen") for given in options.listen or ["127.0.0.1:53"]]
    with ExitStack() as ending:
        naming = _Naming(options, ending)
        return asyncio.run(_Serving(options, naming, Responder(naming.read())).run(addresses))


class _Naming:
    """Works out what to answer with: by the declaration, and by whom it says that knows more."""

    def __init__(self, options: Options, ending: ExitStack) -> None:
        self._options = options
        self._ending = ending
        self._session: Session[Reader] | None = None
        self._remembering = Remembering("engine", "complaints")
        self._declarations = load_declarations(options)

    def read(self, *, again: bool = False) -> State:
        """What to answer with; *again*: the declaration is read again, too. Raises NetctlError."""
        declarations = load_declarations(self._options) if again else self._declarations
        facts, host = self._facts(declarations)
        state = state_of(declarations.loaded, facts, host, int(time.time()))
        self._declarations = declarations
        return state

    def _facts(self, declarations: Declarations) -> tuple[Facts | None, str]:
        """What is known, and which host this is; nothing is asked for a stack of which nobody knows more."""
        if not _told_by(declarations.loaded.stack):
            return None, ""
        if self._session is None:
            self._session = self._ending.enter_context(open_reader(self._options))
        facts = self._remembering.told(self._session.facts())
        try:
            return facts, declarations.choose_host(self._options.host, facts)
        except NetctlError:
            if self._options.host is not None:
                raise
            return facts, ""  # none of the stack's hosts can answer for it, too

    @property
    def members(self) -> Mapping[str, Reader]:
        """The systems that tell of changes."""
        told_by = _told_by(self._declarations.loaded.stack)
        members = self._session.members if self._session is not None else {}
        return {name: member for name, member in members.items() if name in told_by}


def _told_by(stack: Stack) -> set[str]:
    has_containers = any(isinstance(net, DockerNetwork) for net in stack.networks.values())
    return ({DOCKER} if has_containers else set()) | ({CONSUL} if registered(stack) else set())


class _Serving:
    """Answers, and hears of what changes."""

    def __init__(self, options: Options, naming: _Naming, responder: Responder) -> None:
        self._terminal = options.terminal()
        self._naming = naming
        self._responder = responder
        self._noticed = asyncio.Event()
        self._reads_again = False
        self._ended = False
        self._away: set[str] = set()
        """Systems that cannot be heard at present."""

    async def run(self, addresses: list[Address]) -> int:
        """Answer until a signal ends it; the exit code."""
        loop = asyncio.get_running_loop()
        servers = [Server(self._responder) for _ in addresses]
        try:
            for server, address in zip(servers, addresses, strict=True):
                host, port = await server.start(address)
                self._terminal.remark(f"Serving DNS at {host} port {port}.")
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._end)
            loop.add_signal_handler(signal.SIGHUP, self._reload)
            await self._follow(loop)
        finally:
            for server in servers:
                server.close()
        return 0

    async def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        listening = Listening(self._naming.members, Log(LogFormat.TEXT, quiet=True))
        listening.start_threads(loop, listening.threaded, self._heard, self._lost)
        while True:
            await self._noticed.wait()
            if self._ended:
                return
            self._noticed.clear()
            await self._renew()
            await asyncio.sleep(_CALM)

    async def _renew(self) -> None:
        """Another state; what is wrong with the declaration is told, and the former state stays."""
        again, self._reads_again = self._reads_again, False
        try:
            self._responder.replace(await asyncio.to_thread(self._naming.read, again=again))
        except DeclarationError as error:
            self._terminal.error(text(error.diagnostics, self._terminal.error_paint))
            self._terminal.error("The former declaration is still served.")
        except NetctlError as error:
            self._terminal.error(f"{error.message}; the former declaration is still served.")
        else:
            if again:
                self._terminal.remark("Read the declaration again.")

    def _heard(self, name: str, _keys: object) -> None:
        self._away.discard(name)
        self._noticed.set()

    def _lost(self, name: str, reason: str) -> None:
        if name not in self._away and self._terminal.verbose:
            self._terminal.remark(f"{name} cannot be heard; what it said last is answered with: {reason}")
        self._away.add(name)

    def _reload(self) -> None:
        self._reads_again = True
        self._noticed.set()

    def _end(self) -> None:
        self._ended = True
        self._noticed.set()
