"""Which resources the words of a command line mean."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from netctl.engine.resource import Key


def matching(key: Key, wanted: Sequence[str]) -> bool:
    """Whether *key* is *wanted*: by kind, by address or its last part, by a pattern of these; any without words."""
    names = (str(key), key.id)
    return not wanted or any(
        word in {key.kind, f"{key.kind}s", f"{key.system}/{key.kind}"} or any(fnmatchcase(name, word) for name in names)
        for word in wanted
    )
