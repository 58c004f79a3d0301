"""Dollar signs in what is printed as a declaration: in a value one begins a variable, a key cannot have one."""

from collections.abc import Mapping
from typing import Any


def literal(value: Any) -> Any:
    """The value with each dollar sign in its texts written twice; keys are read as they are written."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


def has_variable_as_key(value: Any) -> bool:
    """Whether a key anywhere in the value is refused for what looks like a variable."""
    if isinstance(value, Mapping):
        return any("${" in str(key) or has_variable_as_key(item) for key, item in value.items())
    return isinstance(value, list) and any(map(has_variable_as_key, value))
