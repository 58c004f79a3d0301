"""A stack that is published in the store which coordinates hosts, as a source of desired states."""

from netctl.agent.declared import Declared
from netctl.cluster.follower import Follower
from netctl.cluster.offer import Offer


class Published:
    """The published version, completed with who is there; the follower's thread tells when it has changed."""

    interval = 0.0

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._first: Offer | None = None
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
        self._known = self._first or self._follower.offer
        self._first = None
        return self._known

    def good(self, declared: Declared) -> None:
        """Remember it, to begin with should the store be out of reach; and tell the store."""
        if self._known is not None and self._known.publication.digest == declared.revision:
            self._follower.holds(self._known)

    def close(self) -> None:
        """Stop following."""
        self._follower.close()
