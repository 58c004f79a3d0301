"""``netctl dns``."""

import asyncio
import gc
import signal
import time
from dataclasses import dataclass, field
from typing import Annotated

import typer

from netctl.agent.dns.declared import state_of
from netctl.agent.dns.responder import Address, Responder, State
from netctl.agent.dns.server import Server
from netctl.cli.declarations import load_stack
from netctl.cli.options import Sources
from netctl.cli.terminal import Terminal
from netctl.errors import DeclarationError, UsageError
from netctl.report.diagnostics import text
from netctl.stack.scalars import canonical_address


@dataclass(frozen=True, kw_only=True)
class Options(Sources):
    """What ``netctl dns`` takes."""

    listen: Annotated[
        list[str],
        typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to serve (127.0.0.1:53); may be repeated."),
    ] = field(default_factory=list)


def run(options: Options) -> int:
    """Answer for the stack's services by DNS, until stopped; on SIGHUP, read the declaration again."""
    gc.enable()  # this process stays, and what it uses in cycles has to be given back
    addresses = [parse_listen(given) for given in options.listen or ["127.0.0.1:53"]]
    responder = Responder(_load(options))
    return asyncio.run(_serve(options, responder, addresses))


def parse_listen(given: str) -> Address:
    """``127.0.0.1:5353``, ``[::1]:53``, or an address alone, which is at port 53. Raises UsageError."""
    has_port = "]:" in given or given.count(":") == 1
    address, _, port = given.rpartition(":") if has_port else (given, "", "53")
    try:
        return canonical_address(address.strip("[]")), _port(port)
    except ValueError as error:
        raise UsageError(f"--listen {given}: {error}", "Write it like 127.0.0.1:5353 or [::1]:5353.") from error


def _port(text: str) -> int:
    """A port, 0 for any that is free. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise ValueError(f"'{text}' is not a port")
    return int(text)


def _load(options: Options) -> State:
    return state_of(load_stack(options), serial=int(time.time()))


async def _serve(options: Options, responder: Responder, addresses: list[Address]) -> int:
    terminal = options.terminal()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    servers = [Server(responder) for _ in addresses]
    try:
        for server, address in zip(servers, addresses, strict=True):
            host, port = await server.start(address)
            terminal.remark(f"Serving DNS at {host} port {port}.")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.add_signal_handler(signal.SIGHUP, _reload, options, responder, terminal)
        await ended.wait()
    finally:
        for server in servers:
            server.close()
    return 0


def _reload(options: Options, responder: Responder, terminal: Terminal) -> None:
    """Another state; what is wrong with the declaration is told, and the former state stays."""
    try:
        responder.replace(_load(options))
        terminal.remark("Read the declaration again.")
    except DeclarationError as error:
        terminal.error(text(error.diagnostics, terminal.error_paint))
        terminal.error("The former declaration is still served.")
