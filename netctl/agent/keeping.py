"""What is kept: the desired state, as it is declared and as it was made so, and what is wrong with a newer one."""

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import ParamSpec, TypeVar

from netctl.agent.apart import apart
from netctl.agent.declared import Declared, Load, Loaded, set_apart
from netctl.agent.dns.following import Names
from netctl.agent.health import Health
from netctl.agent.keeper import Keeper
from netctl.agent.knowledge import Knowledge
from netctl.agent.listening import Listening
from netctl.agent.log import Log
from netctl.agent.metrics import Metrics
from netctl.agent.sources import Source
from netctl.agent.turns import Turns
from netctl.engine.facts import Facts
from netctl.engine.plan import Plan
from netctl.engine.protocol import Writer
from netctl.engine.session import Session
from netctl.errors import NetctlError, described

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How the agent is to behave."""

    resync: float = 600.0
    """Seconds between looks at everything; 0 for none."""
    detect_only: bool = False
    agree: Callable[[Plan], None] = lambda _: None
    """Raises where a new desired state may not be made so: too many deletions, a foreign object in its place."""
    told: Callable[[str], None] = lambda _: None
    """Told what is wrong, or that nothing is (empty), whenever that may have changed."""
    netns: str = ""
    """Where health checks are made from; empty for the process's own namespace."""


class Keeping:
    """One stack on one host: the last good desired state is kept until a newer one has been made so."""

    def __init__(
        self,
        session: Session[Writer],
        load: Load,
        source: Source,
        settings: Settings,
        log: Log,
        follow_health: Callable[[], None],
    ) -> None:
        self.metrics = Metrics()
        self.settings = settings
        self.turns = Turns()
        self.session = apart(session, self.turns, self._note_silence)
        self.log = log
        self.error = ""
        """What is wrong with the newest desired state, or keeps it from being read; the last good one is kept."""
        self.refused: dict[str, int] = {}
        """How many requests of a kind were refused."""
        self.keeper: Keeper | None = None
        self.last_resync = 0.0
        self.names: Names | None = None
        """Where DNS is served."""
        self.health = Health(settings.netns, log, follow_health)
        self._load = load
        self._loaded: Loaded | None = None
        """The declaration, as it was read last."""
        self._source = source
        self._unreachable = False
        """Whether the source could not be looked at the last time."""
        self._listening = Listening(self.session.members, log)
        self._knowledge = Knowledge()

    def _note_silence(self, name: str, is_silent: bool) -> None:
        """A system has been asked and does not answer, or does after all. Told by the thread that asks."""
        raise NotImplementedError

    def _begin(self) -> None:
        """The first desired state. Raises NetctlError."""
        declared = self._compile()
        keeper = Keeper(self.session, declared, self.log, self.metrics, detect_only=self.settings.detect_only)
        keeper.slow = self._listening.threaded
        plan = keeper.plan()
        if not self.settings.detect_only:
            self.settings.agree(plan)
        keeper.adopt(declared, plan)
        self._attend(keeper)
        self._source.good(declared)
        set_apart()
        self._tell_kept("watching", plan)
        self._note_gaps(plan)
        self._heed_source()

    def _heed_source(self) -> None:
        """Report, once, that the newest desired state cannot be known or used; and that it can again."""
        if self._source.trouble:
            self._unreachable = True
            self._refuse(NetctlError(self._source.trouble))
        elif self._unreachable:
            self._unreachable = False
            self._good_again()

    def _compile(self, new: Facts | None = None) -> Declared:
        """The declaration, read anew, for this host as it is now; where only facts are *new*, as it was read last."""
        facts = self.session.facts() if new is None else new
        # Some is read, when it is asked for, of a system that is followed, and so in the thread's own turn.
        facts = facts._replace(held=self._regaining(facts.held), published=self._regaining(facts.published))
        facts = self.health.told(self._knowledge.tell(facts))
        with self.turns.lent():
            declared = self._worked_out(facts, again=new is None)
        self.session.leads = declared.leads
        return declared

    def _regaining(self, ask: Callable[P, T]) -> Callable[P, T]:
        def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.turns.regained():
                return ask(*args, **kwargs)

        return answer

    def _worked_out(self, facts: Facts, *, again: bool) -> Declared:
        """The declaration, compiled; nothing that is kept is touched. Raises NetctlError."""
        if again or self._loaded is None:
            self._loaded = None
            self._loaded = self._load()
        loaded = self._loaded
        if self.keeper is not None and loaded.stack != self.keeper.declared.stack:
            raise NetctlError(
                f"the declaration is of stack '{loaded.stack}' now, and '{self.keeper.declared.stack}' is kept here",
                "Start another watch for the other stack.",
            )
        declared = loaded.compile(facts)
        balanced = declared.balanced
        if balanced is None:
            return declared
        if self.names is not None:
            balanced = balanced.named(facts)
        balanced.roster.prepare()
        return declared._replace(balanced=balanced)

    def _attend(self, keeper: Keeper) -> None:
        self._listening.attend(keeper.scope)
        self.keeper = keeper
        self.last_resync = time()
        self.metrics.resources.set(len(keeper.declared.desired))

    def _tell_kept(self, message: str, plan: Plan) -> None:
        keeper = self._keeper
        counts = {action.value: count for action, count in plan.count().items()}
        changed = " ".join(f"{count} {action}d" for action, count in counts.items()) or "no changes"
        self.log.info(
            message, stack=keeper.declared.stack, host=keeper.declared.host, revision=keeper.declared.revision[:12],
            resources=len(keeper.declared.desired), changes=changed,
        )  # fmt: skip

    @property
    def _keeper(self) -> Keeper:
        if self.keeper is None:
            raise RuntimeError("nothing is kept yet")
        return self.keeper

    def _renew(self, facts: Facts | None = None) -> None:
        """Read the declaration anew and make it so; where that cannot be, the last good state is kept.

        Where only *facts* are new, it may well mean the same.
        """
        keeper = self._keeper
        try:
            declared = self._compile(facts)
            if facts is not None and declared.desired == keeper.declared.desired:
                keeper.declared = declared  # which may have other names
                self._good_again()
                return
            plan = keeper.plan(declared)
            if not self.settings.detect_only:
                self.settings.agree(plan)
            with self.turns.kept():
                keeper.adopt(declared, plan)
        except NetctlError as error:
            self._refuse(error)
            self._attend(keeper)
            return
        self._good_again()
        self._attend(keeper)
        self._source.good(declared)
        set_apart()
        self._tell_kept("reloaded", plan)
        self._note_gaps(plan)

    def _note_gaps(self, plan: Plan) -> None:
        if plan.unread or plan.conflicts:
            self._keeper.look_again = "not everything could be read"

    def _good_again(self) -> None:
        if self._source.trouble:  # what is known is good, but the newest is not known
            return
        if self.error:
            self.log.info("the desired state is good again")
        self.error = ""

    def _refuse(self, error: NetctlError) -> None:
        """Report, once, what is wrong with a new desired state."""
        text = described(error)
        self.metrics.state_errors.add()
        known, self.error = self.error, text
        if text != known:
            self.log.error(
                "the new desired state is refused; the last good one is kept", error=text, advice=error.advice
            )

    def tell_refused(self, what: str, message: str) -> None:
        """Count a request that was refused; the first of its kind is told."""
        self.metrics.refusals.add(what=what)
        if what not in self.refused:
            self.log.warning(message, note="more are only counted")
        self.refused[what] = self.refused.get(what, 0) + 1

    def _check_facts(self) -> None:
        """Compile anew where what is known of the host has changed; what was refused may be possible now."""
        facts = self.session.facts()
        if self._knowledge.is_outdated(facts) or self.error:
            self._renew(facts)
