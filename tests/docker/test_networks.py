"""Networks of every make: created, left alone, replaced for each attribute, adopted, pruned, destroyed."""

from collections.abc import Iterator

import pytest

from netctl.engine.change import Action
from netctl.errors import ConflictError
from tests.docker.engine import Engine
from tests.e2e.lab import Lab, describe, keys

NETWORKS = {
    "plain": "{provider: docker}",
    "with a subnet": "{provider: docker, subnet: {cidr: 10.80.0.0/24}}",
    "with all of IPAM": "{provider: docker, aux_addresses: {router: 10.80.0.254}, subnet: {cidr: 10.80.0.0/24, "
    "gateway: 10.80.0.3, range: [10.80.0.128/25], reserved: [10.80.0.10-10.80.0.12]}}",
    "dual-stack": '{provider: docker, subnet: {cidr: [10.80.0.0/24, "fd00:80:0:0::/64"]}}',
    "of IPv6 alone": '{provider: docker, subnet: {cidr: "fd00:80::/64"}}',
    "internal": "{provider: docker, internal: true, subnet: {cidr: 10.80.0.0/24}}",
    "attachable": "{provider: docker, attachable: true}",
    "with options": "{provider: docker, mtu: 1400, interface_name: br-test, nat: none, "
    "options: {com.docker.network.bridge.enable_icc: false, "
    "com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}}",
    "with labels": "{provider: docker, labels: {team: web, com.example/tier: 1}}",
    "named": "{provider: docker, name: Other_Name.1}",
    "macvlan": "{provider: docker, driver: macvlan, parent: lan0, subnet: {cidr: 10.80.0.0/24}}",
}


def stack(network: str, **others: str) -> str:
    networks = "".join(f"  {name}: {spec}\n" for name, spec in {"n": network, **others}.items())
    return f"stack: dk\nnetworks:\n{networks}"


@pytest.fixture
def _parent(lab: Lab) -> Iterator[None]:
    """An interface for macvlans to be on."""
    lab.ip("h", "link add lan0 type veth peer name lan1", "link set lan0 up", "link set lan1 up")
    yield
    lab.destroy("dk", "h")
    lab.ip("h", "link del lan0")


@pytest.mark.usefixtures("_parent")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_made_left_alone_and_destroyed(name: str, lab: Lab, engine: Engine) -> None:
    before = engine.snapshot()
    text = stack(NETWORKS[name])
    plan = lab.apply(text, "h")
    assert [change.action for change in plan.changes] == [Action.CREATE]
    lab.destroy("dk", "h")
    assert engine.snapshot() == before


def test_what_is_declared_is_what_docker_has(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(NETWORKS["with all of IPAM"], o=NETWORKS["with options"]), "h")
    network = engine.network("dk_n")
    assert network is not None
    [pool] = network["IPAM"]["Config"]
    assert (pool["Subnet"], pool["Gateway"], pool["IPRange"]) == ("10.80.0.0/24", "10.80.0.3", "10.80.0.128/25")
    assert sorted(pool["AuxiliaryAddresses"].values()) == ["10.80.0.10", "10.80.0.11", "10.80.0.12", "10.80.0.254"]
    other = engine.network("dk_o")
    assert other is not None
    assert other["Options"] == {
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        "com.docker.network.bridge.name": "br-test",
        "com.docker.network.driver.mtu": "1400",
    }


def test_ownership_and_a_digest_are_labels(lab: Lab, engine: Engine) -> None:
    lab.apply(stack("{provider: docker, labels: {team: web}}"), "h")
    network = engine.network("dk_n")
    assert network is not None
    labels = network["Labels"]
    assert labels.pop("io.netctl.digest")
    assert labels == {
        "io.netctl.stack": "dk",
        "io.netctl.declaration": "networks.n",
        "io.netctl.name": "dk_n",
        "team": "web",
    }


CHANGES = {
    "driver": ("{provider: docker, subnet: {cidr: 10.80.0.0/24}}", NETWORKS["macvlan"]),
    "pools": (NETWORKS["with a subnet"], "{provider: docker, subnet: {cidr: 10.81.0.0/24}}"),
    "a gateway": (
        "{provider: docker, subnet: {cidr: 10.80.0.0/24, gateway: 10.80.0.1}}",
        "{provider: docker, subnet: {cidr: 10.80.0.0/24, gateway: 10.80.0.9}}",
    ),
    "a range": (NETWORKS["with a subnet"], "{provider: docker, subnet: {cidr: 10.80.0.0/24, range: [10.80.0.64/26]}}"),
    "reserved": (NETWORKS["with a subnet"], "{provider: docker, subnet: {cidr: 10.80.0.0/24, reserved: [10.80.0.7]}}"),
    "ipv6": (NETWORKS["with a subnet"], '{provider: docker, subnet: {cidr: [10.80.0.0/24, "fd00:80::/64"]}}'),
    "internal": ("{provider: docker}", "{provider: docker, internal: true}"),
    "attachable": ("{provider: docker}", "{provider: docker, attachable: true}"),
    "options": ("{provider: docker, mtu: 1500}", "{provider: docker, mtu: 1400}"),
    "an option removed": ("{provider: docker, mtu: 1400}", "{provider: docker}"),
    "labels": ("{provider: docker, labels: {a: b}}", "{provider: docker, labels: {a: c}}"),
    "a label removed": ("{provider: docker, labels: {a: b}}", "{provider: docker}"),
    "the MTU of a macvlan": (NETWORKS["macvlan"], NETWORKS["macvlan"].replace("lan0", "lan0, mtu: 1400")),
    "the subnet of a macvlan": (NETWORKS["macvlan"], NETWORKS["macvlan"].replace("10.80", "10.81")),
    "the subnet of an internal network": (NETWORKS["internal"], NETWORKS["internal"].replace("10.80", "10.81")),
    "one family of two": (NETWORKS["dual-stack"], NETWORKS["dual-stack"].replace("fd00:80", "fd00:81")),
    "labels of an attachable network": (
        NETWORKS["attachable"],
        NETWORKS["attachable"].replace("}", ", labels: {a: b}}"),
    ),
}
FORCED = {
    "a gateway": "pools", "a range": "pools", "reserved": "pools", "an option removed": "options",
    "a label removed": "labels", "the MTU of a macvlan": "options", "the subnet of a macvlan": "pools",
    "the subnet of an internal network": "pools", "one family of two": "pools",
    "labels of an attachable network": "labels",
}  # fmt: skip


@pytest.mark.usefixtures("_parent")
@pytest.mark.parametrize("attribute", CHANGES)
def test_a_changed_attribute_replaces_the_network(attribute: str, lab: Lab, engine: Engine) -> None:
    before, after = CHANGES[attribute]
    lab.apply(stack(before), "h")
    plan = lab.apply(stack(after), "h")
    [change] = plan.changes
    assert change.action is Action.REPLACE
    assert FORCED.get(attribute, attribute) in change.fields
    lab.destroy("dk", "h")
    assert engine.network("dk_n") is None


def test_a_subnet_that_is_no_longer_declared_stays(lab: Lab) -> None:
    lab.apply(stack(NETWORKS["with a subnet"]), "h")
    lab.demand_done(stack("{provider: docker}"), "h")


@pytest.mark.usefixtures("_parent")
@pytest.mark.parametrize("name", ["plain", "macvlan", "internal", "dual-stack", "attachable"])
def test_what_is_no_longer_declared_is_pruned(name: str, lab: Lab, engine: Engine) -> None:
    lab.apply(stack("{provider: docker}", m=NETWORKS[name]), "h")
    plan = lab.apply(stack("{provider: docker}"), "h")
    assert describe(plan) == ["delete docker/network/dk_m"]
    assert engine.network("dk_m") is None


def test_two_stacks_do_not_see_each_other(lab: Lab, engine: Engine) -> None:
    lab.apply(stack("{provider: docker}"), "h")
    lab.apply("stack: other\nnetworks:\n  n: {provider: docker}\n", "h")
    lab.demand_done(stack("{provider: docker}"), "h")
    lab.destroy("other", "h")
    assert engine.network("dk_n") is not None


def test_a_network_made_by_hand_is_a_conflict_and_adopted_on_request(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("dk_n", check_duplicate=True)
    engine.run("hand", network="dk_n")
    address = engine.address("hand", "dk_n")
    with pytest.raises(ConflictError, match="dk_n"):
        lab.apply(stack("{provider: docker}"), "h")
    lab.apply(stack("{provider: docker}"), "h", adopt=True)
    network = engine.network("dk_n")
    assert network is not None
    assert network["Labels"]["io.netctl.stack"] == "dk"
    assert engine.address("hand", "dk_n") == address


def test_a_network_of_compose_keeps_the_labels_of_compose_when_adopted(lab: Lab, engine: Engine) -> None:
    labels = {"com.docker.compose.network": "n", "com.docker.compose.project": "dk"}
    engine.api.create_network("dk_n", check_duplicate=True, labels=labels)
    lab.apply(stack("{provider: docker}"), "h", adopt=True)
    network = engine.network("dk_n")
    assert network is not None
    assert labels.items() <= network["Labels"].items()


def test_a_foreign_network_that_differs_cannot_be_adopted(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("dk_n", check_duplicate=True, internal=True)
    before = engine.snapshot()
    [conflict] = lab.plan(stack("{provider: docker}"), "h", adopt=True).conflicts
    assert not conflict.adoptable
    with pytest.raises(ConflictError):
        lab.apply(stack("{provider: docker}"), "h", adopt=True)
    assert engine.snapshot() == before


def test_a_copied_mark_is_ignored(lab: Lab, engine: Engine) -> None:
    lab.apply(stack("{provider: docker}"), "h")
    network = engine.network("dk_n")
    assert network is not None
    engine.api.create_network("copy", labels=network["Labels"])
    lab.demand_done(stack("{provider: docker}"), "h")
    lab.destroy("dk", "h")
    assert engine.network("copy") is not None


def test_foreign_networks_are_never_touched(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("mine")
    engine.run("hand", network="mine")
    before = engine.snapshot()
    lab.apply(stack("{provider: docker}"), "h")
    lab.destroy("dk", "h")
    assert engine.snapshot() == before


def test_a_network_removed_by_someone_is_made_again(lab: Lab, engine: Engine) -> None:
    lab.apply(stack("{provider: docker}"), "h")
    engine.api.remove_network("dk_n")
    assert keys(lab.apply(stack("{provider: docker}"), "h"), Action.CREATE) == {"network/dk_n"}


def test_dockers_own_networks_are_referred_to_and_never_made(lab: Lab, engine: Engine) -> None:
    text = stack("{provider: docker, driver: host}", o="{provider: docker, driver: none}",
                 b="{provider: docker, name: bridge, external: true}")  # fmt: skip
    before = engine.snapshot()
    assert not lab.plan(text, "h")
    lab.destroy("dk", "h")
    assert engine.snapshot() == before
