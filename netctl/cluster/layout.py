"""Where in the store things are.

What every host follows is below one prefix, so that one query tells of all of it, as of one moment. What is large (the
published versions), or changes at each host's every step and concerns no other (their states), is beside it.
"""

from typing import NamedTuple


class Layout(NamedTuple):
    """The keys of one stack."""

    stack: str

    @property
    def live(self) -> str:
        """The prefix of what hosts follow."""
        return f"netctl/{self.stack}/cluster/"

    @property
    def current(self) -> str:
        """Which version is to hold."""
        return f"{self.live}current"

    @property
    def rollout(self) -> str:
        """Which hosts are taking it up."""
        return f"{self.live}rollout"

    @property
    def writer(self) -> str:
        """Held by the host that writes what is cluster-wide."""
        return f"{self.live}writer"

    @property
    def hosts(self) -> str:
        """The prefix of the hosts, each of which holds its own key."""
        return f"{self.live}hosts/"

    @property
    def containers(self) -> str:
        """The prefix of the containers that hosts have on the stack's networks."""
        return f"{self.live}containers/"

    @property
    def ids(self) -> str:
        """The prefix of the ids that hosts have leased."""
        return f"{self.live}ids/"

    @property
    def versions(self) -> str:
        """The prefix of what was published, by digest, in parts."""
        return f"netctl/{self.stack}/versions/"

    @property
    def states(self) -> str:
        """The prefix of what hosts say of themselves."""
        return f"netctl/{self.stack}/states/"

    def part(self, digest: str, number: int) -> str:
        """One part of a version."""
        return f"{self.versions}{digest}/{number}"
