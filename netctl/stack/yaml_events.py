"""YAML to plain mappings, lists and scalars: one pass over the events of the C parser.

Several times as fast as a YAML library's own construction, and strict where YAML is lax: duplicate keys, unknown
tags, directives, and aliases that expand without bound are mistakes. The places of the two outermost levels
(``networks``, ``networks.frontend``, ``routes[0]``) are noted on the way at no cost; `netctl.stack.outline` finds
deeper ones when they are needed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # exported, but not by name
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from netctl.errors import DeclarationError, Diagnostic
from netctl.stack.core_schema import AMBIGUOUS, Scalar, resolve
from netctl.stack.source import Source, mistake
from netctl.stack.yaml_limits import MAX_DEPTH, Expansion
from netctl.stack.yaml_syntax import NO_DIRECTIVES, syntax_mistake

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {True: {"!", f"{_TAG}map"}, False: {"!", f"{_TAG}seq"}}
_TEXT_TAGS = {"!", f"{_TAG}str"}
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (float, int),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}
# How far down the places of keys are kept: a verdict names the line of the rule that decided it.
_DEPTHS: dict[str | int, int] = {"policies": 3}
# libyaml knows YAML 1.1 only, and refuses a file that says what every stack file is.
_VERSION_1_2 = re.compile(
    r"((?:\A|^\.\.\.[^\n]*\n)(?:[ \t]*(?:#[^\n]*)?\n)*)%(?=YAML[ \t]+1\.2[ \t\r]*(?:#.*)?$)", re.MULTILINE
)


@dataclass(slots=True)
class Document:
    """One document of a source: its content, and where it and its declarations are."""

    source: Source
    start: int
    """Index of its first line in the text; `end` is that after its last."""
    end: int
    line: int
    """Lines before it."""
    content: dict[str, Any]
    positions: dict[Path, tuple[int, int]]
    """Line and column, from 1, of each top-level key and each declaration under one; of policies, of each rule."""

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]


def documents(source: Source, problems: list[Diagnostic]) -> list[Document]:
    """The source's documents, without empty ones. Mistakes that leave the rest readable are added to `problems`.

    Raises DeclarationError for the others.
    """
    try:
        return list(_Composer(source, problems).documents())
    except YAMLError as error:
        raise DeclarationError([syntax_mistake(source, error)]) from error


def dotted(path: Path) -> str:
    """The path as the user reads it: ``networks.frontend.attach[0].netns``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


class _Composer:
    """Builds documents from events. What a method returns ends where the parser then stands."""

    def __init__(self, source: Source, problems: list[Diagnostic]) -> None:
        text = _VERSION_1_2.sub(r"\1#", source.text) if "%YAML" in source.text else source.text
        self._source = source
        self._problems = problems
        self._following: Callable[[], Any] = CParser(text).get_event
        self._positions: dict[Path, tuple[int, int]] = {}
        self._anchors: dict[str, Any] = {}
        self._unfinished: set[str] = set()
        self._expansion = Expansion()

    def documents(self) -> Iterator[Document]:
        """The documents, without empty ones."""
        while type(event := self._following()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent and (document := self._document(event)):
                yield document

    def _document(self, start: Any) -> Document | None:
        if start.version or start.tags:
            raise self._error("NC126", NO_DIRECTIVES, start)
        self._positions, self._anchors = {}, {}
        root = self._following()
        is_empty = type(root) is ScalarEvent and self._scalar(root) is None
        if not is_empty and type(root) is not MappingStartEvent:
            raise self._error("NC110", "A stack is a mapping of keys to values; this is not.", root)
        content = {} if is_empty else self._collection(root, 1, ())
        end = self._following().end_mark.index
        mark = start.start_mark
        if is_empty:
            return None
        return Document(self._source, mark.index - mark.column, end, mark.line, content, self._positions)

    def _node(self, event: Any, depth: int, path: Path | None) -> Any:
        """The value that begins with the event; a path is given for what can hold declarations."""
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event, depth)
        if kind is not ScalarEvent:
            return self._collection(event, depth + 1, path)
        value = self._scalar(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: Any, depth: int) -> Any:
        name = event.anchor
        if name in self._unfinished:
            raise self._error("NC121", f"'*{name}' is within the value that it stands for.", event)
        if name not in self._anchors:
            raise self._error("NC124", f"'*{name}' stands for nothing: there is no '&{name}' before it.", event)
        value = self._anchors[name]
        if not self._expansion.fits(value, depth):
            raise self._error("NC121", f"With '*{name}' the file's aliases stand for too much.", event)
        return value

    def _collection(self, event: Any, depth: int, path: Path | None) -> Any:
        if depth > MAX_DEPTH:
            raise self._error("NC122", f"This is nested more than {MAX_DEPTH} levels deep.", event)
        is_mapping = type(event) is MappingStartEvent
        if not event.implicit and event.tag not in _COLLECTION_TAGS[is_mapping]:
            self._unknown_tag(event)
        if event.anchor is None:
            return self._mapping(depth, path) if is_mapping else self._sequence(depth, path)
        self._unfinished.add(event.anchor)
        value = self._mapping(depth, path) if is_mapping else self._sequence(depth, path)
        self._unfinished.discard(event.anchor)
        self._anchors[event.anchor] = value
        return value

    def _mapping(self, depth: int, path: Path | None) -> dict[str, Any]:
        following = self._following
        result: dict[str, Any] = {}
        marks: dict[str, Any] = {}
        merges: list[tuple[Any, Any]] = []
        inner: Path | None = None
        while type(event := following()) is not MappingEndEvent:
            key = self._key(event)
            mark = event.start_mark
            if key in marks:
                self._duplicate(event, marks[key])
            marks[key] = mark
            if path is not None:
                self._positions[*path, key] = (mark.line + 1, mark.column + 1)
                inner = (*path, key) if len(path) < _DEPTHS.get(path[0] if path else key, 1) else None
            value = following()
            if key == "<<" and not event.style:
                merges.append((value, self._node(value, depth, None)))
            elif type(value) is ScalarEvent and value.anchor is None:
                # The commonest case, without a further call.
                result[key] = self._scalar(value)
            else:
                result[key] = self._node(value, depth, inner)
        return self._merged(result, merges) if merges else result

    def _sequence(self, depth: int, path: Path | None) -> list[Any]:
        following = self._following
        result: list[Any] = []
        while type(event := following()) is not SequenceEndEvent:
            if path:
                mark = event.start_mark
                self._positions[*path, len(result)] = (mark.line + 1, mark.column + 1)
            result.append(self._node(event, depth, None))
        return result

    def _merged(self, explicit: dict[str, Any], merges: list[tuple[Any, Any]]) -> dict[str, Any]:
        """What ``<<`` brings, under what is written out; of several, the first wins."""
        result: dict[str, Any] = {}
        for event, value in merges:
            sources = value if isinstance(value, list) else [value]
            if not all(isinstance(source, dict) for source in sources):
                raise self._error("NC125", "'<<' merges mappings; this is none.", event)
            for source in reversed(sources):
                result.update(source)
        return {**result, **explicit}

    def _key(self, event: Any) -> str:
        if type(event) is not ScalarEvent:
            raise self._error("NC123", "A key must be a word, not a mapping, a list or an alias.", event)
        key: str = event.value
        if event.ctag is not None and event.tag not in _TEXT_TAGS and event.tag not in _SCALAR_TAGS:
            self._unknown_tag(event)
        if event.style and "\0" in key:
            raise self._error("NC105", "The key holds a NUL byte.", event)
        return key

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if event.ctag is not None:
            return self._tagged(event, text)
        if not event.style:
            return resolve(text) if text[:1] in AMBIGUOUS else text
        if "\0" in text:
            raise self._error("NC105", "The value holds a NUL byte.", event)
        return text

    def _tagged(self, event: Any, text: str) -> Scalar:
        if event.tag in _TEXT_TAGS:
            return text
        if event.tag not in _SCALAR_TAGS:
            self._unknown_tag(event)
            return text
        value = resolve(text)
        if not isinstance(value, _SCALAR_TAGS[event.tag]) or (isinstance(value, bool) and "bool" not in event.tag):
            kind = event.tag.removeprefix(_TAG)
            self._problems.append(self._mistake("NC127", f"'{text}' is not what the tag '!!{kind}' says.", event))
        return value

    def _unknown_tag(self, event: Any) -> None:
        tag = event.tag
        shown = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
        self._problems.append(self._mistake("NC109", f"The tag '{shown}' is unknown.", event))

    def _duplicate(self, event: Any, first: Any) -> None:
        message = f"The key '{event.value}' is there twice; the first is in line {first.line + 1}."
        self._problems.append(self._mistake("NC108", message, event))

    def _mistake(self, code: str, message: str, event: Any) -> Diagnostic:
        mark = event.start_mark
        return mistake(code, message, self._source.position(mark.line + 1, mark.column + 1))

    def _error(self, code: str, message: str, event: Any) -> DeclarationError:
        return DeclarationError([self._mistake(code, message, event)])
