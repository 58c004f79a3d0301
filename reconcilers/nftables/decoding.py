"""The kernel's expressions as statements: the reverse of `reconcilers.nftables.encoding`.

A rule is read strictly. Whatever is not exactly what the encoder writes (or nft, for the same statement) makes the
whole rule `Unknown`, with its expressions in the text: two rules that act differently never read alike.

Each expression becomes a *step*, which is remembered by its bytes, since most rules are made of the same few; the
steps of a rule then become statements.
"""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from netctl.kinds.nftables import (
    Comment,
    Counter,
    Log,
    Lookup,
    Masquerade,
    Match,
    Recall,
    Reject,
    Remember,
    Rule,
    Set,
    Statement,
    Translate,
    Unknown,
    Verdict,
    VerdictMap,
)
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import Attributes, items, number, parse, string, text
from reconcilers.nftables.datatypes import DATATYPES, span_text
from reconcilers.nftables.encoding import (
    CMP_EQ,
    CMP_NEQ,
    COMMENT,
    DESTINATION,
    LOG_LEVELS,
    LOOKUP_INVERTED,
    MASQUERADE_FLAGS,
    NAT_FAMILIES,
    PRIORITY,
    REJECT_ANSWERS,
    UPDATE,
)
from reconcilers.nftables.fields import Loaded, in_context, loaded, register_word

Sets = Mapping[str, Set]
"""The sets of the rule's table, by name: a look-up's number of fields is the set's."""

_VERDICTS = {code & 0xFFFFFFFF: kind for kind, code in uapi.VERDICTS.items()}
_ANSWERS = {codes: answer for answer, codes in REJECT_ANSWERS.items()}
_INTERFACE = DATATYPES["ifname"]
_FAMILIES = {number: (family, words) for family, (number, words) in NAT_FAMILIES.items()}
_OPERATORS = {CMP_EQ: "==", CMP_NEQ: "!="}

_COMPARE = string(1, "cmp")
_COUNT = string(1, "counter")
_COMPARE_HEAD = struct.Struct("=8sHHHH4sHH4sHHHH")
"""What comes before the value of a comparison: name, register, operator, and the headers around them."""
_COMPARE_TYPES = (2, 1, 2, 3, uapi.DATA_VALUE)
_TYPE_MASK = 0x3FFF
_REMEMBERED = 4096


class _Load(NamedTuple):
    """A field is put into a register."""

    word: int
    loaded: Loaded


class _Mask(NamedTuple):
    """Bits of a register are cleared."""

    word: int
    mask: bytes


class _Compare(NamedTuple):
    """A register is compared with a value, which is no part of the step."""

    word: int
    operator: str
    length: int


class _Look(NamedTuple):
    """Registers are looked up in a set or, for a verdict, in a map."""

    word: int
    name: str
    negated: bool
    verdict: bool


class _Fetch(NamedTuple):
    """Registers are looked up in a map, and what it has is put into others."""

    word: int
    name: str
    into: int


class _Prioritise(NamedTuple):
    """The packet's priority becomes what a register has."""

    word: int


class _Nat(NamedTuple):
    """The destination becomes what two registers have."""

    family: int
    address: int
    port: int


class _Update(NamedTuple):
    """An element is made of two registers."""

    name: str
    key: int
    data: int
    seconds: int


class _Swap(NamedTuple):
    """The bytes of a register are put in the other order: nft does so before it looks into intervals."""

    word: int


_Step = _Load | _Mask | _Look | _Fetch | _Prioritise | _Nat | _Update | _Swap | Statement


def decode_rule(attributes: Attributes, sets: Sets) -> Rule:
    """The rule in an NFT_MSG_NEWRULE; its comment, if it has one, is the last statement."""
    expressions = attributes.get(uapi.RuleAttribute.EXPRESSIONS, b"")
    userdata = attributes.get(uapi.RuleAttribute.USERDATA)
    comment = comment_in(userdata) if userdata else ""
    tail = (Comment(comment),) if comment else ()
    try:
        return Rule((*_Registers(sets).statements(expressions), *tail))
    except (KeyError, IndexError, ValueError, struct.error):
        return Rule((Unknown(_described(expressions)), *tail))


def comment_in(userdata: bytes) -> str:
    """The comment among the user data of a table or a rule; empty for none."""
    start = 0
    while start + 2 <= len(userdata):
        kind, length = userdata[start], userdata[start + 1]
        if kind == COMMENT:
            return text(userdata[start + 2 : start + 2 + length])
        start += 2 + length
    return ""


def verdict_text(data: Attributes) -> str:
    """The verdict in an expression's or an element's data: ``jump web``. Raises KeyError where it is none."""
    inner = parse(data[uapi.DATA_VERDICT])
    kind = _VERDICTS[number(inner[uapi.VERDICT_CODE])]
    return f"{kind} {text(inner[uapi.VERDICT_CHAIN])}" if uapi.VERDICT_CHAIN in inner else kind


class _Registers:
    """Reads one rule: what its expressions have loaded and not yet used, and which values they have compared."""

    def __init__(self, sets: Sets) -> None:
        self.sets = sets
        self.loaded: dict[int, Loaded] = {}
        self.fetched: dict[int, tuple[tuple[str, ...], Set]] = {}
        self.matched: list[tuple[str, str]] = []

    def statements(self, expressions: bytes) -> list[Statement]:
        found: list[Statement] = []
        for raw in items(expressions):
            if raw.startswith(_COMPARE):
                step = _comparison(raw[: _COMPARE_HEAD.size])
                found.append(self._compare(step, raw[_COMPARE_HEAD.size : _COMPARE_HEAD.size + step.length]))
                continue
            statement = self._take(_COUNTER if raw.startswith(_COUNT) else _step(raw))
            if statement is not None:
                found.append(statement)
        if self.loaded or self.fetched:
            raise ValueError("a field is loaded and not used")
        return found

    def _take(self, step: _Step) -> Statement | None:
        """The statement that a step completes, if it does."""
        if isinstance(step, _Load):
            if step.word in self.loaded:
                raise ValueError("a field is loaded and not used")
            self.loaded[step.word] = in_context(step.loaded, self.matched)
        elif isinstance(step, _Mask):
            field = self.loaded[step.word]
            if field.mask or field.length != len(step.mask):
                raise ValueError("masked twice, or in part")
            self.loaded[step.word] = Loaded(field.field, field.length, step.mask)
        elif isinstance(step, _Swap):
            if self.loaded[step.word].length != 1:
                raise ValueError("more than one byte, which have an order")
        elif isinstance(step, _Fetch):
            found = self.sets[step.name]
            self.fetched[step.into] = self._looked_up(step.word, found), found
        elif isinstance(step, _Look | _Prioritise | _Nat | _Update):
            return self._mapped(step)
        else:
            return step
        return None

    def _mapped(self, step: _Look | _Prioritise | _Nat | _Update) -> Statement:
        """The statement that does something with what a set or a map has."""
        if isinstance(step, _Look):
            fields = self._looked_up(step.word, self.sets[step.name])
            return VerdictMap(fields, step.name) if step.verdict else Lookup(fields, step.name, step.negated)
        if isinstance(step, _Prioritise):
            return self._recalled(step)
        return self._translated(step) if isinstance(step, _Nat) else self._remembered(step)

    def _recalled(self, step: _Prioritise) -> Recall:
        fields, found = self.fetched.pop(step.word)
        if found.data != ("mark",):
            raise ValueError("a map of other data")
        return Recall(fields, found.name)

    def _remembered(self, step: _Update) -> Remember:
        number = self.loaded.pop(step.data).field
        if number.expression != "numgen":
            raise ValueError("a map of other data")
        return Remember(self._looked_up(step.key, self.sets[step.name]), number.name, step.name, step.seconds)

    def _translated(self, step: _Nat) -> Translate:
        fields, found = self.fetched.pop(step.address)
        family, words = _FAMILIES[step.family]
        if found.data != (f"ipv{family}_addr", "inet_service") or step.port != step.address + words:
            raise ValueError("not an address and its port")
        return Translate(family, fields, found.name)

    def _compare(self, step: _Compare, raw: bytes) -> Statement:
        """A comparison, with a value or (by a mask, or of the first bytes only) with a prefix."""
        field = self.loaded.pop(step.word)
        if field.field.expression == "numgen":
            raise ValueError("a number that is no part of a packet")
        if field.field.type is _INTERFACE and raw.endswith(b"\0"):
            # A name up to its NUL is the whole name: so iptables writes it when it restores what it saved.
            raw = raw.ljust(field.length, b"\0")
        if len(raw) != field.length:
            raise ValueError("only a part is compared")
        if field.field.type.bits:
            return _bits(field, step.operator, raw)
        match = Match(field.field.name, _value_text(field, raw), step.operator)
        if step.operator == "==":
            self.matched.append((match.field, match.value))
        return match

    def _looked_up(self, word: int, looked_up: Set) -> tuple[str, ...]:
        """The fields that are side by side from *word* on, as many as the set's keys have, and of their types."""
        names = []
        for datatype in looked_up.key:
            field, length, mask = self.loaded.pop(word)
            if field.type is not DATATYPES[datatype] or length != field.type.length or mask:
                raise ValueError("not what the set holds")
            names.append(field.name)
            word += field.words
        return tuple(names)


@lru_cache(_REMEMBERED)
def _comparison(head: bytes) -> _Compare:
    parts = _COMPARE_HEAD.unpack(head)
    _, _, outer, _, first, register, _, second, operator, _, third, length, inner = parts
    if tuple(type_ & _TYPE_MASK for type_ in (outer, first, second, third, inner)) != _COMPARE_TYPES:
        raise ValueError("a comparison of another layout")
    return _Compare(register_word(register), _OPERATORS[number(operator)], length - 4)


@lru_cache(_REMEMBERED)
def _step(raw: bytes) -> _Step:
    outer = parse(raw)
    return _STEPS[text(outer[1])](parse(outer.get(2, b"")))


def _bits(field: Loaded, operator: str, raw: bytes) -> Match:
    if operator != "!=" or any(raw) or not field.mask:
        raise ValueError("not the one way to compare bits")
    return Match(field.field.name, field.field.type.decode(field.mask))


def _value_text(field: Loaded, raw: bytes) -> str:
    """What is compared, as text; bytes that were not loaded are a prefix's host part, and so are masked ones."""
    datatype = field.field.type
    missing = datatype.length - len(raw)
    if not missing and not field.mask:
        return datatype.decode(raw)
    if not datatype.prefixes:
        raise ValueError(f"{datatype.name} has no prefixes")
    mask = (field.mask or b"\xff" * len(raw)) + bytes(missing)
    last = bytes(a | ~m & 0xFF for a, m in zip(raw + bytes(missing), mask, strict=True))
    prefix = span_text(raw + bytes(missing), last, datatype)
    if "-" in prefix:
        raise ValueError("the mask is not a prefix's")
    return prefix


def _value(data: bytes) -> bytes:
    return parse(data)[uapi.DATA_VALUE]


def _load(name: str) -> Callable[[Attributes], _Step]:
    return lambda attributes: _Load(*loaded(name, attributes))


def _meta(attributes: Attributes) -> _Step:
    """Something about the packet is looked at, or its priority is set."""
    if 3 not in attributes:
        return _Load(*loaded("meta", attributes))
    if number(attributes[2]) != PRIORITY or len(attributes) != 2:
        raise ValueError("something else than the priority is set")
    return _Prioritise(register_word(attributes[3]))


def _mask(attributes: Attributes) -> _Step:
    word = register_word(attributes[1])
    plain = set(attributes) <= {1, 2, 3, 4, 5, 6} and not number(attributes.get(6, b""))
    if register_word(attributes[2]) != word or not plain or any(_value(attributes[5])):
        raise ValueError("not a plain mask")
    return _Mask(word, _value(attributes[4]))


def _swap(attributes: Attributes) -> _Step:
    word = register_word(attributes[1])
    if register_word(attributes[2]) != word or number(attributes[4]) != 1:
        raise ValueError("not of one byte in its place")
    return _Swap(word)


def _look(attributes: Attributes) -> _Step:
    """A look-up in a set, or in a map whose data goes to the register of the verdict or to another."""
    verdict = 3 in attributes
    flags = number(attributes.get(5, b""))
    if verdict and flags:
        raise ValueError("a map, inverted")
    if verdict and number(attributes[3]):
        return _Fetch(register_word(attributes[2]), text(attributes[1]), register_word(attributes[3]))
    return _Look(register_word(attributes[2]), text(attributes[1]), bool(flags & LOOKUP_INVERTED), verdict)


def _nat(attributes: Attributes) -> _Step:
    same = attributes.get(4, attributes[3]) == attributes[3] and attributes.get(6, attributes[5]) == attributes[5]
    # The kernel says itself that addresses and ports are given (NF_NAT_RANGE_MAP_IPS, …_PROTO_SPECIFIED).
    flags = number(attributes.get(7, b"")) & ~0x3
    if number(attributes[1]) != DESTINATION or not same or flags or set(attributes) - set(range(1, 8)):
        raise ValueError("not a translation of destinations alone")
    return _Nat(number(attributes[2]), register_word(attributes[3]), register_word(attributes[5]))


def _dynset(attributes: Attributes) -> _Step:
    milliseconds = number(attributes[6])
    plain = set(attributes) <= {1, 2, 3, 4, 5, 6, 9} and not number(attributes.get(9, b""))
    if number(attributes[3]) != UPDATE or milliseconds % 1000 or not plain:
        raise ValueError("not an update of whole seconds")
    keys = register_word(attributes[4]), register_word(attributes[5])
    return _Update(text(attributes[1]), *keys, milliseconds // 1000)


def _immediate(attributes: Attributes) -> _Step:
    if number(attributes[1]):
        raise ValueError("a value, not a verdict")
    kind, _, chain = verdict_text(parse(attributes[2])).partition(" ")
    return Verdict(kind, chain)


def _masquerade(attributes: Attributes) -> _Step:
    flags = number(attributes.get(1, b""))
    if set(attributes) - {1} or flags & ~sum(MASQUERADE_FLAGS.values()):
        raise ValueError("masquerading to certain ports")
    return Masquerade(tuple(name for name, bit in MASQUERADE_FLAGS.items() if flags & bit))


def _log(attributes: Attributes) -> _Step:
    prefix = text(attributes.get(2, b""))
    if set(attributes) in ({1}, {1, 2}):
        return Log(prefix, group=number(attributes[1]))
    if set(attributes) - {2, 5, 6} or number(attributes.get(6, b"")):
        raise ValueError("options that netctl does not use")
    return Log(prefix, LOG_LEVELS[number(attributes[5])])


def _extension(attributes: Attributes) -> _Step:
    """A comment as iptables writes it, by an extension of its own that matches everything."""
    if text(attributes[1]) != "comment":
        raise ValueError("an extension of iptables'")
    return Comment(text(attributes[3].partition(b"\0")[0]))


def _reject(attributes: Attributes) -> _Step:
    return Reject(_ANSWERS[number(attributes[1]), number(attributes.get(2, b""))])


_COUNTER = Counter()
_STEPS: Mapping[str, Callable[[Attributes], _Step]] = MappingProxyType(
    {
        "meta": _meta,
        "payload": _load("payload"),
        "ct": _load("ct"),
        "fib": _load("fib"),
        "numgen": _load("numgen"),
        "nat": _nat,
        "dynset": _dynset,
        "bitwise": _mask,
        "byteorder": _swap,
        "lookup": _look,
        "immediate": _immediate,
        "masq": _masquerade,
        "log": _log,
        "match": _extension,
        "reject": _reject,
    }
)


def _described(expressions: bytes) -> str:
    """Each expression's name and bytes: a stable text for what is not understood, without what counters count."""
    parts = [(text(part.get(1, b"")), part.get(2, b"").hex()) for part in map(parse, items(expressions))]
    return ", ".join(name if name == "counter" else f"{name} {raw}".rstrip() for name, raw in parts)
