"""The kernel's expressions as statements: the reverse of `reconcilers.nftables.encoding`.

A rule is read strictly. Whatever is not exactly what the encoder writes (or nft, for the same statement) makes the
whole rule `Unknown`, with its expressions in the text: two rules that act differently never read alike.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from netctl.kinds.nftables import (
    Comment,
    Counter,
    Log,
    Lookup,
    Masquerade,
    Match,
    Reject,
    Rule,
    Set,
    Statement,
    Unknown,
    Verdict,
    VerdictMap,
)
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import Attributes, items, number, parse, text
from reconcilers.nftables.datatypes import DATATYPES, span_text
from reconcilers.nftables.encoding import (
    CMP_EQ,
    CMP_NEQ,
    COMMENT,
    LOG_LEVELS,
    LOOKUP_INVERTED,
    MASQUERADE_FLAGS,
    REJECT_ANSWERS,
)
from reconcilers.nftables.fields import Loaded, loaded, register_word

Sets = Mapping[str, Set]
"""The sets of the rule's table, by name: a look-up's number of fields is the set's."""

_VERDICTS = {code & 0xFFFFFFFF: kind for kind, code in uapi.VERDICTS.items()}
_ANSWERS = {codes: answer for answer, codes in REJECT_ANSWERS.items()}


def decode_rule(attributes: Attributes, sets: Sets) -> Rule:
    """The rule in an NFT_MSG_NEWRULE; its comment, if it has one, is the last statement."""
    expressions = attributes.get(uapi.RuleAttribute.EXPRESSIONS, b"")
    comment = comment_in(attributes.get(uapi.RuleAttribute.USERDATA, b""))
    tail = (Comment(comment),) if comment else ()
    try:
        return Rule((*_Decoder(sets).statements(expressions), *tail))
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


class _Decoder:
    """Reads one rule: what its expressions have loaded into the registers and not yet used."""

    def __init__(self, sets: Sets) -> None:
        self.sets = sets
        self.registers: dict[int, Loaded] = {}

    def statements(self, expressions: bytes) -> list[Statement]:
        found: list[Statement] = []
        for raw in items(expressions):
            outer = parse(raw)
            name, attributes = text(outer[1]), parse(outer.get(2, b""))
            if name in {"meta", "payload", "ct"}:
                self._load(name, attributes)
            elif name == "bitwise":
                self._mask(attributes)
            else:
                found.append(_DECODERS[name](self, attributes))
        if self.registers:
            raise ValueError("a field is loaded and not used")
        return found

    def _load(self, name: str, attributes: Attributes) -> None:
        word, field = loaded(name, attributes)
        if word in self.registers:
            raise ValueError("a field is loaded and not used")
        self.registers[word] = field

    def _mask(self, attributes: Attributes) -> None:
        word = register_word(attributes[1])
        mask, xor = _value(attributes[4]), _value(attributes[5])
        field = self.registers[word]
        plain = set(attributes) <= {1, 2, 3, 4, 5, 6} and not number(attributes.get(6, b"")) and not any(xor)
        if register_word(attributes[2]) != word or field.mask or field.length != len(mask) or not plain:
            raise ValueError("not a plain mask")
        self.registers[word] = field._replace(mask=mask)

    def compare(self, attributes: Attributes) -> Statement:
        """A comparison, with a value or (by a mask, or of the first bytes only) with a prefix."""
        field = self.registers.pop(register_word(attributes[1]))
        operator = {CMP_EQ: "==", CMP_NEQ: "!="}[number(attributes[2])]
        raw = _value(attributes[3])
        if len(raw) != field.length:
            raise ValueError("only a part is compared")
        if field.field.type.bits:
            return _bits(field, operator, raw)
        return Match(field.field.name, _prefix(field, raw), operator)

    def lookup(self, attributes: Attributes) -> Statement:
        """A look-up in a set, or in a verdict map."""
        name, flags = text(attributes[1]), number(attributes.get(5, b""))
        fields = self._taken(register_word(attributes[2]), self.sets[name])
        if 3 not in attributes:
            return Lookup(fields, name, negated=bool(flags & LOOKUP_INVERTED))
        if number(attributes[3]) or flags:
            raise ValueError("a map of data")
        return VerdictMap(fields, name)

    def _taken(self, word: int, looked_up: Set) -> tuple[str, ...]:
        """The fields that are side by side from *word* on, as many as the set's keys have, and of their types."""
        names = []
        for datatype in looked_up.key:
            field, length, mask = self.registers.pop(word)
            if field.type is not DATATYPES[datatype] or length != field.type.length or mask:
                raise ValueError("not what the set holds")
            names.append(field.name)
            word += field.words
        return tuple(names)


def _bits(field: Loaded, operator: str, raw: bytes) -> Match:
    if operator != "!=" or any(raw) or not field.mask:
        raise ValueError("not the one way to compare bits")
    return Match(field.field.name, field.field.type.decode(field.mask))


def _prefix(field: Loaded, raw: bytes) -> str:
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


def _immediate(_: _Decoder, attributes: Attributes) -> Statement:
    if number(attributes[1]):
        raise ValueError("a value, not a verdict")
    kind, _space, chain = verdict_text(parse(attributes[2])).partition(" ")
    return Verdict(kind, chain)


def _masquerade(_: _Decoder, attributes: Attributes) -> Statement:
    flags = number(attributes.get(1, b""))
    if set(attributes) - {1} or flags & ~sum(MASQUERADE_FLAGS.values()):
        raise ValueError("masquerading to certain ports")
    return Masquerade(tuple(name for name, bit in MASQUERADE_FLAGS.items() if flags & bit))


def _counter(_: _Decoder, _attributes: Attributes) -> Statement:
    return Counter()


def _log(_: _Decoder, attributes: Attributes) -> Statement:
    prefix = text(attributes.get(2, b""))
    if set(attributes) == {1} or set(attributes) == {1, 2}:
        return Log(prefix, group=number(attributes[1]))
    if set(attributes) - {2, 5, 6} or number(attributes.get(6, b"")):
        raise ValueError("options that netctl does not use")
    return Log(prefix, LOG_LEVELS[number(attributes[5])])


def _reject(_: _Decoder, attributes: Attributes) -> Statement:
    return Reject(_ANSWERS[number(attributes[1]), number(attributes.get(2, b""))])


_DECODERS: Mapping[str, Callable[[_Decoder, Attributes], Statement]] = MappingProxyType({
    "cmp": _Decoder.compare,
    "lookup": _Decoder.lookup,
    "immediate": _immediate,
    "masq": _masquerade,
    "counter": _counter,
    "log": _log,
    "reject": _reject,
})  # fmt: skip


def _described(expressions: bytes) -> str:
    """Each expression's name and bytes: a stable text for what is not understood, without what counters count."""
    parts = [(text(part.get(1, b"")), part.get(2, b"").hex()) for part in map(parse, items(expressions))]
    return ", ".join(name if name == "counter" else f"{name} {raw}".rstrip() for name, raw in parts)
