"""Consul: services with their checks on the host's own agent, external services in the catalog, keys and their values.

The mark of a service is in its metadata, that of a key in a key beside it (see `claim_of`). Consul never tells how a
check was defined, so that the definition is in the service's metadata too: there it can be compared, shown and put
back.
"""

from hashlib import pbkdf2_hmac, sha256
from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.docker import ENGINE

SYSTEM = "consul"

OWN_META = "netctl-"
"""What begins so is netctl's own in the metadata of services and nodes."""
STACK_META = "netctl-stack"
DECLARATION_META = "netctl-declaration"
ID_META = "netctl-id"
"""The id of what the mark is on, so that a copied mark is ignored."""
CHECKS_META = "netctl-checks"
"""The definitions of the checks; what does not fit continues under ``netctl-checks-1`` and so on."""

MOST_META = 64
"""Pairs that Consul takes; and bytes of a key, and of a value (``structs.ValidateServiceMetadata``)."""
LONGEST_META_KEY = 128
LONGEST_META = 512
LARGEST_VALUE = 512 * 1024
"""Bytes of a key's value (``kv_max_value_size``)."""
LONGEST_KEY = 512
"""Bytes of a key that this program takes; Consul's only limit is that of an address."""

Pairs = tuple[tuple[str, str], ...]
"""A mapping, sorted by key."""


def service_key(ident: str) -> Key:
    """The key of an instance on the host's own agent."""
    return Key(SYSTEM, "service", ident)


def external_key(node: str) -> Key:
    """The key of an external service, by the node that stands for it."""
    return Key(SYSTEM, "external", node)


def kv_key(path: str) -> Key:
    """The key of a key of Consul's."""
    return Key(SYSTEM, "kv", path)


CLAIMS = "netctl/"
"""What every key of netctl's own begins with."""


def claim_of(stack: str, path: str = "") -> str:
    """The key whose being there says that *path* is the stack's: ``netctl/shop/kv/shop/log_level``."""
    return f"{CLAIMS}{stack}/kv/{path}"


def note_of(stack: str, path: str = "") -> str:
    """The key whose being there says that the value of the stack's key at *path* is not to be shown."""
    return f"{CLAIMS}{stack}/sensitive/{path}"


_IMPLIED = frozenset({"lan_ipv4", "wan_ipv4", "lan_ipv6", "wan_ipv6"})


def spelled_address(address: str, port: int) -> str:
    """An address with its port: ``10.0.0.1:80``, ``[fd00::1]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def is_implied(name: str, where: str, own: str) -> bool:
    """Whether a tagged address is one that Consul adds by itself to an instance that is at *own*."""
    return name in _IMPLIED and where == own


class Check(NamedTuple):
    """A health check. What is not declared is left to Consul."""

    id: str
    """Unique on the agent: it begins with that of the service."""
    type: str
    """``http``, ``tcp``, ``udp``, ``grpc``, ``h2ping``, ``ttl``, ``script``, ``docker``, ``alias``."""
    settings: Pairs = ()
    """By the names that Consul gives them, each value in JSON: ``("Interval", '"10s"')``."""

    def __str__(self) -> str:
        said = (f"{name}={text}" for name, text in self.settings if name != "Name")
        return " ".join([self.type, *said])


class Sealed(str):  # noqa: SLOT000 - it has an attribute besides its text
    """A setting that may hold a password. Its text, by which it is compared, kept and shown, is a digest."""

    PREFIX = "sealed:"
    plain: str

    @classmethod
    def of(cls, check: str, plain: str) -> "Sealed":
        """The setting *plain*, in JSON, of the check of that id."""
        digest = sha256(f"{check}\0{plain}".encode()).hexdigest()[:24]
        sealed = cls(f"{cls.PREFIX}{digest}")
        sealed.plain = plain
        return sealed


class Secret(str):  # noqa: SLOT000 - it has attributes besides its text
    """A value that is shown nowhere: its text says only that there is one. It is compared, and written, as it is.

    What represents it, so that two plans can be told apart, is a digest that takes a millisecond for each guess.
    """

    SHOWN = "(sensitive)"
    _ROUNDS = 5_000
    plain: str
    path: str

    @classmethod
    def of(cls, path: str, plain: str) -> "Secret":
        """The value of the key at *path*."""
        secret = cls(cls.SHOWN)
        secret.plain, secret.path = plain, path
        return secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.plain == other.plain

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.plain)

    def __repr__(self) -> str:
        plain = self.plain.encode(errors="surrogateescape")
        return f"<sensitive {pbkdf2_hmac('sha256', plain, self.path.encode(), self._ROUNDS).hex()[:32]}>"


class Service(NamedTuple):
    """An instance of a service on the host's own agent."""

    id: str
    name: str | None = None
    address: str | None = None
    port: int | None = None
    tags: tuple[str, ...] | None = None
    """In their order."""
    meta: Pairs | None = None
    """Without netctl's own."""
    weights: tuple[int, int] | None = None
    """While passing, and while warning."""
    tagged_addresses: Pairs | None = None
    """``address:port`` by name, without those that Consul adds by itself."""
    enable_tag_override: bool | None = None
    checks: tuple[Check, ...] | None = None
    """Those that netctl has put there; what others add is left alone."""


SERVICE = Kind(
    SYSTEM, "service", immutable=frozenset({"name"}), identity=frozenset({"id"}), hinges_on=frozenset({ENGINE})
)
"""An instance that is renamed in place leaves its checks under the former name. Containers may be instances."""


class External(NamedTuple):
    """A service outside of Consul's cluster: a node of its own in the catalog, with one service."""

    node: str
    id: str | None = None
    """The service's on the node, where others may have put services of their own."""
    address: str | None = None
    """The service's; the node's where only that is another than the declared one."""
    service: str | None = None
    port: int | None = None
    tags: tuple[str, ...] | None = None
    meta: Pairs | None = None
    probe: bool | None = None
    """Whether Consul's external monitor (consul-esm) pings the node."""
    checks: tuple[Check, ...] | None = None
    """For consul-esm to run; what it has found is its own."""
    weights: tuple[int, int] | None = None
    """While passing, and while warning."""
    tagged_addresses: Pairs | None = None
    """``address:port`` by name."""
    enable_tag_override: bool | None = None


EXTERNAL = Kind(SYSTEM, "external", identity=frozenset({"node"}), cluster_wide=True)


class KeyValue(NamedTuple):
    """A key and its value."""

    path: str
    value: str | None = None
    """Text in UTF-8; a byte that is none stands as a lone surrogate (PEP 383). A `Secret` if it is not to be shown."""
    flags: int | None = None
    sensitive: bool | None = None
    """Whether the stack has noted beside the key that its value is not to be shown."""

    @property
    def content(self) -> bytes:
        """The value as it is stored."""
        value = self.value or ""
        return (value.plain if isinstance(value, Secret) else value).encode(errors="surrogateescape")


KV = Kind(SYSTEM, "kv", identity=frozenset({"path"}), cluster_wide=True)
