"""Write what the commands really print into the pages: ``python -m tests.docs.refresh [PAGE…]``, as root.

Only what does not match any more is written, so that a duration in a page stays what it was. Look at ``git diff``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.docs.pages import Page, pages
from tests.docs.playing import Played, play


def main(arguments: Sequence[str]) -> int:
    """Refresh the pages that are named, or all; the exit code is 0."""
    for path in [Path(argument).resolve() for argument in arguments] or pages():
        page = Page(path)
        stale = [played for scene in page.scenes for played in play(scene) if not played.as_shown]
        if stale:
            path.write_text(refreshed(page, stale), encoding="utf-8")
        print(f"{page.name}: {len(stale)} of {_count(page)} outputs written")  # noqa: T201 - says what it did
    return 0


def refreshed(page: Page, stale: Sequence[Played]) -> str:
    """The text of the page with the outputs that are *stale* replaced."""
    lines = list(page.lines)
    for played in reversed(stale):
        lines[played.exchange.output] = played.printed
    return "\n".join(lines) + "\n"


def _count(page: Page) -> int:
    return sum(hasattr(step, "shown") for scene in page.scenes for step in scene.steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
