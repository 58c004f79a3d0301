"""The loop: it waits for events, files, signals and timers, and has the keeper do what they ask for.

What takes long (a new desired state, a look at everything) is done in a thread, one at a time; meanwhile events wait
in their sockets, unless the thread waits itself, or works something out (`turns`). What is quick (an event's repair) is
done at once.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from time import monotonic, time
from traceback import format_exception

from netctl.agent.declared import Load
from netctl.agent.keeping import Keeping, Settings
from netctl.agent.log import Log
from netctl.agent.looking import Found, Looking
from netctl.agent.pace import PEACE
from netctl.agent.rumours import Rumours, look
from netctl.agent.service import Service
from netctl.agent.sources import Source
from netctl.agent.timers import Timers, jittered
from netctl.engine.facts import HEALTH, Facts
from netctl.engine.flows import Cutting
from netctl.engine.following import Tidings
from netctl.engine.protocol import Writer
from netctl.engine.resource import Key
from netctl.engine.session import Session
from netctl.errors import NetctlError

INTERRUPTED = 130
PERIODIC, AGAIN = "periodic", "trying again"
"""Reasons for a look at everything that are not worth telling."""
_FACTS_PAUSE = 1.0
"""Seconds that the host is left to settle before it is compiled for anew."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_STUCK = 180.0
"""Seconds in which all that a thread is given to do has ended: everything that it waits for has a time limit."""
_SETTLING = 0.05
"""Seconds from a file's change to its being read: editors write in several steps."""


Serve = Callable[["Agent", AsyncExitStack], Awaitable[None]]
"""Begins to serve status and metrics."""


class Agent(Keeping):
    """One process that keeps one stack on one host."""

    def __init__(
        self,
        session: Session[Writer],
        load: Load,
        source: Source,
        settings: Settings,
        log: Log,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(session, load, source, settings, log, lambda: self._ask("health", self._follow_health))
        self.started = time()
        self.trouble = ""
        """Why not everything is as declared after the last look at everything."""
        self._service = Service(environment)
        self._noticed = asyncio.Event()
        self._jobs: dict[str, Callable[[], None]] = {}
        """What is to be done in a thread, by what it is; each at most once."""
        self._later = Timers().later
        self._call: Callable[..., object]
        """Has the loop call something, from any thread."""
        self._exit: int | None = None
        self._pause = 0.0
        self._busy = False
        """Whether a thread is at work; what is kept is then left to it."""
        self._busy_since = 0.0
        self._is_lent = False
        """Whether that thread waits for a system, and has lent its turn to the loop."""
        self._silent: set[str] = set()
        """Systems that have been asked, and do not answer. They tell when they do."""
        self._looking = Looking(source.look, self._looked)
        self._rumours = Rumours()

    @property
    def ready(self) -> bool:
        """Whether the newest desired state holds, as far as it is known."""
        return self.keeper is not None and not self.error and not self.trouble

    async def run(self, serve: Serve) -> int:
        """Keep the desired state until a signal ends it; the exit code.

        Raises NetctlError where there is no first desired state, or it cannot be made so.
        """
        loop = asyncio.get_running_loop()
        self._call = loop.call_soon_threadsafe
        for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, INTERRUPTED)):
            loop.add_signal_handler(number, self._end, code)
        loop.add_signal_handler(signal.SIGHUP, self._reload, "signal")
        async with AsyncExitStack() as stack:
            stack.callback(self._listening.close)
            stack.callback(self._source.close)
            stack.callback(self.health.close)
            await serve(self, stack)
            self._feed_watchdog()
            await asyncio.to_thread(self._begin)
            await self._keep(loop)
        self._service.stopping()
        self.log.info("stopped", repairs=self._keeper.repairs)
        return self._exit or 0

    def _resync(self, reason: str) -> None:
        """Look at everything; where that leaves something undone, again after a while."""
        keeper = self._keeper
        if reason not in {PERIODIC, AGAIN}:
            self.log.info("looking at everything", reason=reason)
        self._check_facts()
        try:
            left = keeper.resync(reason)
        except NetctlError as error:
            self._not_whole(str(error))
            return
        self._attend(keeper)
        if left.failed:
            self._not_whole(f"{left.failed} repairs failed")
        elif left.unread:
            self._not_whole(f"{left.unread[0].system} could not be read: {left.unread[0].reason}")
            if all(part.system in self._listening.away | self._silent for part in left.unread):
                self._pause = 0.0  # they tell when they are back
        else:
            self.trouble = ""
            self._pause = 0.0

    def _tell_bug(self, bug: Exception) -> None:
        self.log.error("netctl has a bug", error=repr(bug), traceback="".join(format_exception(bug)))
        self._not_whole(f"netctl has a bug: {bug!r}")

    def _not_whole(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.log.warning("not everything is as declared; trying again", reason=trouble)
        self.trouble = trouble
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)

    # ------------------------------------------------------------------------------------------------------ the loop

    async def _keep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._service.ready(self.summary())
        self.turns.begin(loop, self._pass_turn)
        self._plan_resync()
        source_descriptor = self._source.descriptor
        if source_descriptor is not None:
            loop.add_reader(source_descriptor, self._source_changed)
        self._plan_look()
        self._look_again()
        while self._exit is None:
            self._listening.start_threads(loop, self._concerned(), self._heard, self._lost)
            self._attend_health()
            self._listen(loop, on=True)
            self._take_all()
            await self._noticed.wait()
            self._noticed.clear()
            self._listen(loop, on=False)
            await self._work()
        if source_descriptor is not None:
            loop.remove_reader(source_descriptor)

    def _listen(self, loop: asyncio.AbstractEventLoop, *, on: bool) -> None:
        for name, follower in self._listening.followers.items():
            for descriptor in follower.descriptors():
                if on:
                    loop.add_reader(descriptor, self._take, name)
                else:
                    loop.remove_reader(descriptor)

    def _pass_turn(self, is_lent: bool) -> None:
        """What is kept is the loop's to touch, until the thread has its answer."""
        self._is_lent = is_lent
        self._listen(asyncio.get_running_loop(), on=is_lent)
        if is_lent:
            self._take_all()

    @property
    def _is_others_turn(self) -> bool:
        return self._busy and not self._is_lent

    async def _work(self) -> None:
        """Do one thing that has been asked for, in a thread: what events tell of is not to wait for all of them."""
        if not self._jobs or self._exit is not None:
            return
        name = next(iter(self._jobs))
        job = self._jobs.pop(name)
        if name == "reload":
            self._service.reloading()
        self._busy, self._busy_since = True, monotonic()
        try:
            await asyncio.to_thread(job)
        except NetctlError as error:
            self._not_whole(str(error))
        except Exception as bug:  # noqa: BLE001 - a bug must not leave the host unkept; it is told, and tried again
            self._tell_bug(bug)
        finally:
            self._busy = False
        if name == "reload":
            self._service.ready(self.summary())
        else:
            self._service.status(self.summary())
        if self._pause:
            self._later("retry", self._pause, self._ask_resync, AGAIN)
        self._look_again()
        if self._jobs:
            self._noticed.set()

    def _take_all(self) -> None:
        for name in self._listening.followers:
            self._take(name)

    def _take(self, name: str) -> None:
        """Heed what a follower has to tell."""
        if self._is_others_turn:  # taken when that has been done
            return
        noticed = monotonic()
        try:
            tidings = self._listening.followers[name].take()
        except Exception as error:  # noqa: BLE001 - whatever it was, what is there can be read
            tidings = Tidings(everything=f"events of {name} could not be understood: {error!r}")
        if tidings:
            self._heed(name, tidings, noticed)
        if tidings.more:
            asyncio.get_running_loop().call_soon(self._take, name)

    def _heed(self, name: str, tidings: Tidings, noticed: float) -> None:
        keeper = self._keeper
        try:
            keeper.heed(name, tidings, noticed)
        except NetctlError as error:
            keeper.look_again = str(error)
        except Exception as bug:  # noqa: BLE001 - as above
            self._tell_bug(bug)
            self._later("retry", self._pause, self._ask_resync, AGAIN)
        if tidings.facts:
            self._later("facts", _FACTS_PAUSE, self._ask, "facts", self._check_facts)
        self._look_again()

    def _look_again(self) -> None:
        """Tell how things are, and arrange for what the keeper could not do at once."""
        self.settings.told(self.error or self.trouble)
        keeper = self._keeper
        if keeper.look_again and not self._pause:
            self._ask_resync(keeper.look_again)
        for name, slow, retry in (("waiting", False, self._retry), ("waiting for slow systems", True, self._ask_retry)):
            due = keeper.next_due(slow=slow)
            if due is not None:
                self._later(name, max(due - monotonic(), 0), retry)
        if keeper.pace.contended:
            self._later("peace", PEACE, self._await_peace)

    def _await_peace(self) -> None:
        self.tell_peace()
        self._look_again()

    def tell_peace(self) -> None:
        """Tell what nobody fights over any more."""
        if self.keeper is not None:
            for name in self.keeper.pace.expire(monotonic()):
                self.log.info("no longer contended", resource=name)

    def _retry(self) -> None:
        if self._is_others_turn:  # asked for again when that has been done
            return
        try:
            self._keeper.retry(slow=False)
        except NetctlError as error:
            self._keeper.look_again = str(error)
        self._look_again()

    def _ask_retry(self) -> None:
        self._ask("retry", partial(self._keeper.retry, slow=True))

    def _heard(self, name: str, keys: frozenset[Key]) -> None:
        """A system that cannot be followed has told of something."""
        if name in self._listening.away:
            self._listening.away.remove(name)
            self.log.info("the events of a system can be heard again", system=name)
            self._ask_resync(f"{name} can be heard again")
        others = frozenset(key for key in keys if key.kind != HEALTH)
        if not keys or others != keys:
            self._ask(f"health by {name}", lambda: self._follow_health(name))
        if keys and not others:
            return
        self._rumours.note(name, others)
        self._ask(f"look at {name}", lambda: self._look_at(name))

    def _lost(self, name: str, reason: str) -> None:
        """A system that cannot be followed cannot be heard, either."""
        if name not in self._listening.away:
            self._listening.away.add(name)
            self.trouble = f"the events of {name} cannot be heard: {reason}"
            self.log.error("the events of a system cannot be heard", system=name, error=reason)
            self._service.status(self.summary())

    def _note_silence(self, name: str, is_silent: bool) -> None:
        """Tell of it in the loop."""
        with suppress(RuntimeError):  # the loop has been closed
            self._call(self._fall_silent if is_silent else self._break_silence, name)

    def _fall_silent(self, name: str) -> None:
        self._silent.add(name)
        self.trouble = f"{name} has been asked, and does not answer"
        self.log.error("a system does not answer; what the others tell of is repaired", system=name)
        self._service.status(self.summary())

    def _break_silence(self, name: str) -> None:
        self._silent.discard(name)
        self.log.info("a system that did not answer has answered", system=name)
        self._ask_resync(f"{name} has answered")

    def _look_at(self, name: str) -> None:
        """Look where events of a system told to, and repair what differs there."""
        keys = self._rumours.take(name)
        if keys is None:
            return
        noticed = monotonic()
        if not keys:
            self._check_facts()
        keeper = self._keeper
        try:
            keeper.heed(name, look(name, self.session.members[name], keeper.scope, keys), noticed)
            self.metrics.looks.add(system=name)
        except NetctlError as error:
            keeper.look_again = str(error)

    def _follow_health(self, name: str = "") -> None:
        """Move endpoints in or out of what is balanced, by what a system or checks now tell of their health."""
        keeper = self._keeper
        facts = self.session.members[name].facts() if name else Facts()
        moved = self.health.moved(keeper.declared, facts)
        if moved is not None:
            keeper.move(moved)
            self._listening.attend(keeper.scope)

    def _concerned(self) -> set[str]:
        """The systems that have something desired, or tell of the health of endpoints."""
        declared = self._keeper.declared
        return {key.system for key in declared.desired} | (declared.balanced.told_by if declared.balanced else set())

    def _attend_health(self) -> None:
        declared = self._keeper.declared
        self.health.attend(declared, monotonic())
        if self.names is not None:
            self.names.hand_over()
            if self.names.is_outdated(declared):
                self._jobs = {"names": partial(self.names.work_out, declared), **self._jobs}  # before what takes long
                self._noticed.set()
        due = self.health.cut_due
        if due is not None:
            self._later("cut", max(due - monotonic(), 0), self._ask, "cut", self._cut)

    def _cut(self) -> None:
        """Cut connections to endpoints that have left, and whose grace is over."""
        left = self.health.ripe(monotonic())
        for member in self.session.members.values() if left and not self.settings.detect_only else ():
            if isinstance(member, Cutting) and (number := member.cut(left)):
                self.log.info("connections to endpoints that have left are cut", connections=number)

    def _source_changed(self) -> None:
        changed = self._source.changed()
        self._heed_source()
        self._look_again()
        if changed:
            self._later("reload", _SETTLING, self._reload, "file")

    def _reload(self, reason: str) -> None:
        if reason == "signal":
            self.log.info("reloading", reason="SIGHUP")
            self.look()
        self._ask("reload", self._renew)

    def look(self) -> None:
        """Ask the source now whether there is a new desired state."""
        self._looking.begin()

    def _looked(self, found: Found) -> None:
        self._ask("looked", lambda: self._heed_look(found))

    def _heed_look(self, found: Found) -> None:
        try:
            is_new = found()
        except NetctlError as error:
            self._unreachable = True
            self._refuse(error)
            return
        if is_new:
            self._renew()
        elif self._unreachable:
            self._good_again()
        self._unreachable = False

    def _plan_look(self) -> None:
        if self._source.interval:
            self._later("look", jittered(self._source.interval), self._look_now_and_then)

    def _look_now_and_then(self) -> None:
        self.look()
        self._plan_look()

    def _ask_resync(self, reason: str) -> None:
        self._ask("resync", lambda: self._resync(reason))

    def _ask(self, name: str, job: Callable[[], None]) -> None:
        self._jobs.setdefault(name, job)
        self._noticed.set()

    def _end(self, code: int) -> None:
        self._exit = code
        self._noticed.set()

    # -------------------------------------------------------------------------------------------------------- timers

    def _plan_resync(self) -> None:
        if self.settings.resync:
            self._later("resync", jittered(self.settings.resync), self._periodic_resync)

    def _periodic_resync(self) -> None:
        self._ask_resync(PERIODIC)
        self._plan_resync()

    def _feed_watchdog(self) -> None:
        """Told by the loop itself, as long as what is under way comes to an end: one that is stuck tells nothing."""
        if self._service.watchdog:
            if not self._busy or monotonic() - self._busy_since < _STUCK:
                self._service.alive()
            self._later("watchdog", self._service.watchdog / 3, self._feed_watchdog)

    # -------------------------------------------------------------------------------------------------------- status

    def summary(self) -> str:
        """One line on how things are."""
        keeper = self.keeper
        if keeper is None:
            return "making the first desired state so"
        text = f"{keeper.declared.stack}: {len(keeper.declared.desired)} resources, {keeper.repairs} repairs"
        text += f", {len(keeper.drifts)} drifted" if keeper.drifts else ""
        text += f", {len(keeper.pace.contended)} contended" if keeper.pace.contended else ""
        return text + (f"; {self.error or self.trouble}" if self.error or self.trouble else "")
