"""What a rule can look at: a field's name in nft, its type, and the expression that loads it into a register.

Registers are numbered here as the kernel's memory is: sixteen words of four bytes, of which fields that are looked up
together fill consecutive ones. The kernel's own numbers are 1 to 4 for every fourth word, and 8 to 23 for all.
"""

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from reconcilers.nftables.attributes import Attributes, nest, number, string, u32
from reconcilers.nftables.datatypes import DATATYPES, DataType

WORDS = 16

_META_DREG, _META_KEY, _META_SREG = 1, 2, 3
_PAYLOAD_DREG, _PAYLOAD_BASE, _PAYLOAD_OFFSET, _PAYLOAD_LEN = 1, 2, 3, 4
_CT_DREG, _CT_KEY = 1, 2
_FIB_RESULT, _FIB_FLAGS = 2, 3
_ADDRESS_TYPE = 3
_NUMGEN_MODULUS, _NUMGEN_TYPE, _NUMGEN_OFFSET = 2, 3, 4
_RANDOM = 1
_LINK, _NETWORK, _TRANSPORT = 0, 1, 2
_NUMGEN = "numgen random mod "


class Field(NamedTuple):
    """One field. The selector is what the loading expression says besides the register."""

    name: str
    type: DataType
    expression: str
    """``meta``, ``payload``, ``ct``, ``fib`` or ``numgen``."""
    selector: tuple[int, ...]
    """The key; of ``payload`` base and offset; of ``fib`` which address; of ``numgen`` the modulus."""

    @property
    def words(self) -> int:
        """The registers that it fills."""
        return (self.type.length + 3) // 4

    @lru_cache(256)  # noqa: B019 - there are few fields, and they live as long as the module
    def load(self, word: int) -> bytes:
        """The expression that loads it into the registers from *word* on."""
        register = u32(1, register_number(word))
        if self.expression == "payload":
            base, offset = self.selector
            place = u32(_PAYLOAD_BASE, base) + u32(_PAYLOAD_OFFSET, offset) + u32(_PAYLOAD_LEN, self.type.length)
            return expression("payload", register, place)
        if self.expression == "fib":
            return expression("fib", register, u32(_FIB_RESULT, _ADDRESS_TYPE), u32(_FIB_FLAGS, self.selector[0]))
        if self.expression == "numgen":
            return expression("numgen", register, u32(_NUMGEN_MODULUS, self.selector[0]), u32(_NUMGEN_TYPE, _RANDOM))
        return expression(self.expression, register, u32(_META_KEY, self.selector[0]))


class Loaded(NamedTuple):
    """What a register holds: a field, or the first bytes of one."""

    field: Field
    length: int
    """Bytes."""
    mask: bytes = b""
    """Of a bitwise expression on it; empty for none."""


def expression(name: str, *attributes: bytes) -> bytes:
    """An element of a rule's list of expressions."""
    return nest(1, string(1, name), nest(2, *attributes))


def register_number(word: int) -> int:
    """The kernel's number of the register at *word*, as the kernel itself prefers it."""
    return 8 + word if word % 4 else 1 + word // 4


def register_word(attribute: bytes) -> int:
    """The word of a register's number (0 to 15). Raises ValueError for that of the verdict."""
    register = number(attribute)
    if 1 <= register <= 4:
        return (register - 1) * 4
    if 8 <= register < 8 + WORDS:
        return register - 8
    raise ValueError(f"register {register} holds no field")


def loaded(name: str, attributes: Attributes) -> tuple[int, Loaded]:
    """The register and the field of a loading expression. Raises KeyError or ValueError for one that is not known.

    Which of several fields at one place it is, `in_context` tells.
    """
    if name == "payload":
        selector = (number(attributes[_PAYLOAD_BASE]), number(attributes[_PAYLOAD_OFFSET]))
        length = number(attributes[_PAYLOAD_LEN])
        field = _BY_WIDTH.get((selector, length)) or _BY_SELECTOR[name, selector]
        if not 0 < length <= field.type.length:
            raise ValueError(f"{length} bytes are more than {field.name}")
        return register_word(attributes[_PAYLOAD_DREG]), Loaded(field, length)
    if name == "fib":
        if number(attributes[_FIB_RESULT]) != _ADDRESS_TYPE:
            raise ValueError("not the type of an address")
        field = _BY_SELECTOR[name, (number(attributes[_FIB_FLAGS]),)]
        return register_word(attributes[1]), Loaded(field, field.type.length)
    if name == "numgen":
        if number(attributes[_NUMGEN_TYPE]) != _RANDOM or number(attributes.get(_NUMGEN_OFFSET, b"")):
            raise ValueError("not a random number from 0 on")
        field = field_named(f"{_NUMGEN}{number(attributes[_NUMGEN_MODULUS])}")
        return register_word(attributes[1]), Loaded(field, field.type.length)
    if len(attributes) != 2:
        raise ValueError(f"{name} has more than a key and a register")
    field = _BY_SELECTOR[name, (number(attributes[_META_KEY]),)]
    return register_word(attributes[_META_DREG]), Loaded(field, field.type.length)


def field_named(name: str) -> Field:
    """A field by its name; also a random number. Raises KeyError or ValueError for none."""
    if name.startswith(_NUMGEN):
        return Field(name, DATATYPES["mark"], "numgen", (int(name.removeprefix(_NUMGEN)),))
    return FIELDS[name]


def in_context(found: Loaded, matched: Iterable[tuple[str, str]]) -> Loaded:
    """What a rule means by the bytes that it loads, after it has compared fields with values (``meta l4proto``)."""
    if found.field.name not in _ELSEWHERE:
        return found
    names = (_CONTEXTS[pair].get(found.field.name) for pair in matched if pair in _CONTEXTS)
    field = FIELDS[next(filter(None, names), found.field.name)]
    return found._replace(field=field) if found.length <= field.type.length else found


def _fields() -> tuple[Field, ...]:
    rows: tuple[tuple[str, str, str, tuple[int, ...]], ...] = (
        ("iifname", "ifname", "meta", (6,)),
        ("oifname", "ifname", "meta", (7,)),
        ("meta protocol", "ether_type", "meta", (1,)),
        ("meta mark", "mark", "meta", (3,)),
        ("meta priority", "mark", "meta", (2,)),
        ("meta nfproto", "nf_proto", "meta", (15,)),
        ("meta l4proto", "inet_proto", "meta", (16,)),
        ("ether saddr", "ether_addr", "payload", (_LINK, 6)),
        ("ether type", "ether_type", "payload", (_LINK, 12)),
        ("arp saddr ether", "ether_addr", "payload", (_NETWORK, 8)),
        ("arp saddr ip", "ipv4_addr", "payload", (_NETWORK, 14)),
        ("ip saddr", "ipv4_addr", "payload", (_NETWORK, 12)),
        ("ip daddr", "ipv4_addr", "payload", (_NETWORK, 16)),
        ("ip6 saddr", "ipv6_addr", "payload", (_NETWORK, 8)),
        ("ip6 daddr", "ipv6_addr", "payload", (_NETWORK, 24)),
        ("icmpv6 type", "icmpv6_type", "payload", (_TRANSPORT, 0)),
        ("icmpv6 code", "icmpv6_code", "payload", (_TRANSPORT, 1)),
        ("icmp type", "icmp_type", "payload", (_TRANSPORT, 0)),
        ("icmp code", "icmp_code", "payload", (_TRANSPORT, 1)),
        ("th sport", "inet_service", "payload", (_TRANSPORT, 0)),
        ("th dport", "inet_service", "payload", (_TRANSPORT, 2)),
        ("ct state", "ct_state", "ct", (0,)),
        ("ct direction", "ct_dir", "ct", (1,)),
        ("ct status", "ct_status", "ct", (2,)),
        ("ct mark", "mark", "ct", (3,)),
        ("fib saddr type", "fib_addrtype", "fib", (1,)),
        ("fib daddr type", "fib_addrtype", "fib", (2,)),
    )
    return tuple(Field(name, DATATYPES[type_], kind, selector) for name, type_, kind, selector in rows)


FIELDS = MappingProxyType({field.name: field for field in _fields()})
"""The fields that netctl knows, by nft's name."""
_BY_SELECTOR = {(field.expression, field.selector): field for field in FIELDS.values()}
"""Of several at one place, the last: the widest."""
_BY_WIDTH = {(field.selector, field.type.length): field for field in (FIELDS["icmp type"],)}
_CONTEXTS = {
    ("meta l4proto", "ipv6-icmp"): {"icmp type": "icmpv6 type", "icmp code": "icmpv6 code"},
    ("ether type", "arp"): {"ip6 saddr": "arp saddr ether"},
}
_ELSEWHERE = frozenset(name for names in _CONTEXTS.values() for name in names)
"""Fields at whose place there is another one in other packets."""
