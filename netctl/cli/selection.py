"""Which resources the words of a command line mean."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from netctl.engine.resource import Key


def matching(key: Key, wanted: Sequence[str]) -> bool:
    """Whether *key* is among what is *wanted*: by kind, by address, or by a pattern of addresses; any without words."""
    address = str(key)
    return not wanted or any(
        word in {key.kind, f"{key.kind}s", f"{key.system}/{key.kind}"} or fnmatchcase(address, word) for word in wanted
    )
