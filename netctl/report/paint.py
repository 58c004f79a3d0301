"""Colour, where it is wanted: the one place that knows terminal escape sequences (ECMA-48)."""

from netctl.engine.change import Action

_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


class Paint:
    """Wraps text in colour, or leaves it as it is."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    def __call__(self, colour: str, text: str) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.enabled and text else text


PLAIN = Paint(enabled=False)

SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.REPLACE: "-/+", Action.DELETE: "-"}
COLOURS = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.REPLACE: "cyan", Action.DELETE: "red"}


def printable(text: str) -> str:
    """*text* without what a terminal would obey: names of files and interfaces may hold control characters."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    )
