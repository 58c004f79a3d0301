"""The mark of a service or a node, and the definitions of checks, among metadata.

    netctl-stack        shop
    netctl-declaration  services.web
    netctl-id           shop:web:10.10.0.20       the object that the mark is on: a copied one is ignored
    netctl-checks       [["shop:web:10.10.0.20:http", "http", {"HTTP": "http://…", "Interval": "10s"}]]

A value has 512 bytes at most; what is longer goes on in ``netctl-checks-1``, ``netctl-checks-2``.
"""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii

from netctl.engine.resource import Owner
from netctl.kinds.consul import (
    CHECKS_META,
    DECLARATION_META,
    ID_META,
    LONGEST_META,
    OWN_META,
    STACK_META,
    Check,
    Pairs,
    Sealed,
)


def marked(meta: Mapping[str, str], ident: str, owner: Owner | None, checks: tuple[Check, ...] = ()) -> dict[str, str]:
    """The metadata with the mark, and with the definitions; without an owner, only what is not netctl's."""
    plain = {key: value for key, value in meta.items() if not key.startswith(OWN_META)}
    if owner is None:
        return plain
    mark = {STACK_META: owner.stack, DECLARATION_META: owner.declaration[:LONGEST_META], ID_META: ident}
    return plain | mark | definitions(checks)


def owner_of(meta: Mapping[str, str], ident: str) -> Owner | None:
    """Whose something is; None where it bears no mark, or one of something else."""
    if not meta.get(STACK_META) or meta.get(ID_META) != ident:
        return None
    return Owner(meta[STACK_META], meta.get(DECLARATION_META, ""))


def unmarked(meta: Mapping[str, str]) -> Pairs:
    """The metadata without what is netctl's."""
    return tuple(sorted((key, value) for key, value in meta.items() if not key.startswith(OWN_META)))


def defined_checks(meta: Mapping[str, str], expected: tuple[Check, ...] = ()) -> tuple[Check, ...]:
    """The checks that the metadata define; none where they cannot be read. Those *expected* are known at sight."""
    written = "".join(_pieces(meta))
    if expected and written == _written(expected):
        return expected
    try:
        return tuple(
            Check(str(ident), str(kind), tuple(sorted((str(name), _stored(value)) for name, value in settings.items())))
            for ident, kind, settings in json.loads(written or "[]")
        )
    except (ValueError, TypeError, AttributeError):
        return ()


def _pieces(meta: Mapping[str, str]) -> list[str]:
    found = []
    name = CHECKS_META
    while name in meta:
        found.append(meta[name])
        name = f"{CHECKS_META}-{len(found)}"
    return found


def definitions(checks: tuple[Check, ...]) -> dict[str, str]:
    """The metadata that defines the checks."""
    if not checks:
        return {}
    written = _written(checks)
    if len(written) <= LONGEST_META:
        return {CHECKS_META: written}
    pieces = [written[start : start + LONGEST_META] for start in range(0, len(written), LONGEST_META)]
    return {CHECKS_META + (f"-{index}" if index else ""): piece for index, piece in enumerate(pieces)}


def _written(checks: tuple[Check, ...]) -> str:
    """The definitions in JSON, of which the settings' values are parts already."""
    return f"[{','.join(map(_definition, checks))}]"


def _definition(check: Check) -> str:
    settings = ",".join([f'"{name}":{_storable(value)}' for name, value in check.settings])
    return f'[{encode_basestring_ascii(check.id)},"{check.type}",{{{settings}}}]'


def _storable(value: str) -> str:
    return f'"{value}"' if value.startswith(Sealed.PREFIX) else value


def _stored(value: object) -> str:
    if isinstance(value, str) and value.startswith(Sealed.PREFIX):
        return value
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
