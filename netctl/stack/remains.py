"""What is left of a stack without its malformed declarations, for what is wrong with the others to be found, too."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from netctl.stack.yaml_events import Path

_REFERRED_TO = {"subnets", "networks", "overlays", "services", "tiers", "policies"}
"""Mappings whose declarations are known to others by their names."""
_BY_THEMSELVES = {"version", "dns", "failsafe", "consul", "kv", "routes", "rules", "expect"}
"""Sections that nothing refers to. Of a list no entry can be left out, which would give the others other places."""
_STAND_IN = "stack"


class Remains(NamedTuple):
    """The well-formed declarations, and the names of those that were left out."""

    content: dict[str, Any]
    left_out: frozenset[str]


def remains(content: dict[str, Any], wrong: Iterable[Path]) -> Remains | None:
    """The content without the declarations that the paths lead into; None where too little can be known of the rest."""
    kept, left_out = dict(content), set()
    for path in wrong:
        section = str(path[0]) if path else ""
        if section == "stack" or not path:
            kept["stack"] = _STAND_IN
        elif section in _BY_THEMSELVES:
            kept.pop(section, None)
        elif section in _REFERRED_TO and len(path) > 1 and isinstance(kept[section], dict):
            kept[section] = {name: value for name, value in kept[section].items() if name != path[1]}
            left_out.add(str(path[1]))
        else:  # the hosts, on which all depends; a section that is none; or a key that may be meant for any section
            return None
    return Remains(kept, frozenset(left_out))
