"""All documents of a stack, in the order in which they are merged.

What a file includes comes before it, so that the file overrides what it includes. A file that several others include
is read once, where it is first named; one that ``-f`` names is read there in any case.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from netctl.errors import DeclarationError, Diagnostic, Position
from netctl.stack.source import STDIN, STDIN_NAME, Source, expand, mistake, read
from netctl.stack.yaml_events import Document, documents

MAX_INCLUDE_DEPTH = 32
"""Files may include one another so deep."""

_SAVED_PLAN = {"format_version", "resource_changes"}
"""Keys that every plan has, and no stack: a plan is JSON, which is YAML."""

_COMPOSE_SERVICE = {"image", "build"}
"""Of these keys every service of a Compose file has one, and none of a stack's."""


@dataclass(frozen=True)
class _Named:
    """A file that is about to be read: as it was named, what it resolves to, where it was named."""

    name: str
    identity: Path | None
    place: Position | None = None


@dataclass
class Gathering:
    """Collects documents, the sources they are from, and what is wrong with them."""

    stdin: BinaryIO | None = None
    documents: list[Document] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    _seen: set[Path] = field(default_factory=set)

    def add(self, argument: str) -> None:
        """Adds the documents of what one ``-f`` names."""
        try:
            names = expand(argument)
        except DeclarationError as error:
            self.problems.extend(error.diagnostics)
            return
        before = len(self.documents)
        for name in names:
            named = _Named(name, None if name == STDIN else _resolved(name))
            if len(names) == 1 or named.identity not in self._seen:
                self._visit(named, ())
        named_here = {STDIN_NAME, *names}
        self._demand_one_stack(
            argument, [found for found in self.documents[before:] if found.source.name in named_here]
        )

    def _demand_one_stack(self, argument: str, found: list[Document]) -> None:
        """Refuses two stacks in what one ``-f`` names, which would become one; another ``-f`` may rename a stack."""
        naming = [
            document for document in found if isinstance(name := document.content.get("stack"), str) and "$" not in name
        ]
        for document in naming[1:]:
            first, name = naming[0].content["stack"], document.content["stack"]
            if name != first:
                place = document.source.position(*document.positions.get(("stack",), (1, 1)))
                self._refuse("NC133", f"'{argument}' holds two stacks, '{first}' and '{name}'.", place)
                return

    def _visit(self, named: _Named, trail: tuple[_Named, ...]) -> None:
        if any(named.identity == earlier.identity for earlier in trail):
            shown = " -> ".join(f"'{link.name}'" for link in (*trail, named))
            self._refuse("NC131", f"The file includes itself: {shown}.", named.place)
        elif len(trail) > MAX_INCLUDE_DEPTH:
            self._refuse("NC132", f"Files include one another more than {MAX_INCLUDE_DEPTH} deep.", named.place)
        else:
            self._read(named, trail)

    def _read(self, named: _Named, trail: tuple[_Named, ...]) -> None:
        if named.identity:
            self._seen.add(named.identity)
        try:
            source = read(named.name, self.stdin)
            self.sources.append(source)
            found = documents(source, self.problems)
        except DeclarationError as error:
            self.problems.extend(_placed(error, named.place))
            return
        if not found:
            self._refuse("NC106", f"'{source.name}' declares nothing.", named.place or Position(source.name, 1, 1))
        for document in found:
            if (taken_for := _other_format(document.content)) is not None:
                code, what = taken_for
                self._refuse(code, f"'{source.name}' is {what}, not a stack.", Position(source.name))
                continue
            self._follow(document, (*trail, named))
            self.documents.append(document)

    def _follow(self, document: Document, trail: tuple[_Named, ...]) -> None:
        """Reads what the document includes."""
        wanted = document.content.get("include")
        names = [] if wanted is None else wanted if isinstance(wanted, list) else [wanted]
        for index, name in enumerate(names):
            place = _place(document, index)
            if not isinstance(name, str) or not name or name == STDIN:
                self._refuse("NC132", "'include' takes paths of files.", place)
            elif "$" in name:
                self._refuse("NC132", f"Variables are not expanded in the path '{name}'.", place)
            else:
                self._include(document.source, name, place, trail)

    def _include(self, source: Source, name: str, place: Position, trail: tuple[_Named, ...]) -> None:
        directory = Path() if source.name == STDIN_NAME else Path(source.name).parent
        named = _Named(str(directory / name), _resolved(directory / name), place)
        is_cycle = any(named.identity == earlier.identity for earlier in trail)
        if is_cycle or named.identity not in self._seen:
            self._visit(named, trail)

    def _refuse(self, code: str, message: str, place: Position | None) -> None:
        self.problems.append(mistake(code, message, place))


def _other_format(content: dict[str, Any]) -> tuple[str, str] | None:
    """Code and name of what the content is, where that is known not to be a stack."""
    if content.keys() >= _SAVED_PLAN:
        return "NC134", "a saved plan"
    services = content.get("services")
    if "stack" not in content and isinstance(services, dict):
        named = [service for service in services.values() if isinstance(service, dict)]
        if any(service.keys() & _COMPOSE_SERVICE for service in named):
            return "NC135", "a Compose file"
    return None


def _resolved(path: str | Path) -> Path:
    """The path without symbolic links; `Path.resolve` raises on a loop of them before Python 3.13."""
    return Path(os.path.realpath(path))


def _place(document: Document, index: int) -> Position:
    """Where an entry of ``include`` is written."""
    positions: dict[Any, tuple[int, int]] = document.positions
    return document.source.position(*positions.get(("include", index), positions.get(("include",), (1, 1))))


def _placed(error: DeclarationError, place: Position | None) -> list[Diagnostic]:
    """The mistakes of a file; one that is about the file as a whole is where the file was included."""
    return [
        found._replace(position=place) if place and not (found.position and found.position.line) else found
        for found in error.diagnostics
    ]
