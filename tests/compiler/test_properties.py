"""What must hold of every stack: the order of declarations changes nothing, and all hosts work out the same plan."""

import random
from ipaddress import ip_interface, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.compiler import compile_stack, validate
from netctl.engine.resource import Desired
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Veth, Vxlan
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from tests.compiler.stacks import PLACES, kernel_resources, stack_of

_SETTINGS = settings(max_examples=60, deadline=None)


@st.composite
def _stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Stacks of a few hosts with a bridge network, a macvlan network, a routed and a bridged overlay."""
    ids = draw(st.lists(st.integers(1, 60), min_size=2, max_size=5, unique=True))
    hosts = {f"node{number}": {"id": number, "address": f"192.0.2.{number}"} for number in ids}
    names = sorted(hosts)
    count = st.integers(0, 12)

    def attach(prefix: str, number: int) -> list[dict[str, Any]]:
        found = []
        for index in range(number):
            entry: dict[str, Any] = {"netns": f"{prefix}{index}"}
            if draw(st.booleans()):
                entry["hosts"] = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
            found.append(entry)
        return found

    families = draw(st.sampled_from([("v4",), ("v6",), ("v4", "v6")]))

    def subnet(v4: str, v6: str, **more: Any) -> dict[str, Any]:
        chosen = [cidr for family, cidr in (("v4", v4), ("v6", v6)) if family in families]
        lengths = [length for family, length in (("v4", 26), ("v6", 64)) if family in families]
        return {"cidr": chosen, **({"per_host": lengths} if more.get("per_host") else {})}

    return {
        "hosts": hosts,
        "subnets": {
            "web": subnet("10.1.0.0/26", "fd00:1::/64"),
            "lan": subnet("10.2.0.0/24", "fd00:2::/64"),
            "pods": subnet("10.3.0.0/16", "fd00:3::/48", per_host=True),
            "flat": subnet("10.4.0.0/24", "fd00:4::/120"),
        },
        "networks": {
            "web": {"subnet": "web", "attach": attach("w", draw(count))},
            "lan": {"driver": "macvlan", "parent": "eth0", "subnet": "lan", "attach": attach("l", draw(count))},
        },
        "overlays": {
            "pods": {"vni": 1, "subnet": "pods", "attach": attach("p", draw(count))},
            "flat": {"vni": 2, "mode": "bridged", "subnet": "flat", "attach": attach("f", draw(count))},
        },
    }


def _shuffled(value: Any, chance: random.Random) -> Any:
    """The same declarations in another order, all the way down."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        entries = [_shuffled(entry, chance) for entry in value]
        chance.shuffle(entries)
        return entries
    return value


def _everywhere(declared: dict[str, Any]) -> dict[str, dict[str, Desired]]:
    stack = stack_of(declared)
    return {host: kernel_resources(stack, host) for host in sorted(declared["hosts"])}


@_SETTINGS
@given(_stacks(), st.randoms(use_true_random=False))
def test_the_order_of_declarations_changes_neither_the_resources_nor_their_order(
    declared: dict[str, Any], chance: random.Random
) -> None:
    shuffled = stack_of(_shuffled(declared, chance))
    stack = stack_of(declared)
    for host in declared["hosts"]:
        straight = compile_stack(stack, PLACES, host, None).resources
        assert list(straight.items()) == list(compile_stack(shuffled, PLACES, host, None).resources.items())


@_SETTINGS
@given(_stacks())
def test_a_sound_stack_has_no_diagnostics(declared: dict[str, Any]) -> None:
    assert validate(stack_of(declared), PLACES) == []


@_SETTINGS
@given(_stacks())
def test_every_address_is_in_its_subnet_and_has_one_owner_on_its_segment(declared: dict[str, Any]) -> None:
    seen: set[tuple[str, ...]] = set()
    for host, resources in _everywhere(declared).items():
        for want in resources.values():
            if not isinstance(want.attributes, Address) or want.attributes.link.endswith("vxlan"):
                continue
            name = want.origin.declaration.partition(".")[2]
            address = ip_interface(want.attributes.address)
            prefixes = [ip_network(cidr) for cidr in declared["subnets"][name]["cidr"]]
            own = [prefix for prefix in prefixes if prefix.version == address.version]
            assert own
            assert address.ip in own[0]
            assert address.ip != address.network.network_address
            assert address.version == 6 or address.ip != address.network.broadcast_address
            segment = host if name == "web" else "all"
            assert (segment, name, str(address.ip)) not in seen
            seen.add((segment, name, str(address.ip)))


@_SETTINGS
@given(_stacks())
def test_what_a_host_believes_of_its_peers_is_what_they_are(declared: dict[str, Any]) -> None:
    plans = _everywhere(declared)
    macs = {host: _tunnel(plans[host], "nc-pods-vxlan").mac for host in plans}
    addresses = {host: declared["hosts"][host]["address"] for host in plans}
    for host, resources in plans.items():
        others = {name: mac for name, mac in macs.items() if name != host}
        entries = [want.attributes for want in resources.values() if isinstance(want.attributes, FdbEntry)]
        pods = {entry.mac: entry.destination for entry in entries if entry.mac != FLOOD_MAC}
        assert pods == {mac: addresses[name] for name, mac in others.items()}
        assert {entry.destination for entry in entries if entry.mac == FLOOD_MAC} == {addresses[n] for n in others}
        neighbours = [want.attributes for want in resources.values() if isinstance(want.attributes, Neighbour)]
        for neighbour in neighbours:
            owner = next(name for name, mac in macs.items() if mac == neighbour.mac)
            length = 128 if ":" in neighbour.address else 32
            assert f"address nc-pods-vxlan {neighbour.address}/{length}" in plans[owner]


@_SETTINGS
@given(_stacks(), st.data())
def test_a_host_that_leaves_takes_only_its_own_entries_along(declared: dict[str, Any], data: st.DataObject) -> None:
    leaving = data.draw(st.sampled_from(sorted(declared["hosts"])))
    overlay = {"overlays": {"pods": {"vni": 1, "subnet": "pods"}}, "subnets": declared["subnets"]}
    before = _everywhere({**overlay, "hosts": declared["hosts"]})
    hosts = {name: host for name, host in declared["hosts"].items() if name != leaving}
    after = _everywhere({**overlay, "hosts": hosts}) if hosts else {}
    families = len(declared["subnets"]["pods"]["cidr"])
    for host, resources in after.items():
        assert resources.items() <= before[host].items()
        assert len(before[host]) - len(resources) == 1 + 2 * families, "an fdb entry; a neighbour and a route each"


@_SETTINGS
@given(st.lists(st.text("abcdefghijkl-0123456789", min_size=1, max_size=40), min_size=1, max_size=20, unique=True))
def test_every_interface_name_fits_the_kernel_and_keeps_its_full_name(names: list[str]) -> None:
    networks = {f"a{name}z": {"attach": [{"netns": f"ns {name}"}]} for name in names}
    resources = kernel_resources(stack_of({"networks": networks}))
    links = [want.attributes for want in resources.values() if isinstance(want.attributes, Bridge | Veth)]
    assert len({link.name for link in links}) == 2 * len(names)
    for link in links:
        assert len(link.name.encode()) <= 15
        assert not set(link.name) & set(" /:%")
        assert link.altnames is None or all(name.startswith("nc-") for name in link.altnames)
    bridges = {name for link in links if isinstance(link, Bridge) for name in (link.altnames or (link.name,))}
    assert bridges == {f"nc-{name}" for name in networks}


def _tunnel(resources: dict[str, Desired], name: str) -> Vxlan:
    attributes = resources[f"link {name}"].attributes
    assert isinstance(attributes, Vxlan)
    return attributes
