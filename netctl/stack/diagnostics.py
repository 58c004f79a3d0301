"""The mistakes that pydantic finds, as diagnostics: without those that only follow from another, and placed."""

from collections.abc import Sequence
from typing import Any, Protocol

from netctl.errors import Diagnostic, Position
from netctl.stack.shapes import Variant
from netctl.stack.violations import Violation, violations
from netctl.stack.wording import is_undecided, known_keys, nearest, unsupported, wording
from netctl.stack.yaml_events import Path


class Locate(Protocol):
    """Finds the place of the value at a path, or of its key."""

    def __call__(self, path: Path, *, key: bool = False) -> Position: ...


def schema_diagnostics(errors: Sequence[Any], content: Any, locate: Locate, unexpanded: set[Path]) -> list[Diagnostic]:
    """A diagnostic for each of pydantic's error dictionaries that stands for a mistake of the user's own.

    `unexpanded` are the paths of values whose variables could not be expanded, which has been reported already.
    """
    found = [violation for violation in violations(errors, content) if violation.path not in unexpanded]
    unsupporting = {violation.path for violation in found if unsupported(violation)}
    # What else is wrong with a declaration of a kind to come is not known here.
    hidden = {_holder(violation) for violation in found if violation.path in unsupporting} - {()}
    mistyped = {violation.path[:-1] for violation in found if _is_mistyped_tag(violation)}
    return [
        _diagnostic(violation, locate)
        for violation in found
        if violation.path in unsupporting
        or not (_is_within(violation.path, hidden) or (is_undecided(violation) and violation.path[:-1] in mistyped))
    ]


def _holder(violation: Violation) -> Path:
    """The path of the mapping that has the unsupported key or value."""
    return violation.path if isinstance(violation.shape, Variant) else violation.path[:-1]


def _is_within(path: Path, holders: set[Path]) -> bool:
    return bool(holders) and any(path[:length] in holders for length in range(len(path) + 1))


def _is_mistyped_tag(violation: Violation) -> bool:
    within = violation.within
    if violation.type != "extra_forbidden" or within is None or within.key:
        return False
    return nearest(str(violation.path[-1]), known_keys(violation)) in within.members


def _diagnostic(violation: Violation, locate: Locate) -> Diagnostic:
    code, message, advice = wording(violation)
    path, is_key = violation.path, violation.is_key or violation.type == "extra_forbidden"
    if violation.type == "union_tag_invalid" and isinstance(violation.shape, Variant):
        path = (*path, violation.shape.key)
    return Diagnostic(code, message, advice, locate(path, key=is_key))
