"""Names and MAC addresses of what the stack makes: functions of the declaration alone, the same on every host."""

import re
from base64 import b32encode
from hashlib import sha256
from typing import NamedTuple

MAX_NAME = 15
"""Bytes of an interface's name (IFNAMSIZ less the NUL)."""
MAX_ALTNAME = 127
"""Bytes of an alternative name (ALTIFNAMSIZ less the NUL)."""

_PREFIX = "nc-"
_START = 5
_HASH = 6
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class InterfaceName(NamedTuple):
    """An interface's name, and the full one where that did not fit."""

    name: str
    altnames: tuple[str, ...] | None = None
    """None: not managed."""


def interface_name(part: str, declared: str | None = None) -> InterfaceName:
    """``nc-<part>``; where that is over 15 bytes, or has what a name cannot have, its start and 30 bits of a hash.

    >>> interface_name("frontend")
    InterfaceName(name='nc-frontend', altnames=None)
    >>> interface_name("frontend-web-1")
    InterfaceName(name='nc-front-b7zz6i', altnames=('nc-frontend-web-1',))
    """
    if declared is not None:
        return InterfaceName(declared)
    full = _PREFIX + part
    safe = _UNSAFE.sub("-", full)
    if len(full) <= MAX_NAME and safe == full:
        return InterfaceName(full)
    digest = b32encode(sha256(part.encode()).digest()[:5]).decode().lower()[:_HASH]
    start = safe[len(_PREFIX) : len(_PREFIX) + _START]
    return InterfaceName(f"{_PREFIX}{start}-{digest}", (full,) if safe == full and len(full) <= MAX_ALTNAME else None)


def mac(*identity: str) -> str:
    """A locally administered unicast MAC address: ``02:`` and 40 bits of a hash of *identity*."""
    digest = sha256("\0".join(identity).encode()).hexdigest()
    return f"02:{digest[:2]}:{digest[2:4]}:{digest[4:6]}:{digest[6:8]}:{digest[8:10]}"
