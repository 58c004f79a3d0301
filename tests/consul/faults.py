"""Stands before an agent, and answers some requests itself: wrongly, late or not at all."""

import http.client
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self

Fault = tuple[int, str] | str | None
"""An answer's status and text; ``hang``, ``close`` or ``garbage``; None for the agent's own answer."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    proxy: "FaultyAgent"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the test."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.proxy.answer(self)

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def address_string(self) -> str:
        return "a test"


class FaultyAgent:
    """An address to be used in place of the agent's."""

    def __init__(self, path: Path, agent: Path, decide: Callable[[str, str], Fault]) -> None:
        self.url = f"unix://{path}"
        self.requests: list[tuple[str, str]] = []
        self._agent = agent
        self._decide = decide
        self._released = threading.Event()
        self._server = _Server(str(path), _Request)
        self._server.proxy = self

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.requests.append((request.command, request.path))
        fault = self._decide(request.command, request.path)
        if fault == "hang":
            self._released.wait(60)
            request.close_connection = True
        elif fault == "close":
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "garbage":
            _respond(request, 200, b"<html>hello</html>")
        elif isinstance(fault, tuple):
            _respond(request, fault[0], fault[1].encode())
        else:
            _respond(request, *self._forwarded(request, body))

    def _forwarded(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("agent")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self._agent))
        try:
            connection.request(request.command, request.path, body or None)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _respond(request: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
