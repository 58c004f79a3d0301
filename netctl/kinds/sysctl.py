"""Kernel parameters of interfaces that netctl does not own, and of the namespace.

The mark of a sysctl is an altname on its interface (``lo`` for the namespace's own) that holds the stack and the
value found before: ``netctl:shop:net.ipv4.conf.eth0.forwarding=0``. With the last mark gone the value is put back.
"""

from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.link import SYSTEM


def sysctl_key(name: str) -> Key:
    """The key of a parameter by its dotted name; a dot within an interface's name is written as a slash."""
    return Key(SYSTEM, "sysctl", name)


class Sysctl(NamedTuple):
    """One parameter, e.g. ``net.ipv4.conf.eth0.forwarding``, and the interface that carries its mark."""

    name: str
    link: str
    value: str | None = None


SYSCTL = Kind(SYSTEM, "sysctl", shared=True, identity=frozenset({"name", "link"}))
