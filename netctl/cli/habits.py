"""What people type who come from Compose, Terraform or kubectl, and how that is said here."""

from collections.abc import Container, Sequence
from pathlib import Path

_COMMANDS = {
    "config": "validate",
    "delete": "destroy",
    "diff": "plan",
    "down": "destroy",
    "drift": "status",
    "format": "fmt",
    "lint": "validate",
    "list": "get",
    "ls": "get",
    "ps": "status",
    "remove": "destroy",
    "rm": "destroy",
    "show": "describe",
    "up": "apply",
}
_OPTIONS = {
    "--json": "-o json",
    "-json": "-o json",
    "--auto-approve": "--yes",
    "-auto-approve": "--yes",
    "--force": "--yes",
    "-out": "--out",
    "-target": "--target",
    "-var": "--var",
    "--namespace": "--netns",
}
_DECLARATIONS = (".yaml", ".yml")


def meant(arguments: Sequence[str], commands: Container[str]) -> str:
    """What to type in place of a command line that is wrong, as a sentence; empty where nothing suggests itself."""
    if not arguments:
        return ""
    first, *rest = arguments
    if first.startswith("-"):
        named = next((word for word in rest if word in commands), "")
        return f"The command comes first: netctl {named} {first} …" if named else ""
    if first not in commands:
        return f"Did you mean 'netctl {_COMMANDS[first]}'?" if first in _COMMANDS else ""
    for before, word in zip(arguments, rest, strict=False):
        if (option := word.partition("=")[0]) in _OPTIONS:
            return f"Did you mean {_OPTIONS[option]}?"
        if word.endswith(_DECLARATIONS) and not before.startswith("-") and Path(word).exists():
            return f"Did you mean -f {word}?"
    return ""
