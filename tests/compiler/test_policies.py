"""Policies resolved: the endpoints that there are, what selectors and names of ports mean, who is asked first."""

import random
from typing import Any

import pytest

from netctl.compiler.policies import Resolution, resolve_policies
from netctl.compiler.policies.selection import prefixes_in, region_of
from netctl.compiler.topology import resolve
from netctl.kinds.address import Address
from netctl.kinds.link import Veth, VethPeer
from netctl.policy.model import Endpoint, PolicySet, PortRange, Protocol
from netctl.stack.policy_models import Selector
from tests.compiler.stacks import PLACES, kernel_resources, stack_of

HTTP = PortRange(Protocol.TCP, 80, 80)

SHOP: dict[str, Any] = {
    "hosts": {
        "node1": {"id": 1, "address": "192.0.2.11", "labels": {"zone": "a"}},
        "node2": {"id": 2, "address": "192.0.2.12", "labels": {"zone": "b"}},
    },
    "subnets": {"pods": {"cidr": "10.42.0.0/16", "per_host": 24}, "lan": {"cidr": ["10.10.0.0/24", "fd00:10::/64"]}},
    "networks": {
        "front": {
            "subnet": "lan",
            "hosts": ["node1"],
            "attach": [
                {"netns": "web", "address": "10.10.0.20", "labels": {"app": "web"}, "ports": {"http": "80/tcp"}},
                {"netns": "web", "interface": "eth1", "default_route": False},
            ],
        },
        "phys": {"driver": "macvlan", "parent": "eth0", "subnet": {"cidr": "10.9.0.0/24"}, "attach": [{"netns": "m"}]},
        "own": {"driver": "host", "hosts": ["node2"]},
    },
    "overlays": {
        "pods": {"vni": 1, "subnet": "pods", "attach": [{"netns": "job", "labels": {"app": "job"}}]},
        "flat": {
            "vni": 2,
            "mode": "bridged",
            "subnet": {"cidr": "10.7.0.0/24"},
            "nat": "none",
            "attach": [{"netns": "x", "hosts": ["node1"]}, {"netns": "x", "hosts": ["node2"]}],
        },
    },
}


def _resolution(**more: Any) -> Resolution:
    return resolve_policies(resolve(stack_of({**SHOP, **more})), PLACES)


def _policies(**more: Any) -> PolicySet:
    return _resolution(**more).policies


def _endpoints(**more: Any) -> dict[str, Endpoint]:
    return dict(_policies(**more).endpoints)


def _selected(selector: dict[str, Any], **more: Any) -> list[str]:
    return sorted(_resolution(**more).selection.select(Selector.model_validate(selector)))


def test_every_endpoint_of_every_host_has_a_name_of_its_own() -> None:
    assert list(_endpoints()) == [
        "flat/x@node1", "flat/x@node2", "front/web", "front/web/eth1", "host/node1", "host/node2",
        "phys/m@node1", "phys/m@node2", "pods/job@node1", "pods/job@node2",
    ]  # fmt: skip


def test_a_network_and_an_overlay_of_one_name_are_told_apart() -> None:
    names = _endpoints(networks={"pods": {"interface_name": "br9", "subnet": "lan", "attach": [{"netns": "job"}]}})
    assert "overlays/pods/job@node1" in names
    assert "pods/job@node1" in names


def test_an_endpoint_is_what_the_compiler_makes_of_it_on_its_host() -> None:
    endpoints = _endpoints()
    checked = 0
    for host in ("node1", "node2"):
        resources = kernel_resources(stack_of(SHOP), host)
        addresses: dict[tuple[str, str], set[str]] = {}
        peers: dict[tuple[str, str], str | None] = {}
        for want in resources.values():
            if isinstance(want.attributes, Address) and want.attributes.netns:
                key = want.attributes.netns, want.attributes.link
                addresses.setdefault(key, set()).add(want.attributes.address.partition("/")[0])
            if isinstance(want.attributes, VethPeer):
                peers[want.attributes.netns, want.attributes.name] = want.attributes.mac
        for end in endpoints.values():
            if end.host == host and end.kind == "attachment" and end.interface:
                key = end.netns, "eth1" if end.name.endswith("eth1") else "eth0"
                veth = resources[f"link {end.interface}"].attributes
                assert isinstance(veth, Veth)
                assert veth.peer == "/".join(key)
                assert end.mac == peers[key]
                assert set(end.addresses) <= addresses[key]
                checked += 1
    assert checked == 6


def test_all_addresses_of_a_host_are_its_own_and_ipv4_comes_first() -> None:
    node1 = _endpoints()["host/node1"]
    assert node1.addresses == (
        "192.0.2.11", "10.10.0.1", "10.7.0.1", "10.42.1.1", "10.42.1.0", "fd00:10::1",
    )  # fmt: skip
    made = {
        want.attributes.address.partition("/")[0]
        for want in kernel_resources(stack_of(SHOP), "node1").values()
        if isinstance(want.attributes, Address) and not want.attributes.netns
    }
    assert set(node1.addresses) - {"192.0.2.11"} <= made


def test_labels_are_the_declared_ones_and_where_an_endpoint_is() -> None:
    endpoints = _endpoints()
    assert endpoints["front/web"].labels == {"app": "web", "host": "node1", "network": "front"}
    assert endpoints["host/node2"].labels == {"zone": "b", "host": "node2"}


def test_who_is_masqueraded_and_where_not() -> None:
    policies = _policies()
    assert {name for name, end in policies.endpoints.items() if end.masqueraded} == {
        "front/web", "front/web/eth1", "pods/job@node1", "pods/job@node2",
    }  # fmt: skip
    assert policies.inside == {
        "node1": ("10.10.0.0/24", "10.42.0.0/16", "10.7.0.0/24", "fd00:10::/64"),
        "node2": ("10.42.0.0/16", "10.7.0.0/24"),
    }


def test_a_stack_without_hosts_has_no_host_endpoint() -> None:
    stack = stack_of({"networks": {"n": {"subnet": {"cidr": "10.0.0.0/24"}, "attach": [{"netns": "a"}]}}})
    endpoints = resolve_policies(resolve(stack), PLACES).policies.endpoints
    assert list(endpoints) == ["n/a"]
    assert endpoints["n/a"].labels == {"network": "n"}


SERVICES = {
    "web": {"network": "front", "ports": {"http": "8080", "admin": "9090"}, "endpoints": {"labels": {"app": "web"}}},
    "all": {"endpoints": {"expr": "has(app)"}},
    "db": {
        "network": "front",
        "ports": {"sql": "5432"},
        "endpoints": ["10.10.0.20", "10.10.0.99", {"address": "203.0.113.9", "host": "node2"}],
    },
    "pods": {"network": "pods", "endpoints": ["10.42.2.200"]},
    "ssh": {"endpoints": ["192.0.2.12"]},
    "same": {"endpoints": ["10.10.0.99"]},
}


def test_an_address_that_is_listed_is_an_attachment_s_or_an_endpoint_of_its_own() -> None:
    endpoints = _endpoints(services=SERVICES)
    assert {name for name in endpoints if name.startswith("service/")} == {
        "service/db/10.10.0.99", "service/db/203.0.113.9@node2", "service/pods/10.42.2.200",
    }  # fmt: skip
    assert endpoints["front/web"].services == {"web", "all", "db"}
    assert endpoints["host/node2"].services == {"ssh"}
    assert endpoints["service/db/10.10.0.99"].services == {"db", "same"}


def test_an_address_is_on_the_host_that_its_network_tells() -> None:
    endpoints = _endpoints(services=SERVICES)
    places = {name: (end.host, end.network) for name, end in endpoints.items() if name.startswith("service/")}
    assert places == {
        "service/db/10.10.0.99": ("node1", "front"),
        "service/db/203.0.113.9@node2": ("node2", "front"),
        "service/pods/10.42.2.200": ("node2", "pods"),
    }


def test_the_label_service_is_there_where_it_is_one() -> None:
    endpoints = _endpoints(services=SERVICES)
    assert endpoints["pods/job@node1"].labels["service"] == "all"
    assert "service" not in endpoints["front/web"].labels


def test_an_attachment_s_own_ports_go_before_those_of_its_services() -> None:
    ports = _endpoints(services=SERVICES)["front/web"].ports
    assert ports["http"] == HTTP
    assert ports["admin"].first == 9090
    assert ports["sql"].first == 5432


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({"service": "db"}, ["front/web", "service/db/10.10.0.99", "service/db/203.0.113.9@node2"]),
        (
            {"network": "front"},
            ["front/web", "front/web/eth1", "service/db/10.10.0.99", "service/db/203.0.113.9@node2"],
        ),
        ({"network": "pods"}, ["pods/job@node1", "pods/job@node2", "service/pods/10.42.2.200"]),
        ({"overlay": "flat"}, ["flat/x@node1", "flat/x@node2"]),
        ({"overlay": "front"}, []),
        ({"network": "own"}, ["host/node2"]),
        ({"host": "node2"}, ["host/node2"]),
        ({"host": "node2", "overlay": "flat"}, ["flat/x@node2"]),
        ({"host": "node2", "labels": {"app": "job"}}, ["pods/job@node2"]),
        ({"host": "node2", "labels": {"zone": "b"}}, ["host/node2"]),
        ({"labels": {"app": "job", "host": "node1"}}, ["pods/job@node1"]),
        ({"labels": {"zone": "a"}}, ["host/node1"]),
        ({"expr": "app in {'web', 'job'} && host != 'node2'"}, ["front/web", "pods/job@node1"]),
        ({"cidr": "10.10.0.0/28"}, ["host/node1"]),
        ({"cidr": "10.10.0.0/24", "except": ["10.10.0.0/28"], "labels": {"app": "web"}}, ["front/web"]),
        ({"cidr": ["10.42.1.0/24", "192.0.2.0/24"], "expr": "has(zone)"}, ["host/node1", "host/node2"]),
        ({"any": True, "network": "flat"}, ["flat/x@node1", "flat/x@node2"]),
        ({"service": "db", "host": "node2"}, ["service/db/203.0.113.9@node2"]),
    ],
)
def test_all_keys_of_a_selector_hold(selector: dict[str, Any], names: list[str]) -> None:
    assert _selected(selector, services=SERVICES) == names


def test_any_selects_every_endpoint_hosts_too() -> None:
    assert _selected({"any": True}) == list(_endpoints())


@pytest.mark.parametrize(
    ("selector", "prefixes"),
    [
        ({"cidr": "10.0.0.0/8"}, ("10.0.0.0/8",)),
        ({"cidr": ["10.0.1.0/24", "10.0.0.0/24", "10.0.0.128/25"]}, ("10.0.0.0/23",)),
        ({"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}, ("10.0.0.0/32", "10.0.0.2/31")),
        ({"cidr": "0.0.0.0/0", "except": ["128.0.0.0/1"]}, ("0.0.0.0/1",)),
        ({"cidr": ["fd00::/16", "10.0.0.0/8"], "except": ["fd00:8000::/17"]}, ("10.0.0.0/8", "fd00::/17")),
        ({"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}, ()),
    ],
)
def test_a_cidr_without_its_exceptions_is_the_fewest_prefixes(
    selector: dict[str, Any], prefixes: tuple[str, ...]
) -> None:
    assert prefixes_in(region_of(Selector.model_validate(selector))) == prefixes


def test_the_entries_of_a_list_add_up_and_any_is_anyone() -> None:
    ingress = [
        {"from": [{"overlay": "flat"}, {"cidr": "10.0.0.0/8"}, {"network": "front", "cidr": "10.10.0.16/28"}]},
        {"from": [{"overlay": "flat"}, {"any": True}]},
        {"from": {"network": "front", "cidr": "10.10.0.16/28"}},
        {},
    ]
    [policy] = _policies(policies={"p": {"applies_to": {"any": True}, "ingress": ingress}}).policies
    assert policy.ingress
    first, second, third, fourth = (rule.peers for rule in policy.ingress)
    assert first
    assert first.endpoints == {"flat/x@node1", "flat/x@node2"}
    assert first.prefixes == ("10.0.0.0/8",)
    assert second is fourth is None
    assert third
    assert not third.endpoints
    assert third.prefixes == ("10.10.0.20/32",)


def test_what_the_same_words_define_has_one_definition_in_whatever_order() -> None:
    selectors = [{"service": "web"}, {"labels": {"a": "1", "b": "2"}}]
    swapped = [{"labels": {"b": "2", "a": "1"}}, {"service": "web"}]
    rules = [{"from": selectors}, {"from": swapped}, {"from": selectors[:1]}]
    services = {"web": SERVICES["web"]}
    [policy] = _policies(services=services, policies={"p": {"applies_to": {"any": True}, "ingress": rules}}).policies
    assert policy.ingress
    one, other, third = (rule.peers.definition for rule in policy.ingress if rule.peers)
    assert one == other != third


def test_a_named_port_is_resolved_on_each_destination() -> None:
    policies = {
        "in": {"applies_to": {"network": "front"}, "ingress": [{"ports": ["http", "sql/tcp", "admin/udp"]}]},
        "out": {
            "applies_to": {"overlay": "pods"},
            "egress": [{"to": {"cidr": "10.10.0.0/24"}, "ports": "http"}, {"to": {"overlay": "flat"}, "ports": "http"}],
        },
    }
    inward, outward = _policies(policies=policies, services=SERVICES).policies
    assert inward.ingress
    assert outward.egress
    sql = PortRange(Protocol.TCP, 5432, 5432)
    assert dict(inward.ingress[0].named_ports) == {
        "front/web": (HTTP, sql),
        "service/db/10.10.0.99": (sql,),
        "service/db/203.0.113.9@node2": (sql,),
    }
    assert inward.ingress[0].ports == ()
    assert inward.ingress[0].port_names == ("admin/udp", "http", "sql/tcp")
    assert [dict(rule.named_ports) for rule in outward.egress] == [{"front/web": (HTTP,)}, {}]


def test_ports_icmp_and_both_and_neither() -> None:
    rules = [
        {},
        {"icmp": {"type": 8}},
        {"ports": ["80-90", "udp"], "icmp": [{"type": 3, "code": 1}]},
        {"ports": "icmp"},
    ]
    [policy] = _policies(policies={"p": {"applies_to": {"any": True}, "ingress": rules}}).policies
    assert policy.ingress
    assert [(rule.ports, rule.icmp) for rule in policy.ingress] == [
        (None, ()),
        ((), ((8, None),)),
        ((PortRange(Protocol.TCP, 80, 90), PortRange(Protocol.UDP)), ((3, 1),)),
        ((PortRange(Protocol.ICMP),), ()),
    ]


def test_policies_are_asked_by_tier_then_order_then_name() -> None:
    one = {"applies_to": {"any": True}, "ingress": []}
    policies = {
        "b": one, "a": one, "late": {**one, "order": 2000}, "soon": {**one, "order": 5},
        "last": {**one, "tier": "after", "order": 0}, "first": {**one, "tier": "before", "order": 9999},
    }  # fmt: skip
    found = _policies(policies=policies, tiers={"after": {"order": 2_000_000}, "before": {"order": 1}})
    assert [policy.name for policy in found.policies] == ["first", "soon", "a", "b", "late", "last"]
    assert found.tiers == ("before", "default", "after")


def test_failsafe_ports_are_the_declared_or_default_ones_and_those_of_tunnels() -> None:
    tunnel = PortRange(Protocol.UDP, 4789, 4789)
    default = _policies().failsafe
    assert {tunnel, PortRange(Protocol.TCP, 22, 22)} <= set(default.ingress)
    assert {tunnel, PortRange(Protocol.UDP, 53, 53)} <= set(default.egress)
    declared = _policies(failsafe={"ingress": ["2222", "icmp"]}).failsafe
    assert declared.ingress == (PortRange(Protocol.ICMP), PortRange(Protocol.TCP, 2222, 2222), tunnel)
    assert declared.egress == default.egress


def test_a_rule_knows_where_it_is_declared_and_says_what_it_means() -> None:
    rule = {
        "from": [
            {"service": "web"},
            {"cidr": "10.0.0.0/8", "except": ["10.66.0.0/16"]},
            {"labels": {"b": "2", "a": "1"}},
        ],
        "ports": [5432, "http"],
        "icmp": {"type": 3, "code": 1},
        "action": "deny",
    }
    policies = {"db": {"applies_to": {"any": True}, "ingress": [{}, rule]}}
    [policy] = _policies(policies=policies, services={"web": SERVICES["web"]}).policies
    assert policy.ingress
    assert [rule.origin.declaration for rule in policy.ingress] == ["policies.db.ingress[0]", "policies.db.ingress[1]"]
    sources = "service web or cidr 10.0.0.0/8 except 10.66.0.0/16 or labels a=1,b=2"
    assert [rule.text for rule in policy.ingress] == [
        "allow from anyone",
        f"deny from {sources}, ports 5432/tcp, http, icmp 3/1",
    ]


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    if isinstance(value, list):
        entries = [_shuffled(entry, chance) for entry in value]
        chance.shuffle(entries)
        return entries
    return value


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_declarations_changes_nothing(seed: int) -> None:
    one = {
        "ingress": [{"from": [{"service": "web"}, {"cidr": ["10.0.0.0/8", "fd00::/8"]}], "ports": ["http", 81, "udp"]}]
    }
    declared = {
        **SHOP,
        "services": SERVICES,
        "policies": {
            "a": {"applies_to": [{"service": "db"}, {"host": "node1"}], **one},
            "b": {"applies_to": {"any": True}, **one},
        },
    }
    straight = resolve_policies(resolve(stack_of(declared)), PLACES).policies
    shuffled = resolve_policies(resolve(stack_of(_shuffled(declared, random.Random(seed)))), PLACES).policies
    assert list(straight.endpoints) == list(shuffled.endpoints)
    # How a rule is worded may follow the order of its lists.
    assert _without_text(straight) == _without_text(shuffled)


def _without_text(policies: PolicySet) -> PolicySet:
    stripped = [
        policy._replace(ingress=tuple(rule._replace(text="") for rule in policy.ingress or ()))
        for policy in policies.policies
    ]
    return policies._replace(policies=tuple(stripped))
