"""Settings of bridges that others have made, under names like those of sysctls: ``bridge.br0.nf_call_iptables``.

The kernel has them in sysfs too, which shows the namespace that it was mounted in. Netlink tells of any.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping

from netctl.kinds.sysctl import BRIDGE
from reconcilers.kernel import wire
from reconcilers.kernel.bridge_filter import bridges_filter
from reconcilers.kernel.if_link import (
    IFLA_BR_NF_CALL_IP6TABLES,
    IFLA_BR_NF_CALL_IPTABLES,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
)
from reconcilers.kernel.links import Row
from reconcilers.kernel.rtnetlink import Request

_ATTRIBUTES = {"nf_call_iptables": IFLA_BR_NF_CALL_IPTABLES, "nf_call_ip6tables": IFLA_BR_NF_CALL_IP6TABLES}


def read_bridge_settings(names: Iterable[str], links: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    """The values, ``0`` or ``1``, by name; of what is no bridge there are none."""
    for name in names:
        bridge, setting = _parts(name)
        row = links.get(bridge)
        if row is not None and row.kind == "bridge":
            is_set = wire.read_number(row.details.get(_ATTRIBUTES[setting]))
            yield name, "1" if is_set and bridges_filter() else "0"


def set_bridge_setting(name: str, value: str, index: int) -> Request:
    """Give the bridge with that index a setting's value."""
    attribute = _ATTRIBUTES[_parts(name)[1]]
    details = wire.attribute(attribute, int(value).to_bytes(1, sys.byteorder))
    info = wire.nested(IFLA_LINKINFO, wire.text(IFLA_INFO_KIND, "bridge"), wire.nested(IFLA_INFO_DATA, details))
    return Request(wire.RTM_NEWLINK, 0, wire.IFINFO.pack(0, 0, index, 0, 0) + info)


def _parts(name: str) -> tuple[str, str]:
    """The bridge and the setting that a name is made of."""
    bridge, _, setting = name.removeprefix(f"{BRIDGE}.").rpartition(".")
    return bridge.replace("/", "."), setting
