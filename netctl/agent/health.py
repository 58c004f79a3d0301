"""The health of services' endpoints in a running watch: what tells of it, and what follows from it at once.

Docker and Consul are asked when they tell of a change; what they said last is remembered, so that nobody becomes well
or unwell because they cannot be read. netctl's own checks are made meanwhile. An endpoint that becomes unwell, or well,
is moved by elements of maps alone; the stack is not compiled for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from netctl.agent.checking import Checking
from netctl.agent.declared import Declared
from netctl.agent.draining import Draining
from netctl.agent.log import Log
from netctl.agent.remembering import Remembering
from netctl.compiler.balancing.balanced import Balanced
from netctl.compiler.resting import Resting
from netctl.engine.facts import Facts
from netctl.engine.flows import Left
from netctl.engine.resource import Key
from netctl.kinds.nftables import Table, table_key


class Health:
    """What is known of the endpoints of one stack."""

    def __init__(self, netns: str, log: Log, changed: Callable[[], None]) -> None:
        """*changed* is told in the loop when a check of netctl's own has found an endpoint to be well, or not."""
        self._log = log
        self._checking = Checking(netns, changed)
        self._draining = Draining()
        self._facts = Facts()
        self._remembering = Remembering("engine", "complaints")
        self._attended: Balanced | None = None
        self._told: Resting = {}

    def told(self, facts: Facts) -> Facts:
        """These facts, with what is known of health: told now, or before where it cannot be read."""
        self._facts = facts
        return self._with(facts)

    def _with(self, newest: Facts) -> Facts:
        """The facts told last, with what the *newest* of some systems tell of health."""
        facts = self._facts._replace(engine=newest.engine, complaints=newest.complaints)
        checks = {**newest.failed_checks, **self._checking.failed}
        return self._remembering.told(facts)._replace(failed_checks=checks)

    def moved(self, declared: Declared, facts: Facts) -> Declared | None:
        """The desired state by these facts, which may be those of one system; None where it is the same.

        Only the stack's table differs, and of that only elements, and chains where there is a new number of slots.
        """
        balanced = declared.balanced
        if balanced is None:
            return None
        resting = balanced.seen(self._with(facts))
        if resting.keys() == balanced.resting.keys():
            return None
        after = balanced.without(resting)
        if not after.fronts:  # they have names alone
            return declared._replace(balanced=after)
        key: Key = table_key(declared.stack)
        want = declared.desired[key]
        table = after.table(cast(Table, want.attributes), balanced)
        return declared._replace(desired={**declared.desired, key: want._replace(attributes=table)}, balanced=after)

    def attend(self, declared: Declared, now: float) -> None:
        """Make the checks of this desired state, and note who has left; to be told in the loop, of each anew."""
        balanced = declared.balanced
        if balanced is self._attended:
            return
        self._attended = balanced
        self._checking.attend(balanced.probes if balanced else ())
        self._draining.attend(balanced.fronts if balanced else (), now)
        self._tell(balanced.resting if balanced else {})

    def _tell(self, resting: Resting) -> None:
        for subject in sorted(resting.keys() - self._told.keys()):
            self._log.warning(
                "left out: no new connections",
                service=subject.service,
                endpoint=subject.address,
                reason=resting[subject],
            )
        for subject in sorted(self._told.keys() - resting.keys()):
            self._log.info("taken in again", service=subject.service, endpoint=subject.address)
        self._told = resting

    @property
    def failed_checks(self) -> dict[str, str]:
        """What netctl's own checks have found, by the ids of instances."""
        return dict(self._checking.failed)

    def complaints(self, balanced: Balanced) -> dict[str, str] | None:
        """What Consul said last against instances that matter here, by their ids; None where it said nothing at all."""
        said = self._remembering.last("complaints")
        if not isinstance(said, Mapping):
            return None
        named = balanced.roster.resting(Facts(complaints=lambda: {ident: ident for ident in said}), balanced.host)
        return {ident: said[ident] for ident in sorted(set(named.values()))}

    @property
    def cut_due(self) -> float | None:
        """When `ripe` has something to tell."""
        return self._draining.next_due

    def ripe(self, now: float) -> Sequence[Left]:
        """The connections whose grace is over."""
        return self._draining.ripe(now)

    def close(self) -> None:
        """Make no checks any more."""
        self._checking.close()
