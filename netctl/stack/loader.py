"""From the files of a stack to a validated `Stack`, and the place of everything in it.

    files -> documents -> merged content -> variables replaced -> validated

Mistakes are collected as far as each step can go on, and raised together.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from netctl.engine.resource import Origin
from netctl.errors import DeclarationError, Diagnostic, Position, Severity
from netctl.stack.collector import without_collector
from netctl.stack.definitions import VariableInputs, define, unused
from netctl.stack.gathering import Gathering
from netctl.stack.locations import Locations
from netctl.stack.merging import merge
from netctl.stack.source import Source, mistake
from netctl.stack.variables import Unexpandable, Variables, substitute
from netctl.stack.yaml_events import Document, Path, dotted

if TYPE_CHECKING:  # what validates takes a fifth of a command's start, and is imported where something is validated
    from netctl.stack.models import Stack

NO_VARIABLES = VariableInputs()

_BEFORE_VALIDATION = {"vars", "include"}
# Mistakes after which a file's content is still known whole, so that it can be validated.
_CONTENT_IS_WHOLE = {"NC108", "NC109", "NC127"}


class SourceFile(NamedTuple):
    """A file that a stack was read from, and the SHA-256 of its bytes in hexadecimal."""

    path: str
    sha256: str


class LoadedStack:
    """A validated stack, and where each part of it was written."""

    def __init__(self, stack: "Stack", files: tuple[SourceFile, ...], sources: Locations) -> None:
        self.stack = stack
        self.files = files
        """The files that were read: stack files in their order, then variable files."""
        self.sources = sources

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of what is declared, merged and with variables replaced.

        Neither files, nor the order of keys, nor layout, nor the spelling of an address make a difference.
        """
        declared = self.stack.model_dump(mode="json", by_alias=True, exclude_unset=True)
        canonical = json.dumps(declared, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def having(self, stack: "Stack") -> "LoadedStack":
        """Another stack that was made of what was read here."""
        return LoadedStack(stack, self.files, self.sources)

    def origin(self, path: Path) -> Origin:
        """The declaration that the path leads to or into (``networks.frontend``, ``routes[0]``), and its place."""
        return Origin(dotted(path[:2]), *self.sources.declared(path))

    def line(self, origin: Origin) -> str:
        """The line of the file that the declaration is on, without its line break; empty where none is known."""
        return self.sources.line(origin.file, origin.line)

    def locate(self, path: Path, *, key: bool = False) -> Position:
        """The exact place of the value at the path, or of its key; of what is not there, that of what it would be in.

        The first call reads the document again, which takes as long as reading it took.
        """
        return self.sources.locate(path, key=key)

    def diagnostic(
        self, code: str, message: str, advice: str = "", path: Path = (), severity: Severity = Severity.ERROR
    ) -> Diagnostic:
        """A diagnostic at the value of the path; the code's own advice where none is given."""
        return mistake(code, message, self.locate(path), advice)._replace(severity=severity)


def load(files: Sequence[str], variables: VariableInputs = NO_VARIABLES, stdin: BinaryIO | None = None) -> LoadedStack:
    """The stack that the files declare: paths, directories, patterns, or ``-`` for the stream `stdin`.

    Raises DeclarationError with a diagnostic for every mistake, in the order of files and lines: a MalformedError
    where what is not concerned can be looked at for itself.
    """
    with without_collector():
        return _Loading(variables).load(files, stdin)


def load_named(
    files: Sequence[str], variables: VariableInputs = NO_VARIABLES, stdin: BinaryIO | None = None
) -> dict[str, Any]:
    """What the files declare, of which no more is sure than that ``stack`` is a text: nothing is validated.

    Raises DeclarationError where they declare no name, or cannot be read.
    """
    with without_collector():
        return _Loading(variables).named(files, stdin)


class MalformedError(DeclarationError):
    """Declarations are not of the language's shape; the others may have mistakes of their own."""

    def __init__(self, diagnostics: Sequence[Diagnostic], remaining: LoadedStack, left_out: frozenset[str]) -> None:
        super().__init__(diagnostics)
        self.remaining = remaining
        """The stack of the others."""
        self.left_out = left_out
        """The names of the malformed ones, as far as others may refer to them."""


def in_order(problems: Iterable[Diagnostic], files: Iterable[str]) -> list[Diagnostic]:
    """Each diagnostic once, in the order of the files and lines."""
    order = {file: index for index, file in enumerate(files)}

    def place(problem: Diagnostic) -> tuple[int, int, int]:
        position = problem.position or Position("")
        return order.get(position.file, len(order)), position.line, position.column

    return sorted(dict.fromkeys(problems), key=place)


class _Loading:
    """One run of `load`: what it has read, and the mistakes so far."""

    def __init__(self, inputs: VariableInputs) -> None:
        self._inputs = inputs
        self._problems: list[Diagnostic] = []
        self._sources: list[Source] = []
        self._wrong: set[Path] = set()
        """Where values are that could not be expanded, or are malformed."""

    def load(self, files: Sequence[str], stdin: BinaryIO | None) -> LoadedStack:
        content, unexpanded, locations = self._content(files, stdin)
        stack = self._validated(content, locations, unexpanded)
        if stack is None or self._problems:
            raise self._malformed(content, locations)
        return self._loaded(stack, locations)

    def _loaded(self, stack: "Stack", locations: Locations) -> LoadedStack:
        return LoadedStack(stack, tuple(SourceFile(source.name, source.sha256) for source in self._sources), locations)

    def named(self, files: Sequence[str], stdin: BinaryIO | None) -> dict[str, Any]:
        content, unexpanded, locations = self._content(files, stdin)
        if self._problems or not isinstance(content.get("stack"), str):
            self._validated(content, locations, unexpanded)
            raise self._failure()
        return content

    def _content(self, files: Sequence[str], stdin: BinaryIO | None) -> tuple[dict[str, Any], set[Path], Locations]:
        """What is declared, merged and with its variables replaced, and the paths where that failed."""
        documents = self._gathered(files, stdin)
        locations = Locations(documents)
        variables, variable_files = define(documents, self._inputs, self._problems)
        self._sources += variable_files
        if any(problem.code not in _CONTENT_IS_WHOLE for problem in self._problems):
            raise self._failure()
        merged = merge(map(_declarations, documents))
        return *self._expanded(merged, variables, documents, locations), locations

    def _gathered(self, files: Sequence[str], stdin: BinaryIO | None) -> list[Document]:
        gathering = Gathering(stdin)
        for argument in files:
            gathering.add(argument)
        self._problems += gathering.problems
        self._sources += gathering.sources
        if not files:
            self._problems.append(mistake("NC102", "No stack file is named."))
        return gathering.documents

    def _expanded(
        self, content: dict[str, Any], variables: Variables, documents: Sequence[Document], locations: Locations
    ) -> tuple[dict[str, Any], set[Path]]:
        """The content with its variables replaced, and the paths where that failed."""
        failures: list[Unexpandable] = []
        # Most stacks have no variables, and need no walk.
        if any("$" in source.text for source in self._sources):
            content, failures = substitute(content, variables)
        self._problems += [_unexpandable(failure, locations) for failure in failures]
        self._problems += unused(self._inputs, documents, variables.mentioned)
        unexpanded = {failure.path for failure in failures}
        self._wrong |= unexpanded
        return content, unexpanded

    def _validated(self, content: dict[str, Any], locations: Locations, unexpanded: set[Path]) -> "Stack | None":
        from netctl.stack.validation import InvalidError, validated

        try:
            return validated(content)
        except InvalidError as error:
            from netctl.stack.diagnostics import schema_diagnostics
            from netctl.stack.violations import violations

            errors = error.errors(include_url=False)
            self._problems += schema_diagnostics(errors, content, locations.locate, unexpanded)
            self._wrong.update(violation.path for violation in violations(errors, content))
            return None

    def _failure(self) -> DeclarationError:
        return DeclarationError(self._found())

    def _malformed(self, content: dict[str, Any], locations: Locations) -> DeclarationError:
        from netctl.stack.remains import remains
        from netctl.stack.validation import InvalidError, validated

        # Of a key that is there twice nobody knows which of its values is meant.
        is_known = not any(problem.code in _CONTENT_IS_WHOLE for problem in self._problems)
        if not is_known or (left := remains(content, self._wrong)) is None:
            return self._failure()
        try:
            remaining = self._loaded(validated(left.content), locations)
        except InvalidError:
            return self._failure()
        return MalformedError(self._found(), remaining, left.left_out)

    def _found(self) -> list[Diagnostic]:
        return in_order(self._problems, (source.name for source in self._sources))


def _declarations(document: Document) -> dict[str, Any]:
    """What the document declares. Keys of the user's own (``x-…``) only hold values for aliases."""
    return {
        key: value
        for key, value in document.content.items()
        if key not in _BEFORE_VALIDATION and not key.startswith("x-")
    }


def _unexpandable(failure: Unexpandable, locations: Locations) -> Diagnostic:
    """The failure at the very reference, where that is on the line on which the value begins."""
    position = locations.locate(failure.path, key=failure.is_key)
    offset = position.text.find(failure.excerpt.partition("\n")[0], max(position.column - 1, 0))
    column = offset + 1 if offset >= 0 else position.column
    return mistake(failure.code, failure.message, position._replace(column=column), failure.advice)
