"""What a page shows is what the programs print."""

from pathlib import Path

import pytest

from netctl.cluster.membership import View
from netctl.cluster.rehearsal import rehearse
from netctl.compiler import validate
from netctl.stack.definitions import VariableInputs
from netctl.stack.loader import load
from tests.docs.matching import matches
from tests.docs.pages import Block, Page, Scene, file_name, pages
from tests.docs.playing import Played, play
from tests.docs.stage import PROJECT

PAGES = [Page(path) for path in pages()]
SCENES = [(page, scene) for page in PAGES for scene in page.scenes]
YAML = [(page, block) for page in PAGES for block in page.blocks if block.language == "yaml"]
EXCERPTS = [(page, block) for page, block in YAML if "/" in file_name(block)]
STACKS = [
    (page, block)
    for page, block in YAML
    if any(line.startswith("stack:") for line in block.lines) and file_name(block) != "wrong.yaml"
]

_NOBODY = View(None, {}, {}, {}, frozenset())
"""Of what is published, hosts may come later."""


def name(value: object) -> str | None:
    """A part of a test's name: the page, and where in it."""
    if isinstance(value, Page):
        return value.name
    if isinstance(value, Scene):
        return str(value.line)
    return str(value.start) if isinstance(value, Block) else None


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_can_be_played(page: Page) -> None:
    assert not page.mistakes


@pytest.mark.parametrize(("page", "scene"), SCENES, ids=name)
def test_a_page_shows_what_is_printed(page: Page, scene: Scene) -> None:
    wrong = [played for played in play(scene) if not played.as_shown]
    assert not wrong, "\n\n".join(_difference(page, played) for played in wrong)


@pytest.mark.parametrize(("page", "block"), EXCERPTS, ids=name)
def test_an_excerpt_is_in_its_file_line_by_line_and_in_order(page: Page, block: Block) -> None:
    whole = iter((PROJECT / file_name(block)).read_text(encoding="utf-8").splitlines())
    strange = [line for line in block.lines[1:] if line.strip() and line not in whole]
    assert not strange, f"{page.name}:{block.start}: not in {file_name(block)}, or not in this order"


@pytest.mark.parametrize(("page", "block"), STACKS, ids=name)
def test_a_stack_in_a_page_is_valid(page: Page, block: Block, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text("\n".join(block.lines) + "\n", encoding="utf-8")
    loaded = load([str(file)], VariableInputs([], [], {}), None)
    is_published = any("netctl publish" in line for line in page.lines)
    found = rehearse(loaded, _NOBODY) if is_published else validate(loaded.stack, loaded)
    assert not found, f"{page.name}:{block.start}"


def test_an_ellipsis_stands_for_text_within_a_line() -> None:
    assert matches(["a … c"], ["a b b c"])
    assert not matches(["a … c"], ["a b", "c"])


def test_a_line_of_three_dots_stands_for_any_lines() -> None:
    assert matches(["a", "[...]", "d"], ["a", "b", "c", "d"])
    assert matches(["a", "[...]", "d"], ["a", "d"])
    assert not matches(["a", "[...]", "d"], ["a", "b"])


def test_durations_process_ids_and_points_in_time_need_no_sign() -> None:
    assert matches(["done in 0.02 s"], ["done in 1.31 s"])
    assert matches(["process 7, since 2026-01-02T03:04:05+00:00"], ["process 4711, since 2027-11-12T13:14:15+00:00"])
    assert not matches(["3 created"], ["4 created"])


def _difference(page: Page, played: Played) -> str:
    exchange = played.exchange
    return "\n".join(
        [
            f"{page.name}:{exchange.line}: $ {exchange.command}",
            "shows:",
            *(f"  {line}" for line in exchange.shown),
            "but this is printed (python -m tests.docs.refresh writes it into the page):",
            *(f"  {line}" for line in played.printed),
        ]
    )
