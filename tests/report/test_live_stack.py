"""Live resources as a declaration."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from netctl.compiler import validate
from netctl.engine.resource import Attributes, Key, Live
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Macvlan, OtherLink, Port, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.route import NextHop, Route
from netctl.kinds.rule import Rule
from netctl.report.live_stack import LiveStack, live_stack
from netctl.report.yaml_text import yaml_text
from netctl.stack.loader import load

MAC = "02:00:00:00:00:01"


def found(*attributes: Attributes) -> LiveStack:
    """The stack for live resources with these attributes; their keys do not matter."""
    return live_stack([Live(Key("kernel", "any", str(n)), each) for n, each in enumerate(attributes)], "imported")


def test_a_bridge_is_a_network_with_its_addresses_as_subnet_and_gateway() -> None:
    result = found(
        Bridge("", "br0", mtu=1450, mac=MAC, stp=True),
        Address("", "br0", "10.1.0.1/24"),
        Address("", "br0", "fd00::1/64"),
        Address("", "br0", "10.2.0.1/24"),
        Port("", "eth1", "br0"),
    )
    assert result.content["networks"] == {
        "br0": {
            "driver": "bridge",
            "interface_name": "br0",
            "mtu": 1450,
            "mac": MAC,
            "stp": True,
            "subnet": {"cidr": ["10.1.0.0/24", "fd00::/64"], "gateway": ["10.1.0.1", "fd00::1"]},
            "nat": "none",
            "attach": [{"interface": "eth1"}],
        }
    }
    assert result.remarks == ["br0 has the further address 10.2.0.1/24; a network has one of a family"]


def test_a_namespace_on_a_bridge_is_attached_as_it_is() -> None:
    result = found(
        Bridge("", "br0"),
        Address("", "br0", "10.1.0.1/24"),
        Veth("", "vweb", master="br0", peer="web/eth0"),
        VethPeer("web", "eth0", mac=MAC),
        Address("web", "eth0", "10.1.0.20/24"),
        Veth("", "vdb", master="br0", peer="db/eth7"),
        Veth("", "vlost", master="br0", peer=""),
        Port("", "vlost", "br0", True),
        OtherLink("", "tap0", "tun"),
        Port("", "tap0", "br0", True),
    )
    assert result.content["networks"]["br0"]["attach"] == [
        {
            "netns": "web",
            "interface": "eth0",
            "host_interface": "vweb",
            "address": "10.1.0.20",
            "mac": MAC,
            "default_route": False,
            "anti_spoofing": False,
        },
        {"netns": "db", "interface": "eth7", "host_interface": "vdb", "anti_spoofing": False},
        {"interface": "vlost"},
        {"interface": "tap0"},
    ]
    assert result.remarks == ["db/eth7 has no address of 10.1.0.0/24, and would be given one"]


def test_an_attachment_keeps_its_mtu_and_its_default_route_by_the_bridge() -> None:
    result = found(
        Bridge("", "br0", mtu=1400),
        Address("", "br0", "10.1.0.1/24"),
        *(Veth("", f"v{name}", mtu=mtu, master="br0", peer=f"{name}/eth0") for name, mtu in (("a", 1500), ("b", 1400))),
        *(VethPeer(name, "eth0") for name in "ab"),
        *(Address(name, "eth0", f"10.1.0.{last}/24") for name, last in (("a", 20), ("b", 21))),
        Route("a", "0.0.0.0/0", gateway="10.1.0.1", device="eth0"),
        Route("b", "0.0.0.0/0", gateway="10.1.0.9", device="eth0"),
    )
    one, other = result.content["networks"]["br0"]["attach"]
    assert (one["mtu"], "default_route" in one) == (1500, False)
    assert ("mtu" in other, other["default_route"]) == (False, False)


def test_a_vxlan_device_in_a_bridge_is_a_bridged_overlay_with_its_peers_as_hosts() -> None:
    result = found(
        Bridge("", "br-pods"),
        Address("", "br-pods", "10.42.0.1/24"),
        Vxlan("", "vx42", master="br-pods", vni=42, local="192.0.2.11", port=8472),
        FdbEntry("vx42", FLOOD_MAC, "192.0.2.12"),
        FdbEntry("vx42", FLOOD_MAC, "192.0.2.13"),
    )
    assert result.content["hosts"] == {
        "this-host": {"id": 1, "address": "192.0.2.11"},
        "peer-1": {"id": 2, "address": "192.0.2.12"},
        "peer-2": {"id": 3, "address": "192.0.2.13"},
    }
    assert result.content["overlays"]["br-pods"]["vni"] == 42
    assert result.content["overlays"]["br-pods"]["port"] == 8472
    assert "networks" not in result.content


def test_macvlans_on_one_parent_are_one_network() -> None:
    result = found(
        Macvlan("a", "eth0", parent="eth9", mode="private", mac=MAC),
        Address("a", "eth0", "192.0.2.30/24"),
        Macvlan("b", "lan0", parent="eth9", mode="private", mac="02:00:00:00:00:02"),
    )
    network = result.content["networks"]["eth9-macvlan"]
    assert network["subnet"] == {"cidr": "192.0.2.0/24"}
    assert [entry["netns"] for entry in network["attach"]] == ["a", "b"]


def test_routes_and_rules_keep_what_is_not_the_default() -> None:
    result = found(
        Route("", "10.0.0.0/8", gateway="10.1.0.254", device="br0"),
        Route("", "0.0.0.0/0", 100, 50, "unicast", "", "eth0"),
        Route("", "10.5.0.0/16", type="blackhole"),
        Route("", "fd00:9::/64", metric=1024, nexthops=(NextHop("fd00::7", "br0"), NextHop("fd00::8", "br0", 3))),
        Route("inside", "10.6.0.0/16", device="eth0"),
        Rule(4, 1000, source="10.1.0.0/16", table=100),
        Rule(6, 1001, iif="eth0", mark=1, mask=255, action="prohibit"),
    )
    assert result.content["routes"] == [
        {"to": "10.0.0.0/8", "via": "10.1.0.254", "dev": "br0"},
        {"to": "default", "family": 4, "dev": "eth0", "table": 100, "metric": 50},
        {"to": "10.5.0.0/16", "type": "blackhole"},
        {
            "to": "fd00:9::/64",
            "nexthops": [{"via": "fd00::7", "dev": "br0"}, {"via": "fd00::8", "dev": "br0", "weight": 3}],
        },
    ]
    assert result.content["rules"] == [
        {"priority": 1000, "from": "10.1.0.0/16", "table": 100},
        {"priority": 1001, "iif": "eth0", "mark": 1, "mask": 255, "action": "prohibit", "family": 6},
    ]


def test_what_the_language_cannot_say_is_told() -> None:
    result = found(
        OtherLink("", "bond0", "bond"),
        Vxlan("", "vx1", vni=1, local="192.0.2.1"),
        Veth("", "v0"),
        Neighbour("vx1", "10.0.0.2", MAC),
        Macvlan("", "mv0", parent="eth0"),
    )
    assert list(result.content) == ["stack"]
    assert [remark.split()[0] for remark in result.remarks] == ["mv0", "bond0", "vx1", "v0", "1"]


def test_two_interfaces_never_get_one_name() -> None:
    result = found(Bridge("", "nc-web"), Bridge("", "WEB"), Bridge("", "web"), Bridge("", "..."))
    assert list(result.content["networks"]) == ["web", "web-2", "web-3", "network"]


def test_the_text_is_a_valid_stack(tmp_path: Path) -> None:
    result = found(
        Bridge("", "br0", mac=MAC),
        Address("", "br0", "10.1.0.1/24"),
        Address("", "br0", "fd00::1/64"),
        Veth("", "vweb", master="br0", peer="web/eth0"),
        VethPeer("web", "eth0", mac="02:00:00:00:00:02"),
        Address("web", "eth0", "10.1.0.20/24"),
        Route("", "172.16.0.0/12", gateway="10.1.0.254", device="br0"),
        Rule(4, 1000, source="10.1.0.0/16", table=100),
    )
    path = tmp_path / "stack.yaml"
    path.write_text(yaml_text(result.content, result.remarks))
    loaded = load([str(path)])
    assert validate(loaded.stack, loaded) == []


scalars = st.one_of(st.text(), st.integers(), st.booleans(), st.none())


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.recursive(scalars, lambda of: st.lists(of) | st.dictionaries(st.text(), of), max_leaves=8),
    ),
    st.lists(st.text()),
)
def test_whatever_is_written_as_yaml_is_read_back_the_same(content: dict[str, Any], comments: list[str]) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.reader import ReaderError

    text = yaml_text(content, comments)
    with suppress(ReaderError):  # characters that YAML does not allow in any form
        assert (YAML(typ="safe", pure=True).load(text) or {}) == content
