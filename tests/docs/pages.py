"""A page of the documentation as a play: what it runs, on which stage, and what it says comes of it.

In a page, these are acted upon; a reader sees none of the comments:

``<!-- stage: node1: web db +eth1; node2: job-2 -->``
    What follows is run on these machines, made anew: node1 with the network namespaces web and db and a further
    interface eth1, node2 with job-2. Commands are run on the first, unless they name another. ``+docker`` gives a
    machine an Engine of its own, ``+consul`` a Consul agent.
``<!-- run: ip link del nc-backend -->``
    A shell command, or several lines of them, run without being shown. It must succeed.
A block of ``console``
    Each line that begins with ``$`` is run by a shell (``node2$``: on node2), and what the page shows under it must be
    what is printed, see `tests.docs.matching`. A block of commands that concern the reader's own machine (``make``,
    ``git``) is not run.
A block of ``yaml`` whose first line is ``# shop.yaml``
    is a file of that name from there on; it must be valid unless it is called ``wrong.yaml``. One that begins with
    ``# examples/quickstart.yaml`` is an excerpt of that file, and must be.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.docs.stage import PROJECT, Place

ON_THE_READERS_MACHINE = frozenset({"make", "git", "pip", "sudo", ".ci/run", "python", "python3", "ln", "cd"})

_ENGINES = frozenset({"+docker", "+consul"})
_FENCE = re.compile(r"^(`{3,})(\w*)$")
_COMMENT = re.compile(r"^<!-- (stage|run):\s*(.*?)\s*(-->)?$")
_PROMPT = re.compile(r"^([a-z0-9]+)?\$ (.*)$")
_FILE_NAME = re.compile(r"^# ((?:[\w-]+/)*[\w-]+\.ya?ml)\b")


class Hidden(NamedTuple):
    """Commands that the reader does not see."""

    machine: str
    command: str
    line: int


class File(NamedTuple):
    """A file that the page tells the reader to write."""

    name: str
    content: str
    line: int


class Exchange(NamedTuple):
    """A command, and what the page shows under it."""

    machine: str
    """Empty: the stage's first."""
    command: str
    shown: tuple[str, ...]
    line: int
    """Of the command; the first is 1."""
    output: slice
    """The lines of the page that show it; counted from 0."""


Step = Hidden | File | Exchange


@dataclass
class Scene:
    """What is played on one stage."""

    places: dict[str, Place]
    line: int
    steps: list[Step] = field(default_factory=list)


class Block(NamedTuple):
    """A block of code."""

    language: str
    lines: tuple[str, ...]
    start: int
    """The line, counted from 0, that its first line is."""

    @property
    def end(self) -> int:
        """The line of the closing fence."""
        return self.start + len(self.lines)


class Page:
    """A page, read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(PROJECT))
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.blocks: list[Block] = []
        self.scenes: list[Scene] = []
        self.mistakes: list[str] = []
        """Why it cannot be played as it is written."""
        self._read()

    def text_without_code(self) -> str:
        """The page without blocks of code; inline code is left."""
        code = {number for block in self.blocks for number in range(block.start - 1, block.end + 1)}
        return "\n".join(line for number, line in enumerate(self.lines) if number not in code)

    def _read(self) -> None:
        lines = iter(enumerate(self.lines))
        for number, line in lines:
            if fence := _FENCE.match(line):
                block = Block(fence[2], tuple(text for _, text in _until(fence[1], lines)), number + 1)
                self.blocks.append(block)
                self._read_block(block)
            elif comment := _COMMENT.match(line):
                text = [comment[2]]
                if not comment[3]:
                    text += [text for _, text in _until("-->", lines)]
                self._read_comment(comment[1], "\n".join(text).strip(), number + 1)

    def _read_comment(self, what: str, text: str, line: int) -> None:
        if what == "stage":
            self.scenes.append(Scene(read_stage(text), line))
            return
        prompt = _PROMPT.match(text)
        machine, command = (prompt[1] or "", prompt[2]) if prompt else ("", text)
        self._add(Hidden(machine, command, line))

    def _read_block(self, block: Block) -> None:
        if block.language == "console":
            exchanges = list(_exchanges(block))
            programs = {exchange.command.split()[0] for exchange in exchanges}
            if not exchanges:
                self.mistakes.append(f"{self.name}:{block.start}: a block of console without a command")
            if not programs <= ON_THE_READERS_MACHINE:
                for exchange in exchanges:
                    self._add(exchange)
        elif block.language == "yaml" and (name := file_name(block)) and "/" not in name and self.scenes:
            self._add(File(name, "\n".join(block.lines) + "\n", block.start))

    def _add(self, step: Step) -> None:
        if self.scenes:
            self.scenes[-1].steps.append(step)
        else:
            self.mistakes.append(f"{self.name}:{step.line}: a command, but no stage (<!-- stage: … -->) before it")


def pages() -> list[Path]:
    """Every page that users read."""
    folders = "docs/*.md", "examples/*/README.md"
    return [PROJECT / "README.md", *sorted(path for folder in folders for path in PROJECT.glob(folder))]


def file_name(block: Block) -> str:
    """The name of the file that a block is, or is an excerpt of; empty where it is none."""
    first = _FILE_NAME.match(block.lines[0]) if block.lines else None
    return first[1] if first else ""


def read_stage(text: str) -> dict[str, Place]:
    """The machines that are written as in ``<!-- stage: … -->``."""
    places = {}
    for part in text.split(";"):
        name, _, things = part.partition(":")
        words = things.split()
        places[name.strip()] = Place(
            namespaces=tuple(word for word in words if not word.startswith("+")),
            further=tuple(word[1:] for word in words if word.startswith("+") and word not in _ENGINES),
            docker="+docker" in words,
            consul="+consul" in words,
        )
    return places


def _until(end: str, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if line.rstrip() == end:
            return
        yield number, line


def _exchanges(block: Block) -> Iterator[Exchange]:
    starts = [at for at, line in enumerate(block.lines) if _PROMPT.match(line)]
    for start, following in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        prompt = _PROMPT.match(block.lines[start])
        assert prompt is not None
        end = start + 1
        command = [prompt[2]]
        while command[-1].endswith("\\"):
            command.append(block.lines[end])
            end += 1
        shown = _without_blank_end(block.lines[end:following])
        first = block.start + end
        yield Exchange(
            prompt[1] or "", "\n".join(command), shown, block.start + start + 1, slice(first, first + len(shown))
        )  # fmt: skip


def _without_blank_end(lines: Sequence[str]) -> tuple[str, ...]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return tuple(lines[:end])
