"""The registry of diagnostic codes: each code's title, what it means and what to do.

Codes are stable: one that is no longer given is not used again. ``docs/errors.md`` is generated from this table.

    NC101-NC110   reading files
    NC111-NC119   the shape of a declaration (its schema)
    NC121-NC129   YAML
    NC131-NC139   `include`
    NC141-NC149   variables
    NC2xx         what a stack means: references, addresses, overlaps
    NC3xx         what concerns the live host
    NC4xx         plans and ownership
    NC5xx         applying
"""

from collections.abc import Mapping
from types import MappingProxyType

from netctl.codes.balancing import BALANCING
from netctl.codes.code import Code
from netctl.codes.consul import CONSUL
from netctl.codes.host import HOST
from netctl.codes.language import INCLUDE, READING, SCHEMA, VARIABLES, YAML
from netctl.codes.meaning import MEANING
from netctl.codes.operation import APPLYING, PLANNING
from netctl.codes.policies import POLICIES

__all__ = ["CODES", "Code"]

CODES: Mapping[str, Code] = MappingProxyType(
    {
        **READING,
        **SCHEMA,
        **YAML,
        **INCLUDE,
        **VARIABLES,
        **MEANING,
        **POLICIES,
        **BALANCING,
        **CONSUL,
        **HOST,
        **PLANNING,
        **APPLYING,
    }
)
