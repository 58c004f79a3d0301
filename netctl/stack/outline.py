"""The place of everything in a document, found by reading it a second time: only when something is wrong with it.

A second pass costs as much as the first; nothing of it is paid where there is no mistake, and it is made once for a
document, however many mistakes are in it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # exported, but not by name
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from netctl.stack.collector import without_collector
from netctl.stack.yaml_events import Document, Path


class Node:
    """A value: where it begins, and what is in it."""

    __slots__ = ("entries", "items", "merges", "place")

    def __init__(self, place: tuple[int, int] | None) -> None:
        self.place = place
        """None for a value that is not written out (``key:``)."""
        self.entries = _NO_ENTRIES
        self.items = _NO_NODES
        self.merges = _NO_NODES

    def entry(self, key: str) -> "tuple[tuple[int, int], Node] | None":
        """The key's place and its value, merge keys followed."""
        if key in self.entries:
            return self.entries[key]
        for merge in self.merges:
            for source in merge.items or [merge]:
                if found := source.entry(key):
                    return found
        return None


# Shared by all scalars, and replaced where there is something to hold.
_NO_ENTRIES: dict[str, tuple[tuple[int, int], Node]] = {}
_NO_NODES: list[Node] = []


class Found(NamedTuple):
    """The place of as much of a path as there is; line and column count from 1."""

    line: int
    column: int
    depth: int
    """How many steps of the path were found."""


class Outline:
    """The places in one document."""

    def __init__(self, document: Document) -> None:
        self._line = document.line
        self._anchors: dict[str, Node] = {}
        self._following: Callable[[], Any] = CParser(document.text).get_event
        while not isinstance(event := self._following(), NodeEvent):
            pass
        with without_collector():
            self._root = self._node(event)

    def find(self, path: Path, *, key: bool = False) -> Found:
        """Where the value at the path is, or its key; of a path that leads on from what there is, the last key."""
        node, place = self._root, self._root.place or (1, 1)
        for depth, step in enumerate(path):
            entered = _enter(node, step)
            if entered is None:
                return Found(*place, depth)
            key_place, node = entered
            is_last = depth == len(path) - 1
            place = key_place if key or not is_last else _value_place(key_place, node)
        return Found(*place, len(path))

    def _node(self, event: Any) -> Node:
        kind = type(event)
        if kind is AliasEvent:
            return self._anchors[event.anchor]
        mark = event.start_mark
        is_absent = kind is ScalarEvent and not event.value and mark.index == event.end_mark.index
        node = Node(None if is_absent else (mark.line + 1 + self._line, mark.column + 1))
        if kind is MappingStartEvent:
            self._fill_mapping(node)
        elif kind is not ScalarEvent:
            self._fill_sequence(node)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _fill_mapping(self, node: Node) -> None:
        entries = node.entries = {}
        while type(event := self._following()) is not MappingEndEvent:
            mark = event.start_mark
            value = self._node(self._following())
            if event.value == "<<" and not event.style:
                node.merges = [*node.merges, value]
            else:
                entries[event.value] = ((mark.line + 1 + self._line, mark.column + 1), value)

    def _fill_sequence(self, node: Node) -> None:
        items = node.items = []
        while type(event := self._following()) is not SequenceEndEvent:
            items.append(self._node(event))


def _value_place(key_place: tuple[int, int], node: Node) -> tuple[int, int]:
    """A block on the lines after its key is shown at the key, not at its first entry."""
    if node.place is None or ((node.entries or node.items) and node.place[0] > key_place[0]):
        return key_place
    return node.place


def _enter(node: Node, step: str | int) -> tuple[tuple[int, int], Node] | None:
    if isinstance(step, str):
        return node.entry(step)
    if step < len(node.items):
        item = node.items[step]
        return (item.place or node.place or (1, 1)), item
    # One value may stand for a list of one.
    is_single = step == 0 and node.place is not None and not node.items
    return (node.place, node) if is_single and node.place else None
