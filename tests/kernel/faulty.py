"""The kernel reconciler with faults at its protocol: the writer fails at a chosen change."""

from collections.abc import Sequence

from netctl.engine.change import Change, Failure, Outcome, Reason
from netctl.engine.protocol import Context
from netctl.errors import BackendError
from reconcilers.kernel import KernelSystem
from reconcilers.kernel.writer import KernelWriter


class FaultySystem(KernelSystem):
    """Fails once, at the change numbered *step* (from 0), with its outcome, or (*crash*) by raising BackendError.

    Where it raises, what came before that change in its batch has been made, and nothing after it.
    """

    def __init__(self, step: int, *, crash: bool) -> None:
        self.step = step
        self.crash = crash
        self.reached = False

    def writer(self, context: Context) -> "FaultyWriter":
        return FaultyWriter(context, self)


class FaultyWriter(KernelWriter):
    """Counts the changes of an apply; undoing is left alone."""

    def __init__(self, context: Context, system: FaultySystem) -> None:
        super().__init__(context)
        self._system = system
        self._made = 0

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes, but not the chosen one."""
        place = self._system.step - self._made
        if self._system.reached or place >= len(batch) or any(change.reason is Reason.UNDO for change in batch):
            self._made += len(batch)
            return super().execute(batch)
        self._system.reached = True
        if self._system.crash:
            super().execute(batch[:place])
            raise BackendError("the kernel did not answer in time", "try again")
        rest = iter(super().execute([*batch[:place], *batch[place + 1 :]]))
        refused = Outcome(batch[place], Failure(f"{batch[place].action} {batch[place].key}", "EIO"))
        return [refused if number == place else next(rest) for number in range(len(batch))]
