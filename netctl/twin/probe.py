"""Sends from inside network namespaces, and tells what came back: hundreds of probes at once, in one thread.

A packet that a policy drops is answered by nothing, so that silence takes as long as one is ready to wait; all who are
silent are waited for together.
"""

import errno
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import NamedTuple

from netctl.policy.model import Protocol
from netctl.system.namespaces import inside
from netctl.system.open_files import make_room
from netctl.twin.packets import echo_request, is_echo_reply, read_sctp, sctp_init

TIMEOUT = 2.0
"""Seconds: a lost SYN is sent again after one."""
AT_ONCE = 1000
"""Probes under way at a time, where so many files may be open: each has a socket."""
_RESEND = 0.5
"""Seconds after which what is not TCP is sent again."""
_DISCARD = 9
"""A port to name where nothing is sent (RFC 863)."""
_TICK = 0.02
"""Seconds between looks at the clock."""
_RECEIVE = 4096
_REFUSALS = frozenset({errno.ECONNREFUSED, errno.ENOPROTOOPT, errno.ECONNRESET})
_NO_LINGER = struct.pack("ii", 1, 0)


class Probe(NamedTuple):
    """One attempt to reach a port, or (with ICMP) to have an echo."""

    netns: str
    """Where it is sent from; empty for the caller's own."""
    address: str
    protocol: Protocol
    port: int = 0
    source: str = ""
    """The address that it is sent from; empty for the one that the kernel chooses."""


class Answer(StrEnum):
    """What came back."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """By the destination: it was reached, and nothing listens there."""
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    """An error came back from on the way, or the kernel did not send it."""


def probe(
    probes: Sequence[Probe],
    timeout: float = TIMEOUT,
    at_once: int = AT_ONCE,
    finished: Callable[[int, float], None] | None = None,
) -> list[Answer]:
    """What became of each of the probes, in their order; each is given *timeout* seconds.

    *finished* is told of each, once it is decided: its place among the probes, and the seconds that it took.

    Raises BackendError where there is no such namespace, PrivilegeError without the privilege to enter it.
    """
    answers = [Answer.SILENT] * len(probes)
    at_once = make_room(min(at_once, len(probes)))
    begun = [0.0] * len(probes)
    waiting = deque(enumerate(probes))
    identifiers = count(1)

    def decide(place: int, answer: Answer) -> None:
        answers[place] = answer
        if finished:
            finished(place, time.monotonic() - begun[place])

    with DefaultSelector() as selector, ExitStack() as stack:
        under_way = _UnderWay(selector, stack)
        while waiting or under_way.attempts:
            while waiting and len(under_way.attempts) < at_once:
                place, next_ = waiting.popleft()
                begun[place] = time.monotonic()
                answer = under_way.start(place, _attempt(next_, next(identifiers)), timeout)
                if answer is not None:
                    decide(place, answer)
            for place, answer in under_way.finished():
                decide(place, answer)
    return answers


def chosen_source(netns: str, address: str) -> str:
    """The address that the kernel sends from, in a namespace, to another; empty where no route leads there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(netns), socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((address, _DISCARD))
        except OSError:
            return ""
        return str(asking.getsockname()[0])


class _Attempt(ABC):
    """A probe with its socket."""

    events = EVENT_READ
    resends = True

    def __init__(self, probe: Probe, kind: int, protocol: int = 0) -> None:
        self.probe = probe
        self.family = 6 if ":" in probe.address else 4
        with inside(probe.netns):
            self.socket = socket.socket(socket.AF_INET6 if self.family == 6 else socket.AF_INET, kind, protocol)
        self.socket.setblocking(False)
        self.deadline = self.again = 0.0

    def begin(self) -> Answer | None:
        """Send; the answer where it is known at once."""
        try:
            if self.probe.source:
                self.socket.bind((self.probe.source, 0))
            self.socket.connect((self.probe.address, self.port))
            self.send()
        except BlockingIOError:
            return None
        except OSError as error:
            return _refusal(error)
        return None

    def ready(self) -> Answer | None:
        """The answer, where what the socket has is one."""
        try:
            return Answer.ANSWERED if self.is_answered() else None
        except BlockingIOError:
            return None
        except OSError as error:
            return _refusal(error)

    @property
    def port(self) -> int:
        """The port to connect to; raw sockets have none."""
        return self.probe.port

    @abstractmethod
    def send(self) -> None:
        """Send, or send again."""

    @abstractmethod
    def is_answered(self) -> bool:
        """Whether the answer is there. Raises OSError for an error that came back."""


class _Tcp(_Attempt):
    events = EVENT_WRITE
    resends = False

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe, socket.SOCK_STREAM)
        # The connection's end is a reset, so that thousands of them leave nothing behind.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def send(self) -> None:
        """Connecting sends, and the kernel sends again."""

    def is_answered(self) -> bool:
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "connect")
        return True


class _Udp(_Attempt):
    def __init__(self, probe: Probe) -> None:
        super().__init__(probe, socket.SOCK_DGRAM)

    def send(self) -> None:
        self.socket.send(b"netctl")

    def is_answered(self) -> bool:
        return bool(self.socket.recv(_RECEIVE))


class _Raw(_Attempt):
    """Of what arrives, a raw socket gets all that comes from the address."""

    def __init__(self, probe: Probe, protocol: int, identifier: int) -> None:
        super().__init__(probe, socket.SOCK_RAW, protocol)
        self.identifier = identifier

    @property
    def port(self) -> int:
        return 0


class _Echo(_Raw):
    def __init__(self, probe: Probe, identifier: int) -> None:
        protocol = socket.IPPROTO_ICMPV6 if ":" in probe.address else socket.IPPROTO_ICMP
        super().__init__(probe, protocol, identifier & 0xFFFF)
        self._numbers = count(1)

    def send(self) -> None:
        self.socket.send(echo_request(self.family, self.identifier, next(self._numbers) & 0xFFFF))

    def is_answered(self) -> bool:
        return is_echo_reply(self.socket.recv(_RECEIVE), self.family, self.identifier)


class _Sctp(_Raw):
    def __init__(self, probe: Probe, identifier: int) -> None:
        super().__init__(probe, socket.IPPROTO_SCTP, identifier)
        self._local = 32768 + identifier % 28000

    def send(self) -> None:
        self.socket.send(sctp_init(self._local, self.probe.port, self.identifier))

    def is_answered(self) -> bool:
        answer = read_sctp(self.socket.recv(_RECEIVE), self.family)
        ours = (self.probe.port, self._local, self.identifier)
        if answer is None or (answer.source, answer.destination, answer.tag) != ours:
            return False
        if answer.refuses:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "abort")
        return answer.accepts


class _UnderWay:
    """The attempts that are waited for."""

    def __init__(self, selector: DefaultSelector, stack: ExitStack) -> None:
        self._selector = selector
        self._next_look = 0.0
        self.attempts: dict[int, _Attempt] = {}
        stack.callback(self._close)

    def start(self, place: int, attempt: _Attempt, timeout: float) -> Answer | None:
        """Begin an attempt; its answer where that is known at once."""
        answer = attempt.begin()
        if answer is not None:
            attempt.socket.close()
            return answer
        now = time.monotonic()
        attempt.deadline, attempt.again = now + timeout, now + _RESEND
        self.attempts[place] = attempt
        self._selector.register(attempt.socket, attempt.events, place)
        return None

    def finished(self) -> Iterator[tuple[int, Answer]]:
        """Wait for something to happen, but not long: the attempts that it ends, with their answers."""
        if not self.attempts:
            return
        for key, _ in self._selector.select(_TICK):
            answer = self.attempts[key.data].ready()
            if answer is not None:
                yield self._end(key.data, answer)
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK
        for place, attempt in list(self.attempts.items()):
            if attempt.deadline <= now:
                yield self._end(place, Answer.SILENT)
            elif attempt.resends and attempt.again <= now:
                attempt.again = now + _RESEND
                answer = _resent(attempt)
                if answer is not None:
                    yield self._end(place, answer)

    def _end(self, place: int, answer: Answer) -> tuple[int, Answer]:
        attempt = self.attempts.pop(place)
        self._selector.unregister(attempt.socket)
        attempt.socket.close()
        return place, answer

    def _close(self) -> None:
        for attempt in self.attempts.values():
            attempt.socket.close()


def _attempt(wanted: Probe, identifier: int) -> _Attempt:
    match wanted.protocol:
        case Protocol.TCP:
            return _Tcp(wanted)
        case Protocol.UDP:
            return _Udp(wanted)
        case Protocol.SCTP:
            return _Sctp(wanted, identifier)
        case Protocol.ICMP:
            return _Echo(wanted, identifier)


def _resent(attempt: _Attempt) -> Answer | None:
    try:
        attempt.send()
    except BlockingIOError:
        return None
    except OSError as error:
        return _refusal(error)
    return None


def _refusal(error: OSError) -> Answer:
    return Answer.REFUSED if error.errno in _REFUSALS else Answer.UNREACHABLE
