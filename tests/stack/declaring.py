"""Stack files for the language's tests, and what is wrong with them."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest

from netctl.errors import DeclarationError, Diagnostic
from netctl.stack.definitions import VariableInputs
from netctl.stack.loader import LoadedStack, load
from netctl.stack.source import STDIN

NO_INPUTS = VariableInputs()


class At(NamedTuple):
    """A mistake without its words."""

    code: str
    line: int
    column: int


def loaded(text: str | bytes, inputs: VariableInputs = NO_INPUTS) -> LoadedStack:
    """What the text, read from standard input, declares."""
    return load([STDIN], inputs, BytesIO(text.encode() if isinstance(text, str) else text))


def mistakes(text: str | bytes, inputs: VariableInputs = NO_INPUTS) -> list[Diagnostic]:
    """What is wrong with the text."""
    with pytest.raises(DeclarationError) as caught:
        loaded(text, inputs)
    return list(caught.value.diagnostics)


def places(diagnostics: Sequence[Diagnostic]) -> list[At]:
    """Where the mistakes are."""
    return [At(d.code, *(d.position[1:3] if d.position else (0, 0))) for d in diagnostics]


def only(text: str | bytes, inputs: VariableInputs = NO_INPUTS) -> Diagnostic:
    """The one thing that is wrong with the text."""
    found = mistakes(text, inputs)
    assert len(found) == 1, found
    return found[0]


def mistakes_of(*files: Path | str) -> list[Diagnostic]:
    """What is wrong with the files."""
    with pytest.raises(DeclarationError) as caught:
        load([str(file) for file in files])
    return list(caught.value.diagnostics)


def many(count: int) -> str:
    """A stack of so many declarations: a fourth subnets, half networks, a fourth routes."""
    lines = ["stack: many", "subnets:"]
    for number in range(count // 4):
        lines += [
            f"  s{number}:",
            f"    cidr: 10.{number // 250}.{number % 250}.0/24",
            "    reserved: [10.0.0.2-10.0.0.9]",
        ]
    lines.append("networks:")
    for number in range(count // 2):
        lines += [f"  n{number}:", f"    subnet: s{number // 2}", "    mtu: 1450", "    attach:"]
        lines.append(f"      - {{netns: app-{number}, address: 10.0.0.{number % 250}, labels: {{app: db}}}}")
    lines.append("routes:")
    for number in range(count // 4):
        lines += [f"  - to: 172.{number // 250}.{number % 250}.0/24", "    via: 10.20.0.254"]
    return "\n".join(lines) + "\n"
