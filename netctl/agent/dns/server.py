"""The sockets: UDP and TCP at one port. What comes in is answered at once, or when a resolver has been asked."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from netctl.agent.dns.datagrams import Datagrams
from netctl.agent.dns.forwarding import Forwarder
from netctl.agent.dns.responder import Address, Ask, Responder
from netctl.errors import BackendError, UsageError
from netctl.stack.scalars import canonical_address

_AT_ONCE = 64
"""Datagrams that are answered before others have their turn."""
_LARGEST = 4096
"""Bytes of a query; none that makes sense is as large."""
_IDLE = 10.0
"""Seconds that a TCP client may take for his next query (RFC 7766 leaves it to the server)."""
_CLIENTS = 512
_ATTEMPTS = 10


class Server:
    """Serves one address."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._forwarder = Forwarder()
        self._inbox: Datagrams | None = None
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = 0

    async def start(self, address: Address) -> Address:
        """Serve from now on; the address, with the port that was chosen where it was 0. Raises BackendError."""
        attempts = 1 if address[1] else _ATTEMPTS  # a port that is free for UDP need not be so for TCP
        while True:
            attempts -= 1
            try:
                return await self._listen(address)
            except OSError as error:
                self.close()
                if attempts:
                    continue
                raise BackendError(
                    f"DNS cannot be served at {address[0]} port {address[1]}: {error.strerror or error}",
                    "Choose another address, or stop what uses this one: ss -lnup",
                ) from error

    async def _listen(self, address: Address) -> Address:
        self._inbox = inbox = Datagrams(address)
        host, port = inbox.socket.getsockname()[:2]
        self._listener = await asyncio.start_server(self._converse, host, port, backlog=128)
        asyncio.get_running_loop().add_reader(inbox.socket, self._receive, inbox)
        return str(host), int(port)

    def close(self) -> None:
        """Serve no longer."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            asyncio.get_running_loop().remove_reader(inbox.socket)
            inbox.close()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for task in self._tasks:
            task.cancel()

    def _receive(self, inbox: Datagrams) -> None:
        answer, receive, send = self._responder.answer, inbox.receive, inbox.send
        for _ in range(_AT_ONCE):
            try:
                message, client = receive(_LARGEST)
            except OSError:  # nothing more there, or what the kernel heard of a client that is gone
                return
            reply = answer(message)
            if reply is None:
                continue
            if isinstance(reply, Ask):
                self._begin(self._forward(inbox, reply, client))
                continue
            try:
                send(reply, client)
            except OSError:  # a client that cannot be reached, or no room: he will ask again
                continue

    async def _forward(self, inbox: Datagrams, ask: Ask, client: Any) -> None:
        reply = await self._forwarder.ask(ask, tcp=False)
        try:
            inbox.send(reply, client)
        except OSError:
            return  # as above

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All queries of one TCP client."""
        self._clients += 1
        try:
            while self._clients <= _CLIENTS:
                async with asyncio.timeout(_IDLE):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    message = await reader.readexactly(length)
                reply = self._responder.answer(message, tcp=True)
                if isinstance(reply, Ask):
                    reply = await self._forwarder.ask(reply, tcp=True)
                if reply is None:
                    return
                writer.write(len(reply).to_bytes(2, "big") + reply)
                async with asyncio.timeout(_IDLE):
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # he is gone, or has nothing to say
        finally:
            self._clients -= 1
            writer.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def parse_listen(given: str, option: str) -> Address:
    """``127.0.0.1:5353``, ``[::1]:53``, or an address alone, which is at port 53. Raises UsageError."""
    has_port = "]:" in given or given.count(":") == 1
    address, _, port = given.rpartition(":") if has_port else (given, "", "53")
    try:
        return canonical_address(address.strip("[]")), _port(port)
    except ValueError as error:
        raise UsageError(f"{option} {given}: {error}", "Write it like 127.0.0.1:5353 or [::1]:5353.") from error


def _port(text: str) -> int:
    """A port, 0 for any that is free. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise ValueError(f"'{text}' is not a port")
    return int(text)
