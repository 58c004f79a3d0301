"""What a twin is made of, by its declaration alone."""

from collections.abc import Sequence

from netctl.twin.blueprint import Blueprint, HostPlan, draw
from netctl.twin.examination import examine_policies
from tests.policy.stacks import loaded as load_text

TWO = """
stack: shop
hosts:
  node1: {{id: 1, address: {one}, interface: eth0}}
  node2: {{id: 2, address: {two}, interface: eth0}}
networks:
  front: {{subnet: {{cidr: 10.10.0.0/24}}, hosts: [node1], attach: [{{netns: web, address: 10.10.0.20}}]}}
"""
ALONE = """
stack: shop
networks: {{front: {{subnet: {{cidr: {cidr}}}, attach: [{{netns: web, address: "{address}"}}]}}}}
"""


def drawn(text: str, outside: Sequence[str] = ()) -> Blueprint:
    loaded = load_text(text)
    examination = examine_policies(loaded.stack, loaded)
    return draw(examination.topology, examination.policies.endpoints, outside)


def interfaces(host: HostPlan) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {interface.name: (interface.link, interface.addresses) for interface in host.interfaces}


def test_two_hosts_whose_addresses_share_24_bits_are_on_one_link() -> None:
    blueprint = drawn(TWO.format(one="192.0.2.11", two="192.0.2.12"))
    one, two = blueprint.hosts
    assert interfaces(one) == {"eth0": (0, ("192.0.2.11/24",))}
    assert interfaces(two) == {"eth0": (0, ("192.0.2.12/24",))}
    assert blueprint.links == (("192.0.2.1/24",),)
    assert one.gateways == two.gateways == ("192.0.2.1",)
    assert (one.attached, two.attached) == (("web",), ())


def test_others_are_on_links_of_their_own_with_a_router_between() -> None:
    blueprint = drawn(TWO.format(one='"2001:db8:1::11"', two='"2001:db8:2::12"'))
    assert [len(addresses) for addresses in blueprint.links] == [2, 2], "both families: the network is of IPv4"
    assert {host.interfaces[0].link for host in blueprint.hosts} == {0, 1}
    assert "2001:db8:1::1/64" in blueprint.links[0]
    assert "2001:db8:2::1/64" in blueprint.links[1]


def test_the_router_knows_the_way_to_every_endpoint_by_its_host() -> None:
    ways = dict(drawn(TWO.format(one="192.0.2.11", two="192.0.2.12")).ways)
    assert ways == {"10.10.0.20": "192.0.2.11", "10.10.0.1": "192.0.2.11"}


def test_an_address_that_two_hosts_have_has_no_way() -> None:
    text = TWO.format(one="192.0.2.11", two="192.0.2.12").replace("hosts: [node1], ", "")
    assert drawn(text).ways == ()


def test_the_router_leaves_its_first_address_to_a_host_that_has_it() -> None:
    assert drawn(TWO.format(one="192.0.2.1", two="192.0.2.12")).links == (("192.0.2.2/24",),)


def test_a_stack_without_hosts_is_one_host_on_a_prefix_that_it_does_not_use() -> None:
    (host,) = drawn(ALONE.format(cidr="192.0.2.0/24", address="192.0.2.20")).hosts
    assert host.name == ""
    assert interfaces(host) == {"eth0": (0, ("198.51.100.11/24",))}


def test_families_that_nothing_speaks_are_left_out() -> None:
    (host,) = drawn(ALONE.format(cidr='"fd00:10::/64"', address="fd00:10::20")).hosts
    assert [address.partition("/")[2] for address in host.interfaces[0].addresses] == ["64"]


def test_next_hops_are_the_routers_and_the_host_is_on_their_link() -> None:
    blueprint = drawn(
        ALONE.format(cidr="10.10.0.0/24", address="10.10.0.20")
        + "routes: [{to: default, via: 203.0.113.1, dev: eth1}, {to: 172.31.0.0/16, via: 10.10.0.20}]\n"
    )
    (host,) = blueprint.hosts
    link, addresses = interfaces(host)["eth1"]
    assert addresses == ("203.0.113.254/24",)
    assert blueprint.links[link] == ("203.0.113.1/24",)
    assert host.gateways == (), "the default route is the stack's"


def test_a_next_hop_by_link_local_address_is_the_routers_on_that_link() -> None:
    text = ALONE.format(cidr='"fd00:10::/64"', address="fd00:10::20")
    blueprint = drawn(text + 'routes: [{to: "2001:db8:ffff::/48", via: "fe80::1", dev: eth1}]\n')
    (host,) = blueprint.hosts
    link, addresses = interfaces(host)["eth1"]
    assert (addresses, blueprint.links[link]) == ((), ("fe80::1/64",))


def test_a_next_hop_that_is_another_host_is_not_the_routers() -> None:
    blueprint = drawn(
        TWO.format(one="192.0.2.11", two="192.0.2.12")
        + "routes: [{to: 172.31.0.0/16, via: 192.0.2.12, hosts: [node1]}]\n"
    )
    assert blueprint.links == (("192.0.2.1/24",),)


def test_ports_of_a_bridge_share_a_link_over_all_hosts_and_have_no_addresses() -> None:
    text = TWO.format(one="192.0.2.11", two="192.0.2.12")
    one, two = drawn(text + "  lan: {attach: [{interface: eth1}]}\n").hosts
    assert interfaces(one)["eth1"] == interfaces(two)["eth1"] == (1, ())


def test_a_macvlan_is_on_its_parents_link_with_the_gateway_that_it_names() -> None:
    blueprint = drawn(
        "stack: shop\nnetworks:\n  lan: {driver: macvlan, parent: eth0, "
        "subnet: {cidr: 172.20.0.0/16, gateway: 172.20.0.7}, attach: [{netns: tv, address: 172.20.0.1}]}\n"
    )
    (host,) = blueprint.hosts
    assert blueprint.links == (("172.20.0.7/16",),)
    assert host.interfaces[0].addresses[0].startswith("172.20.")
    assert host.gateways == ("172.20.0.7",)
    assert blueprint.ways == (), "it is on the router's own link"


def test_a_macvlan_on_an_interface_that_is_not_the_underlay_gives_its_host_no_address_there() -> None:
    blueprint = drawn(
        "stack: shop\nnetworks:\n  lan: {driver: macvlan, parent: eth1, "
        "subnet: {cidr: 172.20.0.0/16, gateway: 172.20.0.7}, attach: [{netns: tv}]}\n"
    )
    link, addresses = interfaces(blueprint.hosts[0])["eth1"]
    assert (addresses, blueprint.links[link]) == ((), ("172.20.0.7/16",))


def test_outside_is_what_can_be_somebodys_elsewhere() -> None:
    text = TWO.format(one="192.0.2.11", two="192.0.2.12")
    asked = ["203.0.113.1", "0.0.0.1", "127.0.0.1", "224.0.0.1", "169.254.0.1", "10.10.0.77", "2001:db8::1", "fe80::1"]
    assert drawn(text, asked).outside == ("2001:db8::1", "203.0.113.1")


def test_no_two_have_one_address() -> None:
    hosts = "\n".join(f"  n{number}: {{id: {number}, address: 192.0.2.{number}}}" for number in range(1, 60))
    blueprint = drawn(f"stack: shop\nhosts:\n{hosts}\nnetworks: {{a: {{subnet: {{cidr: 'fd00::/64'}}}}}}\n")
    addresses = [text for host in blueprint.hosts for plug in host.interfaces for text in plug.addresses]
    addresses += [text for link in blueprint.links for text in link]
    assert len(addresses) == len(set(addresses)) == 2 * 59 + 2
