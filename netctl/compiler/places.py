"""What the compiler needs of the loader, and no more: where a declaration stands, and a diagnostic that says so."""

from typing import Protocol

from netctl.engine.resource import Origin
from netctl.errors import DeclarationError, Diagnostic, Severity

Path = tuple[str | int, ...]
"""A place in a stack: ``("networks", "frontend", "attach", 0, "address")``."""


class Places(Protocol):
    """Knows where every declaration stands in its file."""

    def origin(self, path: Path) -> Origin:
        """Where the declaration at *path* stands; called once for each declaration, so it must be cheap."""
        ...

    def diagnostic(
        self, code: str, message: str, advice: str, path: Path, severity: Severity = Severity.ERROR
    ) -> Diagnostic:
        """A diagnostic that points at *path*, or at the nearest enclosing value where nothing is written there."""
        ...


class Problems:
    """Collects diagnostics, so that all mistakes of a stack are reported together."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.found: list[Diagnostic] = []

    def error(self, code: str, path: Path, message: str, advice: str) -> None:
        """Report a mistake that keeps the stack from being used."""
        self.found.append(self._places.diagnostic(code, message, advice, path, Severity.ERROR))

    def warn(self, code: str, path: Path, message: str, advice: str) -> None:
        """Report what is probably not meant."""
        self.found.append(self._places.diagnostic(code, message, advice, path, Severity.WARNING))

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far keeps the stack from being used."""
        return any(problem.severity is Severity.ERROR for problem in self.found)

    def stop_on_errors(self) -> None:
        """Raise DeclarationError with everything found so far, warnings included, if there is an error."""
        if self.has_errors:
            raise DeclarationError(self.found)
