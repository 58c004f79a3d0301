"""Where each part of a merged stack was written: in the last document that mentions it."""

from collections.abc import Iterator, Sequence

from netctl.errors import Position
from netctl.stack.outline import Outline
from netctl.stack.yaml_events import Document, Path


class Locations:
    """The places of a stack's declarations, noted while reading, and of everything else, found when asked for."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents
        self._mentions = _mentions(documents)
        self._outlines: dict[int, Outline] = {}

    def declared(self, path: Path) -> tuple[str, int]:
        """File and line of the declaration that the path leads to or into, without reading anything again.

        Of a policy, the line of its rule, where the path leads to or into one.
        """
        for length in range(min(len(path), 4), 0, -1):
            if index := self._mentions.get(path[:length]):
                document = self._documents[index[-1]]
                return document.source.name, document.positions[path[:length]][0]
        return (self._documents[0].source.name, 1) if self._documents else ("", 0)

    def line(self, file: str, line: int) -> str:
        """The text of a line of one of the documents; empty where there is no such line."""
        found = (document.source for document in self._documents if document.source.name == file)
        return next((source.position(line, 1).text for source in found), "")

    def locate(self, path: Path, *, key: bool = False) -> Position:
        """The place of the value at the path, or of its key; of what is missing, that of what it is missing from."""
        best, depth = Position(""), -1
        for document, outline in self._candidates(path):
            found = outline.find(path, key=key)
            if found.depth > depth:
                best, depth = document.source.position(found.line, found.column), found.depth
            if depth == len(path):
                break
        return best

    def _candidates(self, path: Path) -> Iterator[tuple[Document, Outline]]:
        """The documents that mention the path's declaration, or else its section, or else the first; latest first."""
        mentions = self._mentions.get(path[:2]) or self._mentions.get(path[:1]) or range(len(self._documents))[:1]
        for index in reversed(mentions):
            document = self._documents[index]
            if index not in self._outlines:
                self._outlines[index] = Outline(document)
            yield document, self._outlines[index]


def _mentions(documents: Sequence[Document]) -> dict[Path, list[int]]:
    """For each top-level key and declaration, the documents that it is in."""
    if len(documents) == 1:
        only = [0]
        return dict.fromkeys(documents[0].positions, only)
    mentions: dict[Path, list[int]] = {}
    for index, document in enumerate(documents):
        for path in document.positions:
            mentions.setdefault(path, []).append(index)
    return mentions
