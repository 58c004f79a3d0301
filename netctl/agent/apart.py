"""Systems that answer in their own time (Docker, Consul), each asked in a thread of its own.

Who asks has lent its turn meanwhile (`turns`), so that what others tell of is repaired. A question that is not answered
within a few seconds is not waited for any longer, but asked on in its thread until it is answered; until then the
system is unread, at once: unknown is not empty. A change is waited for to its end, since nobody could tell what has
become of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event, Lock, Thread
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from netctl.agent.turns import Turns
from netctl.engine.change import Change, Outcome
from netctl.engine.facts import ASKED, Facts
from netctl.engine.following import Followable
from netctl.engine.protocol import Capability, Observation, Scope, Writer
from netctl.engine.resource import Key, Live
from netctl.engine.session import Session
from netctl.errors import BackendError

Answer = TypeVar("Answer")
PATIENCE = 5.0
"""Seconds that an answer is waited for; twice as long as the last one took, where that is more."""
_QUICK = 0.003
"""Seconds that an answer is waited for before the turn is lent: about what passing it on and back takes."""
_SETTLING = 0.25
"""The same for a change: what it does by steps is not to be taken for drift."""
_PAUSE = 1.0
"""Seconds between two attempts to have an answer."""


class UnansweredError(BackendError):
    """A system has been asked, and has not answered yet."""


class _Question(Generic[Answer]):
    """Something that a system is asked, in a thread."""

    def __init__(self, ask: Callable[[], Answer], again: Callable[[], Answer], patience: float) -> None:
        """*again* asks anew, where the first answer was late and tells nothing."""
        self.seconds = 0.0
        """That the answer took."""
        self._ask = ask
        self._again = again
        self._patience = patience
        self._answer: Answer
        self._error: Exception | None = None
        self._lock = Lock()
        self._answered: Callable[[], None] | None = None
        """Told when the answer comes, once it is late."""
        self.ended = Event()
        Thread(target=self._run, name="question", daemon=True).start()

    def is_late(self, late: Callable[[], None], answered: Callable[[], None]) -> bool:
        """Whether there is no answer yet: *late* is told now, and *answered* when there is one."""
        with self._lock:
            if not self.ended.is_set():
                self._answered = answered
                late()
            return self._answered is not None

    def answer(self) -> Answer:
        """The answer. Raises what asking raised."""
        if self._error is not None:
            raise self._error
        return self._answer

    def _run(self) -> None:
        self._attempt(self._ask)
        while not self._is_over():
            sleep(_PAUSE)
            self._attempt(self._again)
        if self._answered is not None:
            self._answered()

    def _attempt(self, ask: Callable[[], Answer]) -> None:
        began = monotonic()
        try:
            self._error, self._answer = None, ask()
        except Exception as error:  # noqa: BLE001 - raised where the answer is taken
            self._error = error
        self.seconds = monotonic() - began

    def _is_over(self) -> bool:
        """Whether to ask no more: there is an answer, or a refusal, or who asks is still there to hear of its lack."""
        with self._lock:
            if self._answered is None or self.seconds < self._patience or self._tells_something():
                self.ended.set()
            return self.ended.is_set()

    def _tells_something(self) -> bool:
        if self._error is not None:
            return not isinstance(self._error, BackendError)
        answer = self._answer
        return answer is not None and not (isinstance(answer, Observation) and answer.unread)


class Apart:
    """One system, as a session of the agent's knows it."""

    def __init__(self, member: Writer, turns: Turns, silent: Callable[[bool], None]) -> None:
        """*silent* is told, in any thread, that the system does not answer, and that it does."""
        self._member = member
        self._turns = turns
        self._silent = silent
        self._facts = Facts()
        """As they were told last."""
        self._patience = PATIENCE
        self._late = False

    def __enter__(self) -> Self:
        self._member.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._member.__exit__(kind, error, trace)

    def facts(self) -> Facts:
        """The system's; what it is asked for later, it may not answer."""
        if not self._late:
            self._facts = self._asked(self._member.facts)
        nothing = Facts()
        asked: Any = {name: self._fact(name) for name in ASKED if getattr(self._facts, name) != getattr(nothing, name)}
        return self._facts._replace(**asked)

    def _fact(self, name: str) -> Callable[[], object]:
        ask: Callable[[], object] = getattr(self._facts, name)

        def ask_anew() -> object:
            found: object = getattr(self._member.facts(), name)()
            return found

        def answer() -> object:
            try:
                return self._asked(ask, ask_anew)
            except UnansweredError:
                return None

        return answer

    def observe(self, scope: Scope) -> Observation:
        """The system's. Raises UnansweredError."""
        return self._asked(lambda: self._member.observe(scope))

    def discover(self) -> Iterable[Live]:
        """The system's."""
        return self._member.discover()

    def capabilities(self) -> Sequence[Capability]:
        """The system's."""
        return self._member.capabilities()

    def events(self) -> Iterator[frozenset[Key]]:
        """The system's, which are waited for in a thread in any case."""
        return self._member.events()

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes, however long that takes. Raises UnansweredError where the system is asked already."""
        self._demand_answered()
        question: _Question[list[Outcome]] = _Question(lambda: self._member.execute(batch), list, 0)
        self._await_end(question, _SETTLING, None)
        return question.answer()

    def _asked(self, ask: Callable[[], Answer], again: Callable[[], Answer] | None = None) -> Answer:
        self._demand_answered()
        question = _Question(ask, again or ask, self._patience)
        self._await_end(question, _QUICK, self._patience)
        if question.is_late(self._miss, lambda: self._hear(question.seconds)):
            self._demand_answered()
        self._patience = max(PATIENCE, 2 * question.seconds)
        return question.answer()

    def _await_end(self, question: "_Question[Any]", first: float, seconds: float | None) -> None:
        """Wait: *first* so long, then that many *seconds* with the turn lent; None for as long as it takes."""
        if not question.ended.wait(first):
            with self._turns.lent():
                question.ended.wait(seconds)

    def _miss(self) -> None:
        self._late = True
        self._silent(True)

    def _hear(self, seconds: float) -> None:
        """The late answer has come. It is of another time; but the next one may take as long."""
        self._patience = max(PATIENCE, 2 * seconds)
        self._late = False
        self._silent(False)

    def _demand_answered(self) -> None:
        if self._late:
            raise UnansweredError("it has been asked, and has not answered yet", "See whether it is stuck.")


Silent = Callable[[str, bool], None]
"""Told, in any thread, which system does not answer (True), or does again."""


def apart(session: Session[Writer], turns: Turns, silent: Silent) -> Session[Writer]:
    """The same systems. Those that cannot be followed are set apart, and come first, so that what is read of the others
    is not old by the time that they have answered.
    """

    def told(name: str) -> Callable[[bool], None]:
        return lambda is_silent: silent(name, is_silent)

    slow = {name for name, member in session.members.items() if not isinstance(member, Followable)}
    members: Mapping[str, Writer] = {
        name: Apart(session.members[name], turns, told(name)) if name in slow else session.members[name]
        for name in sorted(session.members, key=lambda name: name not in slow)
    }
    return Session(session.kinds, members, session.witnesses)
