"""A Compose file as Compose understands it: merge keys (``<<``) and variables replaced, services extended.

Of all that, only what tells about networks is read: which networks there are, and which services are on them.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from netctl.errors import DeclarationError, Diagnostic, Position
from netctl.stack.source import read
from netctl.stack.variables import Unexpandable, Variables, substitute
from netctl.stack.yaml_events import documents

_CONCERNING = ("container_name", "extends", "network_mode", "networks")
"""What of a service is read. Anything else may have dollar signs that are none of a variable's."""
_PLAIN = re.compile(r"\$(?:\{(\w+)\}|(\w+))\Z")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*\Z")
_LONGEST_CHAIN = 32


class ComposeFile(NamedTuple):
    """What a Compose file says of networks."""

    name: str
    """The project's, as the file says; empty where it says none."""
    networks: dict[str, dict[str, Any]]
    services: dict[str, dict[str, Any]]
    """By name; `networks` of one is a mapping, or not there."""
    remarks: list[str]


def read_compose(path: Path, environment: Mapping[str, str] | None = None) -> ComposeFile:
    """The file, with variables from the *environment* (by default the process's) and from ``.env`` beside it.

    Raises DeclarationError.
    """
    given = os.environ if environment is None else environment
    remarks: list[str] = []
    file = _File(path, {**_dot_env(path.absolute().parent), **given}, remarks)
    if "include" in file.content:
        remarks.append("what the file includes is not read: import those files, too")
    name = file.content.get("name") or given.get("COMPOSE_PROJECT_NAME", "")
    networks = {str(key): record(value) for key, value in record(file.content.get("networks")).items()}
    services = {name: file.service(name) for name in file.services}
    return ComposeFile(str(name), networks, services, remarks)


def _dot_env(directory: Path) -> dict[str, str]:
    """The variables of ``.env``; none where there is no such file."""
    path = directory / ".env"
    if not path.is_file():
        return {}
    found = filter(None, map(_ASSIGNMENT.match, read(str(path)).text.splitlines()))
    return {match[1]: _unquoted(match[2]) for match in found}


def _unquoted(text: str) -> str:
    quoted = re.match(r"(['\"])(.*)\1\s*(?:#.*)?\Z", text)
    return quoted[2] if quoted else re.sub(r"(?:^|\s+)#.*", "", text)


class _File:
    """One file: the one that is asked for, or one from which services are extended."""

    def __init__(self, path: Path, variables: Mapping[str, str], remarks: list[str]) -> None:
        self.path = path
        self.variables = variables
        self.remarks = remarks
        problems: list[Diagnostic] = []
        found = documents(read(str(path)), problems)
        if problems:
            raise DeclarationError(problems)
        content = _merged(found[0].content) if found else {}
        self.services = {str(name): _concerning(value) for name, value in record(content.get("services")).items()}
        wanted = {key: content[key] for key in ("include", "name", "networks") if key in content}
        self.content = self._expanded(wanted | {"services": self.services})
        self.services = self.content["services"]

    def service(self, name: str, depth: int = 0) -> dict[str, Any]:
        """A service, with what it has from those that it extends. Raises DeclarationError."""
        own = _on_networks(self.services[name])
        base = own.pop("extends", None)
        if base is None:
            return own
        asked = record(base) if isinstance(base, Mapping) else {"service": base}
        file = self._other(str(asked["file"])) if asked.get("file") else self
        wanted = str(asked.get("service"))
        if wanted not in file.services or depth > _LONGEST_CHAIN:
            problem = "is not there" if wanted not in file.services else "extends itself"
            raise self._refusal(f"Service '{name}' extends '{wanted}', which {problem}.")
        return _extended(file.service(wanted, depth + 1), own)

    def _other(self, name: str) -> "_File":
        return _File(self.path.parent / name, self.variables, self.remarks)

    def _expanded(self, content: dict[str, Any]) -> dict[str, Any]:
        """The content with its variables replaced; one that has no value is empty, as with Compose."""
        result, problems = substitute(content, Variables(self.variables))
        blank = {match[1] or match[2] for problem in problems if (match := _PLAIN.match(problem.excerpt))}
        if blank:
            self.remarks += [f"the variable {name} is not set, and taken for empty" for name in sorted(blank)]
            result, problems = substitute(content, Variables({**self.variables, **dict.fromkeys(blank, "")}))
        if problems:
            raise DeclarationError([self._unexpandable(problem) for problem in problems])
        return result

    def _unexpandable(self, problem: Unexpandable) -> Diagnostic:
        advice = "Define it in the environment, or in the file .env beside it."
        return Diagnostic(problem.code, problem.message, advice, Position(str(self.path)))

    def _refusal(self, message: str) -> DeclarationError:
        return DeclarationError([Diagnostic("NC110", message, "Correct 'extends'.", Position(str(self.path)))])


def _concerning(service: Any) -> dict[str, Any]:
    return {key: value for key, value in record(service).items() if key in _CONCERNING}


def _on_networks(service: Mapping[str, Any]) -> dict[str, Any]:
    """The service with its networks as a mapping, whichever way they are written; without, where it names none."""
    said = service.get("networks")
    named = record(said) if not isinstance(said, list) else {str(name): {} for name in said}
    networks = {"networks": {name: record(settings) for name, settings in named.items()}} if named else {}
    return {key: value for key, value in service.items() if key != "networks"} | networks


def _extended(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A service over the one that it extends: the networks of both."""
    if "network_mode" in own:
        base = {key: value for key, value in base.items() if key != "networks"}
    elif "networks" in own:
        base = {key: value for key, value in base.items() if key != "network_mode"}
    networks = {**base.get("networks", {})}
    for name, settings in own.get("networks", {}).items():
        networks[name] = {**networks.get(name, {}), **settings}
    return {**base, **own, **({"networks": networks} if networks else {})}


def _merged(value: Any) -> Any:
    """The value with the merge keys of YAML 1.1 resolved, which Compose files use."""
    if isinstance(value, list):
        return [_merged(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    own = {key: _merged(item) for key, item in value.items() if key != "<<"}
    return {**{key: item for part in _parts(value.get("<<")) for key, item in _merged(part).items()}, **own}


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """What a merge key names; of several, the first counts, and so comes last."""
    parts = value if isinstance(value, list) else [value]
    return (part for part in reversed(parts) if isinstance(part, Mapping))


def record(value: Any) -> dict[str, Any]:
    """The value where it is a mapping; else an empty one."""
    return dict(value) if isinstance(value, Mapping) else {}
