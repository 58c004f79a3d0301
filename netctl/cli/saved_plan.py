"""Plans in files: written for one's own eyes, read as if an enemy had written them.

A saved plan is a promise of what will be done, not a list of orders: ``apply`` computes the plan again from the same
sources and refuses where the outcome differs. Of the file only its ``inputs`` and its fingerprint are used.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from netctl.engine.plan import Plan
from netctl.errors import NetctlError, RefusedError
from netctl.report.plan_json import FORMAT_VERSION, plan_document

MAX_BYTES = 256 * 1024 * 1024
"""A plan of 100,000 changes takes 50 MB."""
MAX_SOURCE_BYTES = 64 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_AGAIN = "Make a new plan with netctl plan --out, look at it, and apply that."


class SourceFile(NamedTuple):
    """A file that was read for a plan, by its absolute path."""

    path: str
    sha256: str


class Inputs(NamedTuple):
    """What a plan was computed from."""

    files: tuple[str, ...]
    """What ``-f`` named: absolute paths and patterns."""
    sources: tuple[SourceFile, ...]
    variables: tuple[str, ...]
    """Each ``NAME=VALUE``."""
    variable_files: tuple[str, ...]
    environment: dict[str, str]
    """As much of it as the loader reads, and may be stored."""
    withheld: tuple[str, ...]
    """Variables of the environment whose values are secrets: not stored, and needed again to apply."""
    host: str
    netns: str
    adopt: bool
    targets: tuple[str, ...]
    providers: tuple[str, ...]
    consul: bool
    """Whether the hosts that have joined in Consul were part of it."""


class SavedPlan(NamedTuple):
    """What ``apply`` takes from a file."""

    inputs: Inputs
    stack: str
    fingerprint: str


def write_plan(path: Path, plan: Plan, inputs: Inputs, warnings: Sequence[str]) -> None:
    """Store *plan* at *path*: whole or not at all, readable by its owner only. Raises NetctlError."""
    document = plan_document(plan, warnings=warnings) | {"inputs": _inputs_document(inputs)}
    try:
        _replace(path, json.dumps(document, indent=1).encode())
    except OSError as error:
        raise NetctlError(f"the plan cannot be written to {path}: {error.strerror}") from error


def read_plan(path: Path) -> SavedPlan:
    """The plan at *path*. Raises NetctlError where it is none, or of a version that this netctl does not know."""
    try:
        document = json.loads(_read(path, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise _no_plan(path, "it is not JSON") from error
    try:
        return _parse(document)
    except _MalformedError as error:
        raise _no_plan(path, str(error)) from error


def refuse_changed_sources(saved: SavedPlan, current: Sequence[SourceFile]) -> None:
    """Raise RefusedError where the files are not the ones, or not as, the plan was computed from."""
    then, now = dict(saved.inputs.sources), dict(current)
    for path in sorted(then.keys() | now.keys()):
        if then.get(path) != now.get(path):
            verb = "was added" if path not in then else "is no longer read" if path not in now else "has changed"
            raise RefusedError(f"the plan is stale: {path} {verb} since it was made", _AGAIN, "NC404")


def whole_environment(inputs: Inputs, environment: Mapping[str, str]) -> dict[str, str]:
    """The stored variables, and of the process's *environment* those that were withheld. Raises RefusedError."""
    if missing := [name for name in inputs.withheld if name not in environment]:
        raise RefusedError(
            f"the plan does not hold the secret in {missing[0]}, and the environment does not either",
            f"Set {' and '.join(missing)} as when the plan was made.",
            "NC404",
        )
    return inputs.environment | {name: environment[name] for name in inputs.withheld}


def refuse_other_outcome(saved: SavedPlan, plan: Plan) -> None:
    """Raise RefusedError where *plan*, computed anew, does not do what the saved one said."""
    if plan.stack != saved.stack or plan.fingerprint != saved.fingerprint:
        raise RefusedError(
            f"the plan is stale: what is live on {plan.host} has changed since it was made",
            _AGAIN,
            "NC404",
        )


def current_sources(saved: SavedPlan) -> list[SourceFile]:
    """The plan's sources as they are now; what cannot be read is left out."""
    found = []
    for source in saved.inputs.sources:
        with suppress(NetctlError):
            content = _read(Path(source.path), MAX_SOURCE_BYTES)
            found.append(SourceFile(source.path, sha256(content).hexdigest()))
    return found


class _MalformedError(ValueError):
    """What in the document is not as it should be."""


def _no_plan(path: Path, reason: str) -> NetctlError:
    return NetctlError(
        f"{path} is not a saved plan: {reason}",
        "netctl plan --out writes one; a declaration is named with -f.",
        "NC405",
    )


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:200]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path, limit: int) -> bytes:
    """A regular file of bounded size; opened so that a pipe or device of that name cannot block."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            if not S_ISREG(os.fstat(handle).st_mode):
                raise _no_plan(path, "it is not a regular file")
            content = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        raise NetctlError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", code="NC405"
        ) from error
    if len(content) > limit:
        raise _no_plan(path, f"it has more than {limit // 1024 // 1024} MiB")
    return content


def _inputs_document(inputs: Inputs) -> dict[str, Any]:
    return inputs._asdict() | {"sources": [source._asdict() for source in inputs.sources]}


def _parse(document: object) -> SavedPlan:
    top = _object(document, "the document")
    if top.get("format_version") != FORMAT_VERSION:
        raise _MalformedError(f"its format_version is not {FORMAT_VERSION}")
    fingerprint = _text(top, "fingerprint")
    if not _SHA256.match(fingerprint):
        raise _MalformedError("its fingerprint is malformed")
    if "inputs" not in top:
        raise _MalformedError("it has no inputs, as a plan printed with -o json has none")
    return SavedPlan(_parse_inputs(_object(top["inputs"], "inputs")), _text(top, "stack"), fingerprint)


def _parse_inputs(given: dict[str, Any]) -> Inputs:
    environment = _object(given.get("environment"), "environment")
    if not all(_is_text(value) for item in environment.items() for value in item):
        raise _MalformedError("a variable of the environment is not text")
    return Inputs(
        files=tuple(_absolute(path) for path in _texts(given, "files")),
        sources=tuple(_source(entry) for entry in _list(given, "sources")),
        variables=_texts(given, "variables"),
        variable_files=tuple(_absolute(path) for path in _texts(given, "variable_files")),
        environment=environment,
        withheld=_texts(given, "withheld"),
        host=_text(given, "host"),
        netns=_text(given, "netns"),
        adopt=given.get("adopt") is True,
        targets=_texts(given, "targets"),
        providers=_texts(given, "providers"),
        consul=given.get("consul") is True,
    )


def _source(entry: object) -> SourceFile:
    fields = _object(entry, "a source")
    digest = _text(fields, "sha256")
    if not _SHA256.match(digest):
        raise _MalformedError("the digest of a source is malformed")
    return SourceFile(_absolute(_text(fields, "path")), digest)


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise _MalformedError("a path is not absolute")
    return path


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _MalformedError(f"{name} is not an object")
    return value


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise _MalformedError(f"{name} is not a list")
    return value


def _texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    values = _list(fields, name)
    if not all(_is_text(value) for value in values):
        raise _MalformedError(f"an entry of {name} is not text")
    return tuple(values)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not _is_text(value):
        raise _MalformedError(f"{name} is missing or not text")
    return str(value)


def _is_text(value: object) -> bool:
    """Text that can go into a message or a path: JSON also has lone surrogates, which cannot be encoded."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
