"""What a code stands for."""

from typing import NamedTuple


class Code(NamedTuple):
    """One row of the table of errors."""

    title: str
    explanation: str
    advice: str
