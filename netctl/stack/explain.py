"""``netctl explain``: what may stand at a path of the language, from the models.

A path is what a user would write: keys, the form of a declaration (``networks.bridge``), and names and numbers of the
user's own, which lead to what they name (``networks.frontend.attach[0]``).
"""

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from netctl.errors import UsageError
from netctl.stack.models import Stack
from netctl.stack.shapes import PREAMBLE, Either, Field, Mapping, Record, Sequence, Shape, Variant, expectation, spelled
from netctl.stack.wording import nearest

_WIDTH = 96
_SEPARATOR = re.compile(r"[.\[\]]+")


class _Place(NamedTuple):
    """What a path has led to: a shape, and the key that it is the value of."""

    shape: Shape
    path: tuple[str, ...] = ()
    field: Field | None = None


def explain(path: str) -> str:
    """The text for a path; for the whole stack where it is empty. Raises UsageError where it leads nowhere."""
    places = [_Place(Record(Stack))]
    for step in filter(None, _SEPARATOR.split(path)):
        entered = [inner for place in places for inner in _enter(place, step)]
        if not entered:
            raise _unknown(places, step)
        places = entered
    texts: dict[str, list[str]] = {}
    for place in places:
        texts.setdefault("\n".join(_text(place)), []).append(".".join(place.path) or "stack")
    return "\n\n".join(f"{', '.join(heads)}: {text}" for text, heads in texts.items())


def _enter(place: _Place, step: str) -> Iterator[_Place]:
    """Where a step leads, in each form that a declaration has."""
    shape, path = place.shape, place.path
    match shape:
        case Record():
            known = {**PREAMBLE, **shape.fields} if shape.model is Stack else shape.fields
            if field := known.get(step):
                yield _Place(field.shape, (*path, step), field)
        case Variant():
            if step in shape.members and shape.key:
                yield _Place(shape.members[step], (*path, step))
                return
            for tag, record in shape.members.items():
                yield from _enter(_Place(record, (*path, tag)), step)
        case Either():
            for member in shape.members.values():
                yield from _enter(place._replace(shape=member), step)
        case Mapping(values=inner) | Sequence(items=inner):
            found = list(_enter(_Place(inner, path), step))
            yield from found or _own_name(shape, inner, path, step)


def _own_name(shape: Shape, inner: Shape, path: tuple[str, ...], step: str) -> Iterator[_Place]:
    """A name or a number of the user's own, or a placeholder for one."""
    is_list = isinstance(shape, Sequence)
    is_own = step in {"*", "<name>"} or (step.isdigit() if is_list else not _looks_mistyped(inner, step))
    if is_own and isinstance(inner, Record | Variant | Mapping):
        yield _Place(inner, path)


def _looks_mistyped(shape: Shape, step: str) -> bool:
    return bool(nearest(step, _known(_Place(shape))))


def _known(place: _Place) -> list[str]:
    """The steps that lead on from a place."""
    match place.shape:
        case Record() as record:
            return [*(PREAMBLE if record.model is Stack else ()), *record.fields]
        case Variant(members=members):
            tags = list(members) if place.shape.key else []
            return list(dict.fromkeys([*tags, *(key for record in members.values() for key in record.fields)]))
        case Either(members=options):
            return [step for option in options.values() for step in _known(_Place(option))]
        case Mapping(values=inner) | Sequence(items=inner):
            return _known(_Place(inner))
        case _:
            return []


def _unknown(places: list[_Place], step: str) -> UsageError:
    known = list(dict.fromkeys(step for place in places for step in _known(place)))
    where = ".".join(places[0].path) or "a stack"
    near = nearest(step, known)
    listed = f"It has: {', '.join(known)}." if known else "It has no keys."
    return UsageError(f"'{step}' is not a key of {where}", f"Did you mean '{near}'?" if near else listed)


def _text(place: _Place) -> Iterator[str]:
    field = place.field
    if field:
        yield f"{expectation(field.shape)}; {necessity(field)}"
        yield from _paragraph(field.description)
    else:
        yield expectation(place.shape)
    yield from _children(place.shape)


def _children(shape: Shape) -> Iterator[str]:
    match shape:
        case Record():
            yield from _record(shape)
        case Variant():
            for tag, record in shape.members.items():
                yield ""
                yield from _form(shape, tag)
                yield from _record(record)
        case Mapping(values=inner):
            yield from _each("By name, each", inner)
        case Sequence(items=inner):
            yield from _each("Each entry", inner)
        case Either():
            for member in shape.members.values():
                if isinstance(member, Record):
                    yield from _children(member)


def _each(heading: str, inner: Shape) -> Iterator[str]:
    if isinstance(inner, Record | Variant):
        yield f"\n{heading}:"
        yield from _children(inner)
    else:
        yield f"\n{heading} {expectation(inner)}."


def _form(variant: Variant, tag: str) -> Iterator[str]:
    if variant.key:
        yield f"{variant.key_of(tag)}: {tag}" + (" (the default)" if tag == variant.default else "")
    else:
        yield f"with {tag}:"


def _record(record: Record) -> Iterator[str]:
    fields = {**PREAMBLE, **record.fields} if record.model is Stack else record.fields
    yield from _paragraph(record.model.__doc__ or "")
    yield ""
    for field in fields.values():
        yield f"  {field.name}: {expectation(field.shape)}; {necessity(field)}"
        yield from textwrap.wrap(field.description, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _paragraph(text: str) -> list[str]:
    return ["", *textwrap.wrap(" ".join(text.split()), _WIDTH)] if text else []


def necessity(field: Field) -> str:
    """Whether the key is required, or its default."""
    if field.is_required:
        return "required"
    is_told = field.default in (None, [], {})
    return "optional" if is_told else f"default: {spelled(field.default)}"
