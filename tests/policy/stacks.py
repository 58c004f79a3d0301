"""Stacks as text, loaded and resolved as a command would."""

from io import BytesIO

from netctl.compiler import validate
from netctl.compiler.policies import Resolution, resolve_policies
from netctl.compiler.topology import resolve
from netctl.errors import Severity
from netctl.stack.loader import LoadedStack, load


def loaded(text: str) -> LoadedStack:
    """The stack of a text."""
    return load(["-"], stdin=BytesIO(text.encode()))


def resolved(text: str) -> Resolution:
    """The policies of a text, which has no mistake."""
    stack = loaded(text)
    assert [found for found in validate(stack.stack, stack) if found.severity is Severity.ERROR] == []
    return resolve_policies(resolve(stack.stack), stack)
