"""Why a system could not be read, for people: what it answered, and what of the stack depends on it."""

from collections.abc import Iterable

from netctl.engine.protocol import Scope
from netctl.engine.resource import Key
from netctl.errors import BackendError


def reason_of(error: BackendError, scope: Scope, system: str, keys: Iterable[Key]) -> str:
    """The error, and which declaration asks for the *keys*, or else that the stack may have something there."""
    asking = min((scope.desired[key].origin for key in keys), default=None)
    if asking is not None:
        return f"{error.message}; {asking.declaration} ({asking.place}) asks for it"
    is_silent = system in scope.known and not any(key.system == system for key in scope.desired)
    return f"{error.message}; {scope.stack} may have something there" if is_silent else error.message
