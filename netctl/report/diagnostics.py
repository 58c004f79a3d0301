"""Mistakes in declarations for people, for programs (JSON), for GitHub's annotations, and as SARIF 2.1.0.

stack.yaml:14:13: error[NC115]: '10.0.0.1/24' has host bits set; the prefix is 10.0.0.0/24
   14 |     subnet: 10.0.0.1/24
      |             ^
      = write the prefix
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netctl import __version__
from netctl.errors import Diagnostic, Severity
from netctl.report.paint import PLAIN, Paint, printable

FORMAT_VERSION = "1.0"
_LONGEST_LINE = 160
_MOST = 100
"""More mistakes than that have few causes, and push the first ones off the screen."""
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def text(diagnostics: Iterable[Diagnostic], paint: Paint = PLAIN) -> str:
    """Each mistake with its line, a caret under the place, and the advice; of very many, the first, errors before
    warnings, and how many more there are.
    """
    found = list(diagnostics)
    if len(found) <= _MOST:
        return "\n".join(_one(diagnostic, paint) for diagnostic in found)
    found.sort(key=_urgency)
    shown, rest = found[:_MOST], found[_MOST:]
    more = f"and {len(rest):,} more: {count_text(found)} in all. netctl validate -o json lists all of the files."
    return "\n".join([*(_one(diagnostic, paint) for diagnostic in shown), paint("bold", more)])


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A document in the shape of Terraform's ``validate -json``: ``valid``, counts, the diagnostics."""
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    return json.dumps(
        {
            "format_version": FORMAT_VERSION,
            "valid": not errors,
            "error_count": errors,
            "warning_count": len(diagnostics) - errors,
            "diagnostics": [_as_dict(diagnostic) for diagnostic in diagnostics],
        },
        indent=2,
    )


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands, which GitHub Actions shows as annotations on the file's lines."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def sarif(diagnostics: Sequence[Diagnostic], titles: Mapping[str, str]) -> str:
    """A log of one run (OASIS SARIF 2.1.0); *titles* describe the codes."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {
        "name": "netctl",
        "version": __version__,
        "rules": [{"id": code, "shortDescription": {"text": titles.get(code, code)}} for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic) for diagnostic in diagnostics],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def count_text(diagnostics: Sequence[Diagnostic]) -> str:
    """``2 errors, 1 warning``."""
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    parts = [(errors, "error"), (len(diagnostics) - errors, "warning")]
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in parts if count)


def _urgency(diagnostic: Diagnostic) -> tuple[bool, str, int, int]:
    """Sorts errors before warnings, then by place."""
    place = diagnostic.position
    warning = diagnostic.severity is not Severity.ERROR
    return (warning, place.file, place.line, place.column) if place else (warning, "", 0, 0)


def _one(diagnostic: Diagnostic, paint: Paint) -> str:
    place = f"{printable(str(diagnostic.position))}: " if diagnostic.position else ""
    head = paint(_COLOURS[diagnostic.severity], f"{diagnostic.severity}[{diagnostic.code}]")
    lines = [f"{paint('bold', place)}{head}: {printable(diagnostic.message)}"]
    lines += _excerpt(diagnostic, paint)
    if diagnostic.advice:
        lines.append(f"        {paint('dim', '=')} {printable(diagnostic.advice)}")
    return "\n".join(lines)


def _excerpt(diagnostic: Diagnostic, paint: Paint) -> list[str]:
    position = diagnostic.position
    if position is None or not position.text or not position.line:
        return []
    line, column = _window(_flat(position.text), position.column)
    lines = [f"{paint('dim', f'{position.line:>5} |')} {line}"]
    if column:
        lines.append(f"{paint('dim', '      |')} {' ' * (column - 1)}{paint(_COLOURS[diagnostic.severity], '^')}")
    return lines


def _flat(line: str) -> str:
    """The line with one printable character for each of its own, so that the caret stays under its place."""
    return "".join(character if character.isprintable() else " " for character in line)


def _window(line: str, column: int) -> tuple[str, int]:
    """A long line's part around *column*, and the column within it."""
    start = max(0, min(column - _LONGEST_LINE // 2, len(line) - _LONGEST_LINE))
    return line[start : start + _LONGEST_LINE], max(0, column - start)


def _as_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "summary": diagnostic.message,
        "detail": diagnostic.advice,
    }
    if position := diagnostic.position:
        shape["range"] = {"filename": position.file, "start": {"line": position.line, "column": position.column}}
        shape["snippet"] = {"code": position.text}
    return shape


def _annotation(diagnostic: Diagnostic) -> str:
    properties = {"title": f"netctl {diagnostic.code}"}
    if position := diagnostic.position:
        places = {"file": position.file, "line": position.line, "col": position.column}
        properties = {key: str(value) for key, value in places.items() if value} | properties
    settings = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{diagnostic.severity} {settings}::{_escape(_sentences(diagnostic))}"


def _sentences(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.message}\n{diagnostic.advice}" if diagnostic.advice else diagnostic.message


def _escape(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(value: str) -> str:
    return _escape(value).replace(":", "%3A").replace(",", "%2C")


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": diagnostic.severity.value,
        "message": {"text": _sentences(diagnostic)},
    }
    if position := diagnostic.position:
        location: dict[str, Any] = {"artifactLocation": {"uri": position.file}}
        if position.line:
            location["region"] = {
                "startLine": position.line,
                "startColumn": max(1, position.column),
                "snippet": {"text": position.text},
            }
        result["locations"] = [{"physicalLocation": location}]
    return result
