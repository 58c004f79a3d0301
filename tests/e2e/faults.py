"""Sessions in which a chosen change fails, whichever system it belongs to: the engine's protocol is where they do."""

from collections.abc import Callable, Sequence

from netctl.engine.change import Change, Failure, Outcome, Reason
from netctl.engine.protocol import Context, Writer
from netctl.engine.registry import find_systems, kinds_of
from netctl.engine.resource import Key
from netctl.engine.session import Session
from netctl.errors import BackendError

Fault = Callable[[Change], bool]
"""Whether this change is to fail."""


class NthChange:
    """The change of that number (from 0), of an apply; undoing is left alone."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, change: Change) -> bool:
        if change.reason is Reason.UNDO:
            return False
        self.left -= 1
        return self.left == -1


class LastAndUndoing:
    """The last of *count* changes of an apply, and then whatever would bring *key* back."""

    def __init__(self, count: int, key: Key) -> None:
        self._nth = NthChange(count - 1)
        self._key = key

    def __call__(self, change: Change) -> bool:
        return change.key == self._key if change.reason is Reason.UNDO else self._nth(change)


def faulty_session(ns: str, fault: Fault, *, crash: bool) -> Session[Writer]:
    """A session with all systems. What fails is refused while the rest of its batch is made, or (*crash*) the system
    stops answering: what came before in the batch has been made, and what comes after has not.
    """
    systems = find_systems()
    members = {system.name: _faulty(system.writer(Context(ns)), fault, crash=crash) for system in systems}
    return Session(kinds_of(systems), members)


def _faulty(writer: Writer, fault: Fault, *, crash: bool) -> Writer:
    execute = writer.execute

    def failing(batch: Sequence[Change]) -> list[Outcome]:
        bad = [number for number, change in enumerate(batch) if fault(change)]
        if not bad:
            return execute(batch)
        if crash:
            execute(batch[: bad[0]])
            raise BackendError("the system does not answer any more")
        made = iter(execute([change for number, change in enumerate(batch) if number not in bad]))
        refusals = {n: Outcome(batch[n], Failure(f"{batch[n].action} {batch[n].key}", "EIO")) for n in bad}
        return [refusals.get(number) or next(made) for number in range(len(batch))]

    writer.execute = failing  # type: ignore[method-assign]  # the protocol is the seam
    return writer
