"""Violations in words: what is wrong in one sentence, what to do in another."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from netctl.codes import CODES
from netctl.stack import reserved
from netctl.stack.core_schema import resolve
from netctl.stack.references import shortened
from netctl.stack.shapes import (
    PREAMBLE,
    Mapping,
    Record,
    Scalar,
    Sequence,
    Variant,
    Words,
    expectation,
    joined,
    spelled,
)
from netctl.stack.violations import Violation
from netctl.stack.yaml_events import dotted

_NAME_ADVICE = "A name has lower-case letters, digits and inner hyphens, and 63 of them at most."
_SUBNET_ADVICE = "Write {{cidr: {}}}, or the name of a subnet that is declared."
_OUT_OF_RANGE = {"greater_than_equal", "less_than_equal"}
_WRONG_LENGTH = {"too_long", "too_short"}
_MALFORMED_NAME = {"string_pattern_mismatch", "string_too_long"}
_CORRECTION = re.compile(r"(?:the prefix is|did you mean) (\S+?)\??$")


class Wording(NamedTuple):
    """What a diagnostic says."""

    code: str
    message: str
    advice: str


def wording(violation: Violation) -> Wording:
    """The words for a violation."""
    kind = violation.type
    if subject := unsupported(violation):
        return _said("NC112", f"{subject} not supported by this version of netctl yet.")
    if kind == "extra_forbidden":
        return _unknown_key(violation)
    if kind == "missing":
        return _missing_key(violation)
    if kind in {"literal_error", "union_tag_invalid"}:
        return _wrong_word(violation)
    if kind == "value_error":
        return _malformed(violation)
    subject = dotted(violation.path)
    if kind in _MALFORMED_NAME:
        of = "" if violation.is_key else f"{subject}: "
        return _said("NC115", f"{of}'{shortened(str(violation.value))}' is not a valid name.", _name_advice(violation))
    if kind in _OUT_OF_RANGE:
        return _said("NC116", f"{subject} is {violation.value}, but must be {expectation(violation.shape)}.")
    if kind in _WRONG_LENGTH:
        return _said("NC118", f"{subject} has {len(violation.value)} entries, but {_allowed_length(violation)}.")
    return _wrong_type(violation, subject)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a mistyped one is likely to be meant for; empty where none is near."""
    return next(iter(get_close_matches(word, list(known), 1)), "")


def known_keys(violation: Violation) -> list[str]:
    """The keys that there could be in place of an unknown one: those of all variants where the variant is not told."""
    own = list(violation.shape.fields) if isinstance(violation.shape, Record) else []
    if len(violation.path) == 1:
        own = [*PREAMBLE, *own]
    within = violation.within
    if within is None or within.key:
        return own
    return list(dict.fromkeys([key for record in within.members.values() for key in record.fields]))


def is_undecided(violation: Violation) -> bool:
    """Whether what is missing is the very key that tells which of several records one is."""
    within = violation.within
    return bool(violation.type == "missing" and within and not within.key and violation.path[-1] in within.members)


def unsupported(violation: Violation) -> str:
    """The beginning of the sentence that says so, where this version does not support what is asked for."""
    name = violation.path[-1] if violation.path else ""
    shape, value = violation.shape, violation.value
    if violation.type == "extra_forbidden" and isinstance(shape, Record):
        return reserved.KEYS.get(shape.model, {}).get(str(name), "")
    if violation.type == "union_tag_invalid" and isinstance(shape, Variant):
        return reserved.WORDS.get((shape.key, str(violation.context.get("tag"))), "")
    if violation.type == "literal_error" and isinstance(value, str):
        return reserved.WORDS.get((str(name), value), "")
    return ""


def _said(code: str, message: str, advice: str = "") -> Wording:
    return Wording(code, message, advice or CODES[code].advice)


def _name_advice(violation: Violation) -> str:
    value = str(violation.value)
    return _SUBNET_ADVICE.format(value) if violation.path[-1] == "subnet" and "/" in value else _NAME_ADVICE


def _unknown_key(violation: Violation) -> Wording:
    name, known = str(violation.path[-1]), known_keys(violation)
    place = dotted(violation.path[:-1])
    message = f"'{shortened(name)}' is not a key of {place or 'a stack'}."
    if owners := _other_owners(violation, name):
        return _said("NC111", message, f"It goes with {joined(owners, 'or')}.")
    if near := nearest(name, known):
        return _said("NC111", message, f"Did you mean '{near}'?")
    own = f" A key of your own begins with 'x-', as in 'x-{name}'." if not place else ""
    listed = joined([f"'{key}'" for key in known], "and")
    return _said("NC111", message, f"The keys are {listed}.{own}")


def _other_owners(violation: Violation, name: str) -> list[str]:
    """The variants that do have the key, as they are chosen."""
    within = violation.within
    if within is None or not within.key:
        return []
    return [f"'{within.key_of(tag)}: {tag}'" for tag, record in within.members.items() if name in record.fields]


def _missing_key(violation: Violation) -> Wording:
    place, name = dotted(violation.path[:-1]) or "The stack", violation.path[-1]
    if is_undecided(violation) and violation.within:
        tags = [f"'{tag}'" for tag in violation.within.members]
        return _said("NC113", f"{place} has none of the keys {joined(tags, 'and')}.", f"Add {joined(tags, 'or')}.")
    return _said("NC113", f"{place} lacks the key '{name}'.", f"Add '{name}': {expectation(violation.shape)}.")


def _wrong_word(violation: Violation) -> Wording:
    shape, value = violation.shape, violation.value
    path, choices = violation.path, list(shape.choices) if isinstance(shape, Words) else []
    if isinstance(shape, Variant):
        path, choices = (*path, shape.key), shape.choices
        value = value.get(shape.key) if isinstance(value, dict) else value
    listed = joined([f"`{spelled(choice)}`" for choice in choices], "or")
    near = nearest(str(value), map(spelled, choices))
    message = f"{dotted(path)} must be {listed}, not {_described(value)}."
    return _said("NC117", message, f"Did you mean '{near}'?" if near else "")


def _wrong_type(violation: Violation, subject: str) -> Wording:
    shape, value = violation.shape, violation.value
    advice = ""
    if isinstance(shape, Mapping | Record | Variant):
        advice = "Write a mapping: `key: value` pairs, indented, each on a line of its own."
    elif isinstance(shape, Sequence):
        advice = "Write a list: each entry on a line of its own after `- `, or all in brackets."
    elif isinstance(value, str) and isinstance(shape, Scalar) and isinstance(resolve(value), shape.type):
        advice = "Remove the quotes."
    return _said("NC114", f"{subject} must be {expectation(shape)}, not {_described(value)}.", advice)


def _malformed(violation: Violation) -> Wording:
    reason = str(violation.context.get("error", "the value is malformed"))
    correction = _CORRECTION.search(reason)
    end = "" if reason.endswith("?") else "."
    return _said("NC115", f"{dotted(violation.path)}: {reason}{end}", f"Write {correction[1]}." if correction else "")


def _allowed_length(violation: Violation) -> str:
    low, high = violation.shape.limits if isinstance(violation.shape, Sequence) else (None, None)
    if low is not None and high is not None:
        return f"must have {low} to {high}"
    return f"must have at least {low}" if low is not None else f"may have {high} at most"


def _described(value: Any) -> str:
    """The value as the subject of a complaint."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text '{shortened(value)}'"
    return f"`{shortened(spelled(value))}`"
