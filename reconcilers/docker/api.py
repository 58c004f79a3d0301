"""The Engine's HTTP API, over one connection that is kept open.

Docker's SDK is not used: importing it takes longer than reading five hundred containers does. It is the oracle of the
tests.
"""

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from reconcilers.docker.engine import Engine
from reconcilers.docker.refusals import RefusalError, UnreachableError
from reconcilers.docker.transport import connect

LATEST = (1, 47)
"""The latest version of the API that is spoken here."""
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\Z")
_JSON = {"Content-Type": "application/json"}
_RETURN = 30.0
"""Seconds that a restarting Engine is waited for: it takes about eight to start."""
_PAUSE = 0.1


class Api:
    """Requests to one Engine. Not to be shared by threads."""

    def __init__(self, engine: Engine, *, patient: bool = False) -> None:
        self.engine = engine
        self._patient = patient
        """Whether an Engine that has answered before is waited for while it restarts."""
        self._connection: http.client.HTTPConnection | None = None
        self._prefix = ""

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def get(self, path: str, **query: str) -> Any:
        """The answer to a GET, from JSON. Raises UnreachableError, RefusalError."""
        path += f"?{urlencode(query)}" if query else ""
        known = self._connection is not None
        try:
            return self._ask("GET", path)
        except UnreachableError as error:
            # An Engine closes connections that were idle, or has restarted; reading again does no harm.
            if not (known and isinstance(error.__cause__, ConnectionError)):
                raise
        return self._ask("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a POST, from JSON. Raises UnreachableError, RefusalError."""
        return self._ask("POST", path, body)

    def delete(self, path: str) -> None:
        """DELETE. Raises UnreachableError, RefusalError."""
        self._ask("DELETE", path)

    def lines(self, path: str, **query: str) -> Iterator[Any]:
        """The JSON documents of an answer that does not end, as they come.

        It has begun by the time that this returns. Raises UnreachableError, RefusalError, then and later.
        """
        try:
            connection = self._connected()
            connection.request("GET", f"{self._prefix}{path}?{urlencode(query)}")
            if connection.sock is not None:
                connection.sock.settimeout(self._limit("GET"))
            answer = connection.getresponse()
            if answer.status >= http.client.BAD_REQUEST:
                raise RefusalError(answer.status, _message(answer.status, answer.read()))
            if connection.sock is not None:
                connection.sock.settimeout(None)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error
        return self._documents(answer)

    def _documents(self, answer: http.client.HTTPResponse) -> Iterator[Any]:
        try:
            with answer:
                for line in answer:
                    yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from error
        finally:
            self.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            return self._exchange(method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise self._unreachable(error, method) from error

    def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = self._connected()
        text = None if body is None else json.dumps(body)
        if connection.sock is not None:
            connection.sock.settimeout(self._limit(method))
        connection.request(method, self._prefix + path, text, {} if text is None else _JSON)
        with connection.getresponse() as answer:
            content = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            raise RefusalError(answer.status, _message(answer.status, content))
        return json.loads(content) if content.strip() else None

    def _connected(self) -> http.client.HTTPConnection:
        """The open connection; a new one speaks the version that both sides know."""
        if self._connection is None:
            end = time.monotonic() + (_RETURN if self._patient and self._prefix else 0)
            self._connection = self._opened(end)
        return self._connection

    def _opened(self, end: float) -> http.client.HTTPConnection:
        while True:
            connection = connect(self.engine, self.engine.limits.reading)
            try:
                connection.request("GET", "/_ping")
                with connection.getresponse() as answer:
                    content = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                if time.monotonic() >= end:
                    raise
                time.sleep(_PAUSE)
                continue
            if answer.status >= http.client.BAD_REQUEST:
                connection.close()
                raise RefusalError(answer.status, _message(answer.status, content))
            self._prefix = _prefix(answer.getheader("Api-Version", ""))
            return connection

    def _limit(self, method: str) -> float:
        return self.engine.limits.reading if method == "GET" else self.engine.limits.writing

    def _unreachable(self, error: Exception, method: str = "GET") -> UnreachableError:
        return UnreachableError(f"Docker at {self.engine.url} {_reason(error, self._limit(method))}", _advice(error))


def _prefix(version: str) -> str:
    match = _VERSION.match(version)
    if match is None:
        raise http.client.BadStatusLine("no Api-Version")
    spoken = min((int(match[1]), int(match[2])), LATEST)
    return f"/v{spoken[0]}.{spoken[1]}"


def _message(status: int, content: bytes) -> str:
    """What the Engine says is wrong: usually ``{"message": …}``, from a proxy anything."""
    try:
        said = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        said = content[:200].decode(errors="replace").strip()
    return str(said) if said else f"HTTP status {status}"


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout:g} s"
    if isinstance(error, FileNotFoundError):
        return "cannot be reached: there is no such socket"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached: {error.strerror}"
    if isinstance(error, ValueError):
        return "does not answer in JSON"
    return f"does not answer as it should: {str(error) or type(error).__name__}"


def _advice(error: Exception) -> str:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "Start Docker, or name its socket: DOCKER_HOST=unix:///path/docker.sock."
    if isinstance(error, PermissionError):
        return "Run as root, or as a member of the group docker."
    return "See whether Docker works: docker info."
