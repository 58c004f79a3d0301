"""Every error that netctl raises on purpose.

NetctlError                   exit code 1, one sentence for the user
├── UsageError                exit code 64: the command line is wrong
├── DeclarationError          the stack is wrong: carries one diagnostic for each mistake
│   └── MalformedError (stack.loader)  and the declarations that are not concerned
├── BackendError              a system (kernel, nftables, Docker, Consul) refused or could not be reached
│   └── PrivilegeError        for want of a capability
├── ConflictError             a declared object exists already and is foreign
├── RefusedError              a safety limit: max-deletes, a stale saved plan, no confirmation
├── LockedError               another netctl is at work on the stack
└── ApplyError (engine.apply)  an apply failed; carries its report
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a diagnostic is: only errors stop a command."""

    ERROR = "error"
    WARNING = "warning"


class Position(NamedTuple):
    """A place in a source file; line and column count from 1."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""
    """The line itself, without its newline."""

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class Diagnostic(NamedTuple):
    """One mistake in a declaration: where, what is wrong, what to do."""

    code: str
    """Stable, listed in ``docs/errors.md``: ``NC101``."""
    message: str
    advice: str = ""
    position: Position | None = None
    severity: Severity = Severity.ERROR


class NetctlError(Exception):
    """Base of all expected errors: what went wrong in one sentence, what to do in another."""

    exit_code = 1

    def __init__(self, message: str, advice: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.code = code


class UsageError(NetctlError):
    """The command line is wrong (EX_USAGE)."""

    exit_code = 64


class DeclarationError(NetctlError):
    """The stack cannot be used as it is written."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = sum(d.severity is Severity.ERROR for d in diagnostics)
        super().__init__(f"{errors} error{'s' if errors != 1 else ''} in the declaration")
        self.diagnostics = tuple(diagnostics)


class BackendError(NetctlError):
    """A system refused a request or could not be reached."""


class PrivilegeError(BackendError):
    """A capability is missing."""


class ConflictError(NetctlError):
    """A declared object exists already and belongs to someone else."""


class RefusedError(NetctlError):
    """A safety limit stopped the command before it changed anything."""


class LockedError(NetctlError):
    """Another netctl is at work on the same stack and host."""


def described(error: NetctlError) -> str:
    """What is wrong, in a line; of a declaration the first of its mistakes."""
    if isinstance(error, DeclarationError) and error.diagnostics:
        first = error.diagnostics[0]
        return f"{error.message}: {first.position or ''} {first.message}".replace("  ", " ")
    return error.message
