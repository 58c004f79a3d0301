"""From any stack to any other, with damage in between: each apply leads to what is declared, and destroy to nothing."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from netctl.engine.apply import ApplyError
from netctl.errors import DeclarationError
from tests.e2e.lab import Lab
from tests.support.namespaces import ip_json

ENDPOINTS = ("a", "b", "c", "d")
INTERFACES = ("eth0", "net1")
SUBNETS = {
    "front": ["10.10.0.0/24", "fd10::/64"],
    "back": ["10.20.0.0/25", "fd20::/64"],
    "lan": ["192.0.2.0/24", "2001:db8:1::/64"],
}
STEPS = 12


class Author:
    """Makes up stacks of one host, most of which are valid."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)

    def maybe(self, chance: float = 0.5) -> bool:
        return self.pick.random() < chance

    def stack(self) -> dict[str, Any]:
        free = [(netns, interface) for netns in ENDPOINTS for interface in INTERFACES]
        self.pick.shuffle(free)
        networks = {name: self.network(name, free) for name in ("front", "back") if self.maybe(0.8)}
        if self.maybe():
            networks["lan"] = self.macvlan(free)
        content: dict[str, Any] = {
            "stack": "shop",
            "hosts": {
                "h": {"id": 1, "address": "192.0.2.10"},
                "far": {"id": 2, "address": "192.0.2.12"},
                "off": {"id": 7, "address": "198.51.100.9"},
            },
            "networks": networks,
            "overlays": {name: self.overlay(name, free) for name in ("pods", "seg") if self.maybe(0.6)},
        }
        content["routes"] = [self.route(n) for n in range(self.pick.randrange(4))]
        content["rules"] = [self.rule(n) for n in range(self.pick.randrange(3))]
        if self.maybe():
            ingress = self.pick.choice([[], [{"ports": ["80/tcp"]}], [{"from": [{"cidr": "10.0.0.0/8"}]}]])
            content["policies"] = {"p": {"applies_to": {"labels": {"app": "x"}}, "ingress": ingress}}
        return {key: value for key, value in content.items() if value}

    def network(self, name: str, free: list[tuple[str, str]]) -> dict[str, Any]:
        spec: dict[str, Any] = {"hosts": ["h"], "subnet": {"cidr": self.cidrs(name)}}
        choices: dict[str, list[Any]] = {
            "mtu": [1280, 1400, 9000], "stp": [True, False], "isolated": [True], "internal": [True], "nat": ["none"],
            "mac": ["02:00:00:00:aa:01", "02:00:00:00:aa:02"] if name == "front" else ["02:00:00:00:bb:01"],
            "interface_name": [f"br-{name}", f"x-{name}"], "group": [5],
        }  # fmt: skip
        for key, values in choices.items():
            if self.maybe(0.25):
                spec[key] = self.pick.choice(values)
        return spec | {"attach": self.attach(free, 3) + ([{"interface": "spare"}] if name == "front" else [])}

    def macvlan(self, free: list[tuple[str, str]]) -> dict[str, Any]:
        subnet = {"cidr": self.cidrs("lan"), "reserved": ["192.0.2.0/25"]}
        if subnet["cidr"] == [SUBNETS["lan"][1]]:
            del subnet["reserved"]
        mode = self.pick.choice(["bridge", "private", "vepa"])
        return {
            "driver": "macvlan", "parent": "eth0", "mode": mode, "subnet": subnet, "hosts": ["h"],
            "attach": self.attach(free, 2),
        }  # fmt: skip

    def overlay(self, name: str, free: list[tuple[str, str]]) -> dict[str, Any]:
        hosts = self.pick.choice([["h", "far"], ["h", "far", "off"]])
        attach = self.attach(free, 2)
        if name == "seg":
            spec = {"mode": "bridged", "vni": self.pick.choice([43, 44]), "subnet": {"cidr": "10.43.0.0/24"}}
        else:
            per_host = {"cidr": ["10.42.0.0/16", "fd42::/48"], "per_host": [24, 64]}
            spec = {"vni": self.pick.choice([41, 42]), "subnet": per_host, "direct_routing": self.maybe()}
        return {**spec, "hosts": hosts, "attach": [{**entry, "hosts": ["h"]} for entry in attach]}

    def cidrs(self, name: str) -> list[str]:
        return self.pick.choice([SUBNETS[name], SUBNETS[name][:1], SUBNETS[name][1:]])

    def attach(self, free: list[tuple[str, str]], most: int) -> list[dict[str, Any]]:
        found = []
        for _ in range(min(len(free), self.pick.randrange(most + 1))):
            netns, interface = free.pop()
            entry: dict[str, Any] = {"netns": f"${{{netns}}}", "interface": interface}
            entry["default_route"] = interface == "eth0"
            entry |= {"mtu": 1300} if self.maybe(0.2) else {}
            entry |= {"mac": f"02:00:00:00:cc:{self.pick.randrange(16):02x}"} if self.maybe(0.2) else {}
            entry |= {"labels": {"app": "x"}} if self.maybe() else {}
            found.append(entry)
        return found

    def route(self, number: int) -> dict[str, Any]:
        route: dict[str, Any] = {"to": f"172.{16 + number}.0.0/16", "hosts": ["h"]}
        ways: list[dict[str, Any]] = [
            {"via": f"192.0.2.{self.pick.randrange(200, 203)}"},
            {"type": self.pick.choice(["blackhole", "unreachable"])},
            {"nexthops": [{"via": "192.0.2.201"}, {"via": "192.0.2.202", "weight": self.pick.randrange(1, 4)}]},
            {"dev": "eth0"},
        ]
        return route | self.pick.choice(ways) | self.pick.choice([{}, {"metric": 50}, {"table": 100}])

    def rule(self, number: int) -> dict[str, Any]:
        return {
            "priority": 1000 + number, "from": "10.20.0.0/25", "table": self.pick.choice([100, 101]), "hosts": ["h"]
        }  # fmt: skip

    def damage(self, lab: Lab) -> Iterator[str]:
        """What someone does to the interfaces of the stack."""
        for link in ip_json(lab["h"], "link", "show"):
            if str(link.get("ifalias", "")).startswith("netctl:") and self.maybe(0.3):
                name = link["ifname"]
                yield self.pick.choice(
                    [f"link set {name} down", f"link del {name}", f"addr flush dev {name}", f"link set {name} mtu 1290"]
                )


@pytest.mark.parametrize("seed", range(6))
def test_from_any_stack_to_any_other_and_back_to_nothing(lab: Lab, seed: int) -> None:
    author = Author(seed)
    lab.add("h", "wire", *ENDPOINTS)
    lab.join("h", "eth0", "wire", "eth0")
    lab.join("h", "spare", "wire", "spare")
    lab.ip("h", "address add 192.0.2.10/24 dev eth0", "address add 2001:db8:1::10/64 dev eth0")
    lab.remember("h", *ENDPOINTS)
    applied, previous = 0, ""
    while applied < STEPS:
        text = json.dumps(author.stack())
        try:
            lab.plan(text, "h")
        except DeclarationError:
            continue
        damage = list(author.damage(lab)) if author.maybe(0.3) else []
        for command in damage:
            lab.run("h", "ip", *command.split(), check=False)
        try:
            lab.apply(text, "h")
        except Exception as error:
            failures = [str(one.failure) for one in error.report.failed] if isinstance(error, ApplyError) else []
            error.add_note(f"step {applied}, after {damage}: {failures}: {text}\nbefore: {previous}")
            raise
        applied, previous = applied + 1, text
    lab.destroy("shop", "h")
    lab.demand_as_before()


LAN = 'lan: {driver: macvlan, parent: eth0, subnet: {cidr: 192.0.2.0/24}, attach: [%s{netns: "${b}"}]}'
FRONT = "front: {subnet: {cidr: 10.10.0.0/24}, attach: [%s]}"
OF_A = '{netns: "${a}"}'


def test_an_interface_of_a_macvlan_network_becomes_one_of_a_bridge_and_back(lab: Lab) -> None:
    """The far end of a veth pair comes with its pair, and the macvlan of the same name has to go before."""
    lab.add("h", "wire", "a", "b")
    lab.join("h", "eth0", "wire", "eth0")
    lab.ip("h", "address add 192.0.2.10/24 dev eth0")
    lab.remember("h", "a", "b")
    on_lan, on_bridge = (
        "\n".join(["stack: shop", "networks:", f"  {LAN % lan}", f"  {FRONT % front}\n"])
        for lan, front in ((f"{OF_A}, ", ""), ("", OF_A))
    )
    lab.apply(on_lan, "h")
    assert lab.link("a", "eth0")["linkinfo"]["info_kind"] == "macvlan"
    lab.apply(on_bridge, "h")
    assert lab.link("a", "eth0")["linkinfo"]["info_kind"] == "veth"
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(on_lan + "routes: [{to: 198.51.100.0/24, via: 203.0.113.9}]\n", "h")
    assert caught.value.report.not_undone == ()
    lab.demand_done(on_bridge, "h")
    lab.apply(on_lan, "h")
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(on_bridge + "routes: [{to: 198.51.100.0/24, via: 203.0.113.9}]\n", "h")
    assert caught.value.report.not_undone == ()
    lab.demand_done(on_lan, "h")
    lab.destroy("shop", "h")
    lab.demand_as_before()
