"""Write what the commands really print into the pages: ``python -m tests.docs.refresh [PAGE…]``, as root.

Only what does not match any more is written, so that a duration in a page stays what it was. Look at ``git diff``: what
is written is what was printed, right or wrong. Only a crash is never written.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.docs.pages import Page, pages
from tests.docs.playing import Played, play


def main(arguments: Sequence[str]) -> int:
    """Refresh the pages that are named, or all; the exit code is 1 where a command crashed."""
    crashed = False
    for path in [Path(argument).resolve() for argument in arguments] or pages():
        page = Page(path)
        played = [exchange for scene in page.scenes for exchange in play(scene)]
        stale = [exchange for exchange in played if not exchange.as_shown and not exchange.crashed]
        if stale:
            path.write_text(refreshed(page, stale), encoding="utf-8")
        print(f"{page.name}: {len(stale)} of {len(played)} outputs written")  # noqa: T201 - says what it did
        for exchange in played:
            if exchange.crashed:
                crashed = True
                print(f"{page.name}:{exchange.exchange.line}: {exchange.printed[0]}")  # noqa: T201 - says what is wrong
    return int(crashed)


def refreshed(page: Page, stale: Sequence[Played]) -> str:
    """The text of the page with the outputs that are *stale* replaced."""
    lines = list(page.lines)
    for played in reversed(stale):
        lines[played.exchange.output] = played.printed
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
