"""A stack that is published in the store which coordinates hosts, as a source of desired states."""

from netctl.agent.declared import Declared
from netctl.cluster.follower import Follower
from netctl.cluster.offer import Offer

_PATIENCE = 10.0
"""Seconds in which a newer version than the first is heard of, if there is one."""


class Published:
    """The published version, completed with who is there; the follower's thread tells when it has changed."""

    interval = 0.0

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._first: Offer | None = None
        self._is_first = False
        """Whether what is known is the first state: the one that held before this process, should there be one."""
        self._known: Offer | None = None
        self.descriptor: int | None = follower.descriptor

    @property
    def trouble(self) -> str:
        """Why the newest state is not known, or not used."""
        return self._follower.trouble

    def look(self) -> bool:
        """Nothing: the descriptor tells."""
        return False

    def changed(self) -> bool:
        """Whether there is another state; that there is another trouble is told by the descriptor, too."""
        self._follower.take()
        return self._follower.offer is not self._known

    def begin(self) -> None:
        """Wait for the first state. Raises NetctlError."""
        self._first = self._follower.begin()

    def take(self) -> Offer | None:
        """The first state, then whatever is the newest; it is known now."""
        self._is_first = self._first is not None
        self._known = self._first or self._follower.offer
        self._first = None
        return self._known

    def take_next(self) -> Offer | None:
        """The state after the one that is known, where there is one, or is one at once; else None."""
        known = self._known
        if known is None or not self._is_first:
            return None
        self._known = self._follower.after(known, _PATIENCE)
        return None if self._known is known else self._known

    def good(self, declared: Declared) -> None:
        """Remember it, to begin with should the store be out of reach; and tell the store."""
        if self._known is not None and self._known.publication.digest == declared.revision:
            self._follower.holds(self._known)

    def close(self) -> None:
        """Stop following."""
        self._follower.close()
