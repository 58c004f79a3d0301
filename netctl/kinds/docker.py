"""Docker: networks of an Engine, and containers attached to them.

The mark of a network is among its labels, that of an attachment among the options of its endpoint; neither can be
changed once it is made. Nor can anything else of a network: every change replaces it.
"""

from hashlib import sha256
from typing import NamedTuple

from netctl.engine.change import Action, Change
from netctl.engine.resource import Attributes, Key, Kind

SYSTEM = "docker"

STACK_LABEL = "io.netctl.stack"
DECLARATION_LABEL = "io.netctl.declaration"
NAME_LABEL = "io.netctl.name"
"""The network that the mark is on, so that a copied mark is ignored."""
DIGEST_LABEL = "io.netctl.digest"
OWN_LABELS = "io.netctl."
PREDEFINED = frozenset({"bridge", "host", "none"})
"""The networks that every Engine has. They can be referred to, and are never changed."""

ENGINE = Key(SYSTEM, "engine", "")
"""What the Engine alone can tell: which containers there are, and where. It is needed, and never desired."""

LATEST = ":latest"
"""What the Engine adds to the name of a plugin that says no version; left out here."""

Pairs = tuple[tuple[str, str], ...]
"""A mapping, sorted by key."""


def network_key(name: str) -> Key:
    """The key of a Docker network by its name."""
    return Key(SYSTEM, "network", name)


def reference_key(name: str) -> Key:
    """The key of a reference to a network, by the network's name."""
    return Key(SYSTEM, "reference", name)


def attachment_key(network: str, container: str) -> Key:
    """The key of a container's attachment to a network, by the names of both."""
    return Key(SYSTEM, "attachment", f"{network} {container}")


class Pool(NamedTuple):
    """What one family of a network's addresses comes from."""

    subnet: str
    gateway: str
    range: str = ""
    """Where the Engine's own assignments come from; empty: the whole subnet."""
    auxiliary: Pairs = ()
    """Addresses that the Engine never assigns, each with a name."""

    def __str__(self) -> str:
        parts = [self.subnet, f"gateway {self.gateway}" if self.gateway else ""]
        parts += [f"range {self.range}" if self.range else ""]
        parts += [f"without {', '.join(address for _, address in self.auxiliary)}" if self.auxiliary else ""]
        return " ".join(part for part in parts if part)


class Network(NamedTuple):
    """A network of the Engine."""

    name: str
    driver: str | None = None
    pools: tuple[Pool, ...] | None = None
    """IPv4 first."""
    ipv6: bool | None = None
    internal: bool | None = None
    attachable: bool | None = None
    options: Pairs | None = None
    ipam_driver: str | None = None
    ipam_options: Pairs | None = None
    labels: Pairs | None = None
    """Without netctl's own, and without those by which Compose and its like know their networks."""
    containers: tuple[str, ...] | None = None
    """The containers on it. Live only."""
    cut_off: tuple[str, ...] | None = None
    """Containers that a replacement, broken off, has disconnected and not connected again."""
    elsewhere: tuple[str, ...] | None = None
    """What else of a swarm is on it, out of this Engine's reach: it can neither be removed nor made anew. Live only."""


NETWORK = Kind(
    SYSTEM,
    "network",
    immutable=frozenset(Network._fields) - {"name", "containers", "cut_off", "elsewhere"},
    identity=frozenset({"name"}),
)


class Reference(NamedTuple):
    """A network of the Engine's own, or of someone else, that the stack refers to. Nothing of it is managed."""

    name: str


REFERENCE = Kind(SYSTEM, "reference", shared=True, identity=frozenset({"name"}))


class Attachment(NamedTuple):
    """A container on a network. Changed by disconnecting and connecting it again."""

    network: str
    container: str
    addresses: tuple[str, ...] | None = None
    """The fixed ones, IPv4 first."""
    aliases: tuple[str, ...] | None = None
    """Sorted; the names that Docker itself gives are left out."""
    link_local: tuple[str, ...] | None = None
    """Sorted."""
    options: Pairs | None = None
    """Of the driver, without netctl's own."""


ATTACHMENT = Kind(SYSTEM, "attachment", identity=frozenset({"network", "container"}))


def digest(network: Network) -> str:
    """A digest of what is declared of a network: the same for equal declarations."""
    return sha256(repr(tuple(network)).encode()).hexdigest()[:16]


def containers_on(attributes: Attributes | None) -> tuple[str, ...]:
    """The containers that a change to a network disconnects; none for anything else."""
    return (attributes.containers or ()) if isinstance(attributes, Network) else ()


def held_elsewhere(change: Change) -> tuple[str, ...]:
    """What keeps the network of a change from being removed, or made anew; nothing for any other change."""
    remakes = change.action in {Action.REPLACE, Action.DELETE} or "owner" in change.fields
    return (change.before.elsewhere or ()) if remakes and isinstance(change.before, Network) else ()
