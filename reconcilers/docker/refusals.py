"""What can go wrong with the Engine, as exceptions and in words."""

from netctl.errors import BackendError


class UnreachableError(BackendError):
    """The Engine cannot be reached, does not answer in time, or answers in no way that it should."""


class RefusalError(BackendError):
    """The Engine's own refusal."""

    def __init__(self, status: int, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.status = status

    @property
    def is_absence(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == _NOT_FOUND

    def advised(self) -> str:
        """What to do about it."""
        lowered = self.message.lower()
        return self.advice or next((advice for words, advice in _ADVICE if words in lowered), "plan again")


_NOT_FOUND = 404
_ADVICE = (
    ("pool overlaps", "choose another subnet: 'docker network ls' and 'ip route' show which are in use"),
    ("address already in use", "choose another address, or give Docker a 'range' of its own to assign from"),
    ("no available ip", "the subnet is full: choose a larger one"),
    ("already exists", "someone else made it meanwhile; plan again"),
    ("no such container", "the container was removed meanwhile; plan again"),
    ("not a swarm manager", "an overlay needs a swarm: docker swarm init, and 'hosts:' that name a manager"),
    ("not manually attachable", "say 'attachable: true' on the network"),
    ("in use by task", "containers on other hosts of the swarm are on it: disconnect them there, and apply again"),
    ("plugin", "install the plugin that brings the driver, or correct 'driver:'"),
    ("user configured subnet", "give the network a 'subnet:'"),
    ("bridge name", "choose another 'interface_name'"),
)
