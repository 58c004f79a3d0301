"""A proxy before the Engine's socket: it passes everything on, until it is told to fail."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Choice = Callable[[bytes], str]
"""What is to become of a request, by its first line: ``pass``, ``500``, ``hang``, ``drop`` (passed on, its answer
kept back), ``nonsense``."""

_ERROR = b'{"message":"something went wrong inside"}'
_ANSWERS = {
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n%s" % (len(_ERROR), _ERROR),
    "nonsense": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n[nons]",
}


def passing(_line: bytes) -> str:
    """Fail nothing."""
    return "pass"


class Proxy:
    """A Unix socket before another one. Each connection's requests are looked at one by one."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self.target = target
        self.choose: Choice = passing
        self.lines: list[bytes] = []
        """The first line of every request."""
        self.kept_back = threading.Event()
        """Set when the Engine is done with a dropped request."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """What DOCKER_HOST is to be."""
        return f"unix://{self.path}"

    def __enter__(self) -> Self:
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(self._listener)
        self._threads[0].join(timeout=10)
        for one in self._open:
            self._close(one)
        for thread in self._threads:
            thread.join(timeout=10)
        self.path.unlink()

    def _close(self, one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                self._open += [client, engine]
                with suppress(OSError):
                    engine.connect(str(self.target))
                self._run(self._requests, client, engine)

    def _requests(self, client: socket.socket, engine: socket.socket) -> None:
        dropping = threading.Event()
        with suppress(OSError):
            self._run(self._answers, client, engine, dropping)
            while content := client.recv(1 << 20):
                line = content.partition(b"\r\n")[0]
                self.lines.append(line)
                fate = self.choose(line)
                if fate == "hang":
                    continue
                if fate in _ANSWERS:
                    client.sendall(_ANSWERS[fate])
                    continue
                if fate == "drop":
                    dropping.set()
                engine.sendall(content)
        if not dropping.is_set():
            self._part(client, engine)
            return
        with suppress(OSError):  # the client may have been killed before it had said all
            engine.shutdown(socket.SHUT_WR)

    def _answers(self, client: socket.socket, engine: socket.socket, dropping: threading.Event) -> None:
        with suppress(OSError):
            while (content := engine.recv(1 << 20)) and not dropping.is_set():
                client.sendall(content)
        if dropping.is_set():
            self.kept_back.set()
            self._part(client, engine)

    def _part(self, *ends: socket.socket) -> None:
        for one in ends:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
