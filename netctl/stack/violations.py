"""What pydantic finds wrong, in terms of the language: a path of keys as written, and the shape expected there.

Pydantic puts tags of unions and names of its own between the keys of a location, and reports every member of a union
that does not match. A `Violation` has neither: the path is the user's, and of a union only the member that the value
looks like is left.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from netctl.stack.models import Stack
from netctl.stack.shapes import Either, Mapping, Record, Scalar, Sequence, Shape, Variant, Words
from netctl.stack.yaml_events import Path

_KEY = "[key]"
# What a value of a wrong type gets from each member of a union that is a scalar.
_NO_SUCH_TYPE = ("_type", "literal_error")


class Violation(NamedTuple):
    """One mistake of a stack's content."""

    type: str
    """Pydantic's: ``extra_forbidden``, ``int_type``, …"""
    path: Path
    shape: Shape
    """What is expected at the path; for an unknown key, the record that does not have it."""
    value: Any
    context: dict[str, Any]
    is_key: bool = False
    """Whether a mapping's key is wrong, rather than its value."""
    within: Variant | None = None
    """The variants that the record around the path was one of."""


class _Choice(NamedTuple):
    """A union that was passed on the way: where, which, and which member the error is about."""

    path: Path
    union: Either
    member: str


class _Step(NamedTuple):
    """How far a location has been followed."""

    path: Path
    shape: Shape
    value: Any
    choices: tuple[_Choice, ...] = ()
    """Outermost first."""
    chosen_from: Variant | None = None
    """What the shape has just been chosen from."""
    within: Variant | None = None


def violations(errors: Iterable[Any], content: Any) -> list[Violation]:
    """The violations that pydantic's error dictionaries amount to."""
    found: list[tuple[tuple[_Choice, ...], Violation]] = []
    for error in errors:
        step, is_key = _follow(error["loc"], content)
        context = error.get("ctx", {})
        violation = Violation(error["type"], step.path, step.shape, error["input"], context, is_key, step.within)
        found.append((step.choices, violation))
    return list(_settled(found, content))


def _follow(location: tuple[str | int, ...], content: Any) -> tuple[_Step, bool]:
    """Where a location leads, without what is not a key; and whether it is about a key itself."""
    step = _Step((), Record(Stack), content)
    for element in location:
        if element == _KEY:
            return step, True
        step = _enter(step, element)
    return step, False


def _enter(step: _Step, element: str | int) -> _Step:
    match step.shape:
        case Variant(members=members):
            return step._replace(shape=members[str(element)], chosen_from=step.shape)
        case Either(members=members) if element in members:
            choice = _Choice(step.path, step.shape, str(element))
            return step._replace(shape=members[str(element)], choices=(*step.choices, choice))
        case Record() as record if element in record.fields:
            shape: Shape = record.fields[str(element)].shape
        case Sequence(items=inner) if not isinstance(step.value, list):
            # One value stands for a list of one.
            return step._replace(shape=inner)
        case Mapping(values=inner) | Sequence(items=inner):
            shape = inner
        case _:
            # An unknown key: the record itself is what knows the right ones.
            shape = step.shape
    return _Step((*step.path, element), shape, _item(step.value, element), step.choices, within=step.chosen_from)


def _item(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def at(content: Any, path: Path) -> Any:
    """The value at the path; None where there is none."""
    for step in path:
        content = _item(content, step)
    return content


def _settled(found: list[tuple[tuple[_Choice, ...], Violation]], content: Any) -> Iterator[Violation]:
    """The violations outside of unions, then of each union those that are the user's own."""
    unions: dict[Path, list[tuple[tuple[_Choice, ...], Violation]]] = {}
    for choices, violation in found:
        if choices:
            unions.setdefault(choices[0].path, []).append((choices, violation))
        else:
            yield violation
    for path, within in unions.items():
        yield from _of_union(path, within, content)


def _of_union(path: Path, found: list[tuple[tuple[_Choice, ...], Violation]], content: Any) -> Iterator[Violation]:
    """The violations of the member that the value was meant to be, or one that names all members."""
    union, value = found[0][0][0].union, at(content, path)
    meant = {name for name, shape in union.members.items() if _resembles(value, shape)}
    kept = [(choices[1:], violation) for choices, violation in found if choices[0].member in meant]
    if len(meant) > 1:
        kept = [(inner, violation) for inner, violation in kept if not violation.type.endswith(_NO_SUCH_TYPE)]
    if kept:
        yield from _settled(kept, content)
    else:
        yield Violation("union_type", path, union, value, {})


def _resembles(value: Any, shape: Shape) -> bool:
    match shape:
        case Record() | Mapping() | Variant():
            return isinstance(value, dict)
        case Sequence():
            return isinstance(value, list) or (shape.is_single and _resembles(value, shape.items))
        case Scalar() | Words():
            return not isinstance(value, dict | list)
        case _:
            return True
