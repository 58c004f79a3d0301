"""A rule's statements as the kernel's expressions, spelled as nft spells them, so that nft prints them well."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from struct import pack
from types import MappingProxyType
from typing import Any

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
    Statement,
    Translate,
    Unknown,
    Verdict,
    VerdictMap,
)
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import attribute, nest, padded, string, u32, u64
from reconcilers.nftables.datatypes import prefix_host_bits, span_of
from reconcilers.nftables.fields import FIELDS, WORDS, Field, expression, field_named, register_number

CMP_EQ, CMP_NEQ = 0, 1
LOOKUP_INVERTED = 1
MASQUERADE_FLAGS = MappingProxyType({"random": 0x4, "persistent": 0x8, "fully-random": 0x10})
LOG_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
REJECT_ANSWERS = MappingProxyType({
    "tcp reset": (1, 0),
    "icmpx no-route": (2, 0),
    "icmpx port-unreachable": (2, 1),
    "icmpx host-unreachable": (2, 2),
    "icmpx admin-prohibited": (2, 3),
})  # fmt: skip
"""The type (NFT_REJECT_…) and the code."""
DESTINATION = 1
"""The kind of translation (NFT_NAT_DNAT)."""
NAT_FAMILIES = MappingProxyType({4: (2, 1), 6: (10, 4)})
"""NFPROTO_… and the registers that an address fills."""
UPDATE = 1
"""NFT_DYNSET_OP_UPDATE."""
PRIORITY = 2
"""NFT_META_PRIORITY."""
_REMEMBERED = 4096
"""Statements whose bytes are remembered: most rules are made of the same few."""
COMMENT = 0
"""The kind of user data that a comment is, on tables and on rules."""
MAX_COMMENT = 127
"""Bytes; nft reads no longer ones."""


def encode_rule(rule: Rule) -> bytes:
    """The rule's attributes: its expressions, and its comment as user data.

    Raises ValueError for what cannot be encoded, with the statement.
    """
    parts: list[bytes] = []
    comment = ""
    for statement in rule.statements:
        if isinstance(statement, Comment):
            comment = statement.text
        else:
            parts.append(_encode(statement))
    expressions = nest(uapi.RuleAttribute.EXPRESSIONS, *parts)
    return expressions + (attribute(uapi.RuleAttribute.USERDATA, userdata(comment)) if comment else b"")


def userdata(comment: str) -> bytes:
    """A comment as the user data of a table or a rule. Raises ValueError where it is too long."""
    raw = comment.encode() + b"\0"
    if len(raw) > MAX_COMMENT + 1:
        raise ValueError(f"the comment '{comment}' has more than {MAX_COMMENT} bytes")
    return bytes((COMMENT, len(raw))) + raw


def value(raw: bytes) -> bytes:
    """Data of an expression or an element: a plain value."""
    return attribute(uapi.DATA_VALUE, raw)


def verdict(kind: str, chain: str = "") -> bytes:
    """Data of an expression or an element: a verdict. Raises ValueError for one that nft does not know."""
    if kind not in uapi.VERDICTS or bool(chain) != (kind in {"jump", "goto"}):
        raise ValueError(f"'{kind} {chain}' is no verdict")
    target = string(uapi.VERDICT_CHAIN, chain) if chain else b""
    return nest(uapi.DATA_VERDICT, u32(uapi.VERDICT_CODE, uapi.VERDICTS[kind]), target)


@lru_cache(_REMEMBERED)
def _encode(statement: Statement) -> bytes:
    try:
        return _ENCODERS[type(statement)](statement)
    except (KeyError, ValueError) as error:
        raise ValueError(f"'{statement}' cannot be written: {error}") from None


def _match(match: Match) -> bytes:
    field = FIELDS[match.field]
    if field.type.bits:
        return _match_bits(match, field)
    first, last = span_of(match.value, field.type)
    masked = b""
    if first != last:
        masked = _bitwise(_prefix_mask(first, last))
    return field.load(0) + masked + compare(match.operator, first)


def _match_bits(match: Match, field: Field) -> bytes:
    if match.operator != "==":
        raise ValueError(f"{field.name} can only be compared with ==")
    mask = field.type.encode(match.value)
    return field.load(0) + _bitwise(mask) + compare("!=", bytes(len(mask)))


def _prefix_mask(first: bytes, last: bytes) -> bytes:
    host_bits = prefix_host_bits(first, last)
    if host_bits is None:
        raise ValueError("a range needs a set")
    bits = len(first) * 8
    return ((1 << bits) - (1 << host_bits)).to_bytes(len(first), "big")


def _bitwise(mask: bytes) -> bytes:
    register = register_number(0)
    return expression(
        "bitwise",
        u32(1, register),
        u32(2, register),
        u32(3, len(mask)),
        nest(4, value(mask)),
        nest(5, value(bytes(len(mask)))),
    )


@lru_cache(64)
def _compare_head(operator: str, length: int) -> bytes:
    """The comparison of the first register with a value of that length, up to the value."""
    code = {"==": CMP_EQ, "!=": CMP_NEQ}[operator]
    whole = expression("cmp", u32(1, register_number(0)), u32(2, code), nest(3, value(bytes(length))))
    return whole[: -len(padded(bytes(length)))]


def compare(operator: str, raw: bytes) -> bytes:
    """The comparison of the first register with a value."""
    return _compare_head(operator, len(raw)) + padded(raw)


def _loads(names: Sequence[str]) -> bytes:
    """The fields side by side in the registers, from the first on."""
    fields = [field_named(name) for name in names]
    _words(names)
    starts = accumulate((field.words for field in fields), initial=0)
    return b"".join(field.load(word) for field, word in zip(fields, starts, strict=False))


def _words(names: Sequence[str]) -> int:
    """The registers that the fields fill. Raises ValueError where there are not so many."""
    words = sum(field_named(name).words for name in names)
    if words > WORDS:
        raise ValueError("the fields do not fit in the registers")
    return words


def _lookup(lookup: Lookup) -> bytes:
    flags = u32(5, LOOKUP_INVERTED) if lookup.negated else b""
    return _loads(lookup.fields) + expression("lookup", string(1, lookup.set), u32(2, register_number(0)), flags)


def _verdict_map(lookup: VerdictMap) -> bytes:
    return _loads(lookup.fields) + expression("lookup", string(1, lookup.map), u32(2, register_number(0)), u32(3, 0))


def _verdict(statement: Verdict) -> bytes:
    return expression("immediate", u32(1, 0), nest(2, verdict(statement.kind, statement.chain)))


def _masquerade(statement: Masquerade) -> bytes:
    flags = sum(MASQUERADE_FLAGS[flag] for flag in statement.flags)
    return expression("masq", u32(1, flags) if flags else b"")


def _fetch(names: Sequence[str], map_: str) -> bytes:
    """What a map has for the fields, put into the registers from the first on."""
    registers = u32(2, register_number(0)) + u32(3, register_number(0))
    return _loads(names) + expression("lookup", string(1, map_), registers)


def _translate(statement: Translate) -> bytes:
    family, words = NAT_FAMILIES[statement.family]
    address, port = u32(3, register_number(0)), u32(5, register_number(words))
    nat = expression("nat", u32(1, DESTINATION), u32(2, family), address, port)
    return _fetch(statement.fields, statement.map) + nat


def _recall(statement: Recall) -> bytes:
    return _fetch(statement.fields, statement.map) + expression("meta", u32(2, PRIORITY), u32(3, register_number(0)))


def _remember(statement: Remember) -> bytes:
    place = _words(statement.fields)
    # The number goes past the key, and like nft's to where a register of 16 bytes begins, if there is one.
    word = min((place + 3) // 4 * 4, WORDS - 1)
    key = u32(4, register_number(0)) + u32(5, register_number(word))
    timeout = u64(6, statement.seconds * 1000)
    update = expression("dynset", string(1, statement.map), u32(3, UPDATE), key, timeout)
    return _loads(statement.fields) + field_named(statement.number).load(word) + update


def _counter(_: Counter) -> bytes:
    return expression("counter")


def _log(log: Log) -> bytes:
    prefix = string(2, log.prefix) if log.prefix else b""
    if log.group is not None:
        return expression("log", attribute(1, pack(">H", log.group)), prefix)
    return expression("log", prefix, u32(5, LOG_LEVELS.index(log.level)))


def _reject(reject: Reject) -> bytes:
    type_, code = REJECT_ANSWERS[reject.answer]
    return expression("reject", u32(1, type_), attribute(2, bytes((code,))))


def _unknown(statement: Unknown) -> bytes:
    raise ValueError(f"it is not netctl's: {statement.expressions}")


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    Match: _match,
    Lookup: _lookup,
    VerdictMap: _verdict_map,
    Verdict: _verdict,
    Masquerade: _masquerade,
    Translate: _translate,
    Remember: _remember,
    Recall: _recall,
    Counter: _counter,
    Log: _log,
    Reject: _reject,
    Unknown: _unknown,
}
