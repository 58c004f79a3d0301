"""Kernel parameters of interfaces that netctl does not own, and of the namespace.

The mark of a sysctl is an altname on its interface (``lo`` for the namespace's own) that holds the stack and the
value found before: ``netctl:shop:net.ipv4.conf.eth0.forwarding=0``. With the last mark gone the value is put back.

The settings of bridges that others have made are treated alike: ``bridge.docker0.nf_call_iptables``.
"""

from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.link import SYSTEM

BRIDGE = "bridge"
"""What the names of bridges' own settings begin with."""


def sysctl_key(name: str) -> Key:
    """The key of a parameter by its dotted name; a dot within an interface's name is written as a slash."""
    return Key(SYSTEM, "sysctl", name)


def bridge_setting(bridge: str, setting: str) -> str:
    """The name of a setting of a bridge's own: ``nf_call_iptables`` or ``nf_call_ip6tables``."""
    return f"{BRIDGE}.{bridge.replace('.', '/')}.{setting}"


def is_bridge_setting(name: str) -> bool:
    """Whether a parameter of that name is a bridge's."""
    return name.startswith(f"{BRIDGE}.")


class Sysctl(NamedTuple):
    """One parameter, e.g. ``net.ipv4.conf.eth0.forwarding``, and the interface that carries its mark."""

    name: str
    link: str
    value: str | None = None


SYSCTL = Kind(SYSTEM, "sysctl", shared=True, identity=frozenset({"name", "link"}))
