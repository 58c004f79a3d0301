"""A stack that is published in the store which coordinates hosts, as a source of desired states."""

from netctl.agent.declared import Declared
from netctl.cluster.follower import Follower, Offer


class Published:
    """The published version, completed with who is there; the follower's thread tells when it has changed."""

    interval = 0.0

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
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

    def take(self) -> Offer | None:
        """The newest state, which is known now."""
        self._known = self._follower.offer
        return self._known

    def good(self, declared: Declared) -> None:
        """Remember it, to begin with should the store be out of reach; and tell the store."""
        self._follower.holds(declared.revision)

    def close(self) -> None:
        """Stop following."""
        self._follower.close()
