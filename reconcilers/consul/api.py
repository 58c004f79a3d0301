"""Consul's HTTP API, over one connection that is kept open.

`ReadApi` has no method that changes anything; it is all that a reader gets.
"""

import http.client
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from netctl.errors import BackendError
from reconcilers.consul.agent import Agent
from reconcilers.consul.refusals import RefusalError, UnreachableError
from reconcilers.consul.transport import Connection
from reconcilers.consul.unanswered import Unanswered

_LONGEST_MESSAGE = 300
_OF_THE_AGENT = ("agent/", "status/")
"""What an agent answers by itself."""
_REMEMBERED = 5.0
"""Seconds for which it is known that there is no leader: Consul looks for one for seven before it says so."""


class Answer(NamedTuple):
    """What Consul answers: its body from JSON, and the headers."""

    body: Any
    headers: http.client.HTTPMessage


class ReadApi:
    """Reads. Not to be shared by threads."""

    def __init__(
        self, agent: Agent, netns: str = "", timeout: float = 30.0, unanswered: Unanswered | None = None
    ) -> None:
        """*unanswered* is shared with other connections, so that none waits for what another has waited for in vain;
        who gives none always asks.
        """
        self.agent = agent
        self._netns = netns
        self._timeout = timeout
        self._unanswered = unanswered
        self._connection: http.client.HTTPConnection | None = None
        self._leaderless: RefusalError | None = None
        self._leaderless_since = 0.0
        self._is_open = False
        """Whether Consul has said that it has no access control."""

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def get(self, path: str, **query: str) -> Any:
        """The answer to a GET, from JSON. Raises UnreachableError, RefusalError."""
        return self.answer(path, **query).body

    def answer(self, path: str, **query: str) -> Answer:
        """As `get`, with the headers."""
        is_open = self._connection is not None
        try:
            return self._read("GET", path, query)
        except UnreachableError as error:
            # An agent closes connections that were idle, or has restarted; reading again does no harm.
            if is_open and isinstance(error.__cause__, ConnectionError | http.client.BadStatusLine):
                return self._ask("GET", path, query)
            raise

    def unreadable(self, resource: str, names: Iterable[str]) -> frozenset[str]:
        """Those *names* of a *resource* (``service``, ``key``…) that the token may not read; "" stands for all names.

        None where Consul has no access control. This only asks, although by POST.
        """
        asked = sorted(frozenset(names))
        parts = (asked[start : start + _MOST_QUESTIONS] for start in range(0, len(asked), _MOST_QUESTIONS))
        return frozenset[str]().union(*(self._unreadable(resource, part) for part in parts))

    def _unreadable(self, resource: str, names: Sequence[str]) -> frozenset[str]:
        if self._is_open:
            return frozenset()
        questions = [{"Resource": resource, "Segment": name, "Access": "read"} for name in names]
        try:
            answer = self._read("POST", "internal/acl/authorize", {}, questions)
        except RefusalError as refusal:
            if refusal.status != http.client.UNAUTHORIZED:
                raise
            self._is_open = True
            return frozenset()
        entries = answer.body if isinstance(answer.body, list) else []
        permitted = [bool(entry.get("Allow")) for entry in entries if isinstance(entry, dict)]
        if len(permitted) != len(names):
            raise UnreachableError(f"Consul at {self.agent.url} does not tell what its token permits")
        return frozenset(name for name, permits in zip(names, permitted, strict=True) if not permits)

    def _read(self, method: str, path: str, query: Mapping[str, str], body: Any = None) -> Answer:
        """As `_ask`, where only something is asked. Changes are always tried: one may undo another."""
        known = self._unanswered.error(by_agent=path.startswith(_OF_THE_AGENT)) if self._unanswered else None
        if known is not None:
            raise known
        return self._ask(method, path, query, body)

    def _ask(self, method: str, path: str, query: Mapping[str, str], body: Any = None) -> Answer:
        try:
            return self._exchange(method, path, query, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            unreachable = self._unreachable(error)
            if isinstance(error, TimeoutError) and self._unanswered is not None:
                self._unanswered.note(unreachable, by_agent=path.startswith(_OF_THE_AGENT))
            raise unreachable from error
        except RefusalError:
            raise
        except BaseException:
            # Broken off in the middle: what comes next on this connection would be the answer to this.
            self.close()
            raise

    def _exchange(self, method: str, path: str, query: Mapping[str, str], body: Any = None) -> Answer:
        # What is asked for as a server remembers it needs no leader.
        needs_leader = not path.startswith(_OF_THE_AGENT) and "stale" not in query
        if self._leaderless and needs_leader:
            if time.monotonic() - self._leaderless_since < _REMEMBERED:
                raise self._leaderless
            self._leaderless = None
        connection = self._connection
        if connection is None:
            connection = self._connection = Connection(self.agent, self._netns, self._timeout)
        full = {**self.agent.query, **query}
        target = f"{self.agent.prefix}/v1/{path}" + (f"?{urlencode(full)}" if full else "")
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, target, content, dict(self.agent.headers))
        with connection.getresponse() as answer:
            read = answer.read()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            refusal = RefusalError(
                answer.status, _message(answer.status, read), body=read.decode(errors="replace"), headers=answer.headers
            )
            if refusal.is_from_without_a_leader and needs_leader:
                self._leaderless, self._leaderless_since = refusal, time.monotonic()
            raise refusal
        return Answer(json.loads(read) if read.strip() else None, answer.headers)

    def _unreachable(self, error: Exception) -> BackendError:
        return UnreachableError(f"Consul at {self.agent.url} {_reason(error, self._timeout)}", _advice(error))


class Api(ReadApi):
    """Reads and writes."""

    def put(self, path: str, body: Any = None, **query: str) -> Any:
        """The answer to a PUT, from JSON; *body* is written as JSON, unless it is bytes.

        Raises UnreachableError, RefusalError.
        """
        return self._ask("PUT", path, query, body).body

    def post(self, path: str, body: Any) -> Any:
        """The answer to a POST, which makes something that Consul names. Raises UnreachableError, RefusalError."""
        return self._ask("POST", path, {}, body).body

    def delete(self, path: str, **query: str) -> Any:
        """The answer to a DELETE, from JSON. Raises UnreachableError, RefusalError."""
        return self._ask("DELETE", path, query).body


_MOST_QUESTIONS = 64


def _message(status: int, content: bytes) -> str:
    """What Consul says is wrong, which is plain text."""
    said = content[:_LONGEST_MESSAGE].decode(errors="replace").strip()
    return said or f"HTTP status {status}"


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout:g} s"
    if isinstance(error, FileNotFoundError):
        return "cannot be reached: there is no such socket, or no such network namespace"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError):
        return "closes the connection without an answer"
    if type(error).__name__ == "SSLCertVerificationError":
        return f"cannot be trusted: {getattr(error, 'verify_message', '') or error}"
    if isinstance(error, OSError) and (error.strerror or error.args):
        return f"cannot be reached: {error.strerror or error.args[-1]}"
    if isinstance(error, ValueError):
        return "does not answer in JSON"
    return f"does not answer as it should: {str(error) or type(error).__name__}"


def _advice(error: Exception) -> str:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "Start the host's Consul agent, or name it: CONSUL_HTTP_ADDR=127.0.0.1:8500."
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError):
        return "It may have too many connections (http_max_conns_per_client), or speak TLS: CONSUL_HTTP_SSL=true."
    if type(error).__name__ == "SSLCertVerificationError":
        return "Name the authority that signed its certificate: CONSUL_CACERT=/path/ca.pem."
    return "See whether Consul works: consul members."
