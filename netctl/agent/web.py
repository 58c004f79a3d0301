"""The small HTTP server: metrics, health, readiness, a status page, and a webhook where one is wanted.

It answers one request a connection, reads no more than it must, and knows nothing but these pages.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from netctl.agent.agent import Agent
from netctl.agent.status import document, page, refresh_gauges
from netctl.errors import NetctlError, UsageError

_PATIENCE = 10.0
"""Seconds that a client may take to ask."""
_LONGEST_HEAD = 16 << 10
_LONGEST_BODY = 1 << 20
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
            405: "Method Not Allowed", 413: "Content Too Large", 503: "Service Unavailable"}  # fmt: skip


class Request(NamedTuple):
    """What a client asks for."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Answer(NamedTuple):
    """What it gets."""

    status: int
    body: str = ""
    kind: str = "text/plain; charset=utf-8"


Webhook = Callable[[Request], Answer]


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:9095``, ``[::1]:9095`` or ``:9095`` (this machine only). Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"'{text}' is no address to listen at", "Write it as 127.0.0.1:9095.")
    return host.strip("[]") or "127.0.0.1", int(port)


class Web:
    """Answers for one agent."""

    def __init__(self, agent: Agent, webhook: Webhook | None = None) -> None:
        self._agent = agent
        self._webhook = webhook

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """A server at that address. Raises NetctlError."""
        try:
            return await asyncio.start_server(self._serve, host, port, limit=_LONGEST_HEAD)
        except OSError as error:
            raise NetctlError(
                f"cannot listen at {host}:{port}: {error.strerror or error}", "Name another address with --listen."
            ) from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                answer = await self._answer(reader)
                body = answer.body.encode()
                head = (
                    f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\nContent-Type: {answer.kind}\r\n"
                    f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        first = head[0].split(" ")
        if len(first) != 3:
            return Answer(400, "this is no HTTP request\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _LONGEST_BODY:
            return Answer(413, "too long\n")
        body = await reader.readexactly(int(length))
        return self.answer(Request(first[0], first[1].partition("?")[0], headers, body))

    def answer(self, request: Request) -> Answer:
        """What a request is answered with."""
        if request.path == "/webhook" and self._webhook is not None:
            return self._webhook(request) if request.method == "POST" else Answer(405, "POST it\n")
        if request.method not in {"GET", "HEAD"}:
            return Answer(405, "GET it\n")
        pages: dict[str, Callable[[], Answer]] = {
            "/": self._page, "/status": self._status, "/metrics": self._metrics, "/healthz": self._health,
            "/readyz": self._readiness,
        }  # fmt: skip
        found = pages.get(request.path)
        return found() if found else Answer(404, "there are /metrics, /healthz, /readyz, /status and /\n")

    def _page(self) -> Answer:
        refresh_gauges(self._agent)
        return Answer(200, page(self._agent), "text/html; charset=utf-8")

    def _status(self) -> Answer:
        refresh_gauges(self._agent)
        return Answer(200, json.dumps(document(self._agent), indent=2) + "\n", "application/json")

    def _metrics(self) -> Answer:
        text = self._agent.metrics.text(lambda: refresh_gauges(self._agent))
        return Answer(200, text, "text/plain; version=0.0.4; charset=utf-8")

    def _health(self) -> Answer:
        return Answer(200, "ok\n")

    def _readiness(self) -> Answer:
        agent = self._agent
        if agent.ready:
            return Answer(200, "ok\n")
        return Answer(503, f"{agent.error or agent.trouble or 'the first desired state is being made so'}\n")
