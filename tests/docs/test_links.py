"""Every link within the documentation leads somewhere."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from netctl.codes import CODES
from tests.docs.pages import Page
from tests.docs.stage import PROJECT

FILES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
INLINE_CODE = re.compile(r"`[^`]*`")
HEADING = re.compile(r"^#{1,6} +(.*?)\s*$", re.MULTILINE)
EXAMPLE = re.compile(r"\bexamples/[\w./-]*\w")
CODE = re.compile(r"\bNC\d{3}\b")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_link_leads_to_a_file_and_to_an_anchor_in_it(file: Path) -> None:
    dead = [target for target in links(file) if not leads_somewhere(file, target)]
    assert not dead


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_example_that_is_named_exists(file: Path) -> None:
    named = set(EXAMPLE.findall(file.read_text(encoding="utf-8")))
    assert not [name for name in sorted(named) if not (PROJECT / name).exists()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_code_that_is_named_is_known(file: Path) -> None:
    named = set(CODE.findall(file.read_text(encoding="utf-8")))
    assert not sorted(named - CODES.keys())


def test_the_index_names_every_page() -> None:
    named = {target.partition("#")[0] for target in links(PROJECT / "docs" / "README.md")}
    there = {path.name for path in (PROJECT / "docs").glob("*.md")} - {"README.md"}
    assert not sorted(there - named)


def test_an_anchor_is_made_from_a_heading_as_github_makes_it() -> None:
    headings = "# The `docs` page\n## A, b & c\n## A, b & c\n## [Link](there.md)"
    assert anchors(headings) == {"the-docs-page", "a-b--c", "a-b--c-1", "link"}


def links(file: Path) -> Iterator[str]:
    """The targets of a page's links to other places in this tree."""
    for target in LINK.findall(INLINE_CODE.sub("", Page(file).text_without_code())):
        if not re.match(r"[a-z]+:", target):
            yield target


def leads_somewhere(file: Path, target: str) -> bool:
    """Whether there is such a file, and in it such an anchor."""
    path, _, anchor = target.partition("#")
    there = (file.parent / path).resolve() if path else file
    return there.exists() and (not anchor or anchor in anchors_of(there))


@cache
def anchors_of(file: Path) -> frozenset[str]:
    """The anchors of a page."""
    return anchors(Page(file).text_without_code())


def anchors(text: str) -> frozenset[str]:
    """The anchors that the headings of *text* have: lower case, no punctuation, a hyphen for each space."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)
