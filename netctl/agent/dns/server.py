"""The sockets: UDP and TCP at one port. What comes in is answered at once, or when a resolver has been asked."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from netctl.agent.dns.forwarding import Forwarder
from netctl.agent.dns.responder import Address, Ask, Responder
from netctl.errors import BackendError

_AT_ONCE = 64
"""Datagrams that are answered before others have their turn."""
_LARGEST = 4096
"""Bytes of a query; none that makes sense is as large."""
_IDLE = 10.0
"""Seconds that a TCP client may take for his next query (RFC 7766 leaves it to the server)."""
_CLIENTS = 512
_BUFFER = 4 << 20


class Server:
    """Serves one address."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._forwarder = Forwarder()
        self._inbox: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = 0

    async def start(self, address: Address) -> Address:
        """Serve from now on; the address, with the port that was chosen where it was 0. Raises BackendError."""
        try:
            self._inbox = _bound(address)
            chosen = self._inbox.getsockname()[:2]
            self._listener = await asyncio.start_server(self._converse, *chosen, backlog=128)
        except OSError as error:
            self.close()
            raise BackendError(
                f"DNS cannot be served at {address[0]} port {address[1]}: {error.strerror or error}",
                "Choose another address with --listen, or stop what uses this one: ss -lnup",
            ) from error
        asyncio.get_running_loop().add_reader(self._inbox, self._receive, self._inbox)
        return str(chosen[0]), int(chosen[1])

    def close(self) -> None:
        """Serve no longer."""
        if self._inbox is not None:
            asyncio.get_running_loop().remove_reader(self._inbox)
            self._inbox.close()
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()

    def _receive(self, inbox: socket.socket) -> None:
        answer, receive, send = self._responder.answer, inbox.recvfrom, inbox.sendto
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

    async def _forward(self, inbox: socket.socket, ask: Ask, client: Any) -> None:
        reply = await self._forwarder.ask(ask, tcp=False)
        try:
            inbox.sendto(reply, client)
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


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    inbox = socket.socket(family, socket.SOCK_DGRAM)
    try:
        inbox.setblocking(False)
        inbox.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        inbox.bind(address)
    except OSError:
        inbox.close()
        raise
    return inbox
