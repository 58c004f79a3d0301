"""Telling the store how this host is, from a thread of its own: nothing waits for it."""

from collections.abc import Callable
from random import uniform
from threading import Condition
from time import time
from typing import NamedTuple

from netctl.cluster.layout import Layout
from netctl.cluster.records import Condition as HostCondition
from netctl.cluster.records import ContainersRecord, State
from netctl.cluster.rollout import give_slot_back
from netctl.engine.store import Store, Write
from netctl.errors import NetctlError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_LONGEST_REASON = 400


class Telling:
    """What is to be told of one host, the newest only."""

    def __init__(self, layout: Layout, host: str, connect: Callable[[], Store]) -> None:
        self._layout = layout
        self._host = host
        self._connect = connect
        self._changed = Condition()
        self._ended = False
        self._version = 0
        self._trouble: str | None = None
        """None while nothing has been told yet."""
        self._waiting = ""
        self._state: State | None = None
        """What is to be in the store."""
        self._containers: ContainersRecord | None = None
        """None where the stack has no networks of an Engine's."""

    def holds(self, version: int) -> None:
        """This version holds here."""
        with self._changed:
            self._version = version

    def told(self, trouble: str) -> None:
        """What is wrong here; empty where nothing is."""
        with self._changed:
            self._trouble = trouble
            self._compose()

    def waits(self, reason: str) -> None:
        """Why a newer version is not taken up yet; empty where it is."""
        with self._changed:
            self._waiting = reason
            self._compose()

    def shows(self, containers: ContainersRecord) -> None:
        """What this host has on the stack's networks."""
        with self._changed:
            self._containers = containers
            self._changed.notify_all()

    def end(self) -> None:
        """Tell no more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _compose(self) -> None:
        if self._trouble is None:
            return
        reason = "".join(filter(str.isprintable, self._trouble or self._waiting))[:_LONGEST_REASON]
        condition = HostCondition.FAILING if self._trouble else HostCondition.CONVERGED
        condition = HostCondition.WAITING if self._waiting and not self._trouble else condition
        known = self._state
        if known is None or (known.version, known.state, known.reason) != (self._version, condition, reason):
            self._state = State(version=self._version, state=condition, reason=reason, time=int(time()))
            self._changed.notify_all()

    def run(self) -> None:
        """Tell what is to be told, until the end; as long as the store does not take it, again."""
        store = self._connect()
        told = _News(None, None)
        pause = 0.0
        while news := self._next(told, pause):
            try:
                self._write(store, news, told)
                told, pause = news, 0.0
            except NetctlError:
                # The follower asks the same store, and tells of the trouble.
                store.close()
                pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        store.close()

    def _next(self, told: "_News", pause: float) -> "_News | None":
        """What is to be told, as soon as it is not what has been told; None at the end."""
        with self._changed:
            if pause:
                self._changed.wait_for(lambda: self._ended, uniform(pause / 2, pause))  # noqa: S311 - no secret
            self._changed.wait_for(lambda: self._ended or _News(self._state, self._containers) != told)
            return None if self._ended else _News(self._state, self._containers)

    def _write(self, store: Store, news: "_News", told: "_News") -> None:
        state, containers = news
        if state is not None and state != told.state:
            store.write([Write(self._layout.states + self._host, state.encoded())])
            if state.state is not HostCondition.FAILING:
                give_slot_back(store, self._layout, self._host, state.version)
        if containers is not None and containers != told.containers:
            store.write([Write(self._layout.containers + self._host, containers.encoded())])


class _News(NamedTuple):
    """What the store is to know of this host."""

    state: State | None
    containers: ContainersRecord | None
