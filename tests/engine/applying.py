"""Applying in a memory, as tests say it: declared lines, live lines, faults, and what became of all that."""

from collections.abc import Iterable

import pytest

from netctl.engine.apply import ApplyError, Report, apply_plan
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Writer
from netctl.engine.resource import Desired, Key
from netctl.engine.session import Session, write_session
from tests.engine.memory_system import Fault, Memory, MemorySystem, Stored
from tests.engine.notation import STACK, desired_from, memory_from, text_of


class Host:
    """A host with one memory, and what is desired there."""

    def __init__(self, desired: Iterable[str], live: Iterable[str] = (), *, adopt: bool = False) -> None:
        self.desired: dict[Key, Desired] = desired_from(desired)
        self.memory: Memory = memory_from(live)
        self.before: dict[Key, Stored] = dict(self.memory.store)
        self.session: Session[Writer] = write_session([MemorySystem(self.memory)], Context())
        self.adopt = adopt

    def plan(self) -> Plan:
        return self.session.plan(self.desired, stack=STACK, host="node1", adopt=self.adopt)

    def apply(self, plan: Plan | None = None, *, keep_partial: bool = False) -> Report:
        """Apply the plan that was made before, or else one made now."""
        return apply_plan(plan or self.plan(), self.desired, self.session, keep_partial=keep_partial)

    def fail(self, faults: dict[int, Fault], plan: Plan | None = None, *, keep_partial: bool = False) -> ApplyError:
        """The error of an apply that the faults (by step, from 0) make fail."""
        self.memory.faults = faults
        with pytest.raises(ApplyError) as caught:
            self.apply(plan, keep_partial=keep_partial)
        return caught.value

    @property
    def is_as_before(self) -> bool:
        return self.memory.store == self.before

    def executed(self) -> list[str]:
        """Every change that was executed, in order."""
        return [text_of(change) for batch in self.memory.calls for change in batch]
