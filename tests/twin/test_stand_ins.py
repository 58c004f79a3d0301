"""Containers of Docker networks in a twin: bridges and namespaces stand in for them, and no Engine is needed."""

import json

import pytest

from netctl.compiler import validate
from netctl.errors import NetctlError, Severity
from netctl.policy.model import Endpoint
from netctl.stack.models import BridgeNetwork, NamespaceAttachment, Stack
from netctl.stack.subnet_models import Subnet
from netctl.twin.examination import Examination, examine_policies
from netctl.twin.stand_ins import StandIns, with_stand_ins
from tests.policy.stacks import loaded as load_text
from tests.twin.ground import NETCTL, Ground
from tests.twin.stacks import DOCKED, THREE


def standing(text: str) -> StandIns:
    loaded = load_text(text)
    assert [found for found in validate(loaded.stack, loaded) if found.severity is Severity.ERROR] == []
    return with_stand_ins(loaded.stack)


def examined(text: str) -> Examination:
    loaded = load_text(text).having(standing(text).stack)
    return examine_policies(loaded.stack, loaded)


def endpoints(text: str) -> dict[str, Endpoint]:
    return dict(examined(text).policies.endpoints)


def bridge(stack: Stack, name: str) -> BridgeNetwork:
    network = stack.networks[name]
    assert isinstance(network, BridgeNetwork)
    return network


def attached(stack: Stack, name: str) -> list[NamespaceAttachment]:
    return [end for end in bridge(stack, name).attach if isinstance(end, NamespaceAttachment)]


def lone(front: str, more: str = "") -> str:
    """A stack of one Docker network."""
    return f"stack: shop\nnetworks:\n  front: {{provider: docker, {front}}}\n{more}"


def test_a_stack_without_docker_stays_what_it_is() -> None:
    stack = load_text(THREE).stack
    assert with_stand_ins(stack) == StandIns(stack, ())
    assert with_stand_ins(stack).stack is stack


def test_a_bridge_of_docker_s_becomes_one_of_the_kernel_s_with_the_same_settings() -> None:
    text = lone("subnet: {cidr: 10.10.0.0/24, gateway: 10.10.0.9}, internal: true, mtu: 1400, interface_name: br9")
    front = bridge(standing(text).stack, "front")
    assert front.subnet == load_text(text).stack.networks["front"].subnet  # type: ignore[union-attr]  # it has one
    assert (front.internal, front.mtu, front.interface_name, front.nat) == (True, 1400, "br9", None)


@pytest.mark.parametrize(
    ("settings", "mtu", "nat"),
    [
        ("nat: none", None, "none"),
        ("options: {com.docker.network.driver.mtu: 1380}", 1380, None),
        ("mtu: 1400, options: {com.docker.network.driver.mtu: 1380}", 1380, None),
        ("options: {com.docker.network.driver.mtu: 9}", None, None),
        ("options: {com.docker.network.bridge.enable_ip_masquerade: 'false'}", None, "none"),
    ],
)
def test_settings_count_by_docker_s_names_too(settings: str, mtu: int | None, nat: str | None) -> None:
    front = bridge(standing(lone(f"subnet: {{cidr: 10.10.0.0/24}}, {settings}")).stack, "front")
    assert (front.mtu, front.nat) == (mtu, nat)


def test_a_container_that_is_named_becomes_a_namespace_with_its_name_address_and_ports() -> None:
    found = endpoints(
        lone("subnet: {cidr: 10.10.0.0/24}, attach: [{container: db, address: 10.10.0.30, ports: {sql: 5432}}]")
    )
    db = found["front/db"]
    assert (db.netns, db.addresses, list(db.ports)) == ("db", ("10.10.0.30",), ["sql"])


def test_what_docker_would_assign_is_apart_from_what_others_have() -> None:
    text = lone(
        "subnet: {cidr: 10.10.0.0/29, reserved: [10.10.0.2]}, aux_addresses: {router: 10.10.0.3}, "
        "attach: [{container: web}, {container: api}, {container: db, address: 10.10.0.4}]"
    )
    found = endpoints(text)
    assert {address for name in ("web", "api") for address in found[f"front/{name}"].addresses} == {
        "10.10.0.5",
        "10.10.0.6",
    }


def test_what_netctl_would_assign_is_what_the_container_has_on_its_host() -> None:
    found = endpoints(
        lone("subnet: {cidr: 10.10.0.0/29, range: [10.10.0.4/30]}, attach: [{container: a1}, {container: a2}]")
    )
    assert {found["front/a1"].addresses, found["front/a2"].addresses} == {("10.10.0.2",), ("10.10.0.3",)}


def test_a_container_on_several_networks_is_one_namespace_that_sends_by_one_of_them() -> None:
    stack = standing(DOCKED).stack
    (front,) = (end for end in attached(stack, "front") if end.netns == "web")
    (vault,) = (end for end in attached(stack, "vault") if end.netns == "web")
    assert {front.interface, vault.interface} == {"eth0", "eth1"}
    assert (front.default_route, vault.default_route) == (True, False)


def test_a_container_on_several_hosts_is_a_namespace_on_each() -> None:
    hosts = "hosts: {node1: {id: 1, address: 192.0.2.11}, node2: {id: 2, address: 192.0.2.12}}\n"
    found = endpoints(lone("subnet: {cidr: 10.10.0.0/16, per_host: 24}, attach: [{container: web}]", hosts))
    one, two = found["front/web@node1"].addresses[0], found["front/web@node2"].addresses[0]
    assert one.startswith("10.10.1.")
    assert two.startswith("10.10.2.")


def test_a_container_that_is_called_as_a_namespace_is_another_one() -> None:
    text = lone("attach: [{container: web}]", "  back: {subnet: {cidr: 10.20.0.0/24}, attach: [{netns: web}]}\n")
    found = endpoints(text)
    assert {found["back/web"].netns, found["front/web.container"].netns} == {"web", "web.container"}


def test_a_subnet_that_docker_would_choose_is_apart_from_all_that_the_stack_names() -> None:
    text = lone(
        "ipv6: true, attach: [{container: web}]",
        "  back: {subnet: {cidr: 172.31.252.0/24}}\n  other: {provider: docker}\n"
        "hosts: {node1: {address: 172.31.248.11}}\n"
        "expect:\n"
        "  - {from: {network: front}, to: {cidr: 172.31.245.0/24}, port: 80, verdict: allow}\n"
        "  - {from: {network: front}, to: {cidr: 172.16.0.0/12}, port: 80, verdict: allow}\n",
    )
    stack = standing(text).stack
    front, other = bridge(stack, "front").subnet, bridge(stack, "other").subnet
    assert isinstance(front, Subnet)
    assert isinstance(other, Subnet)
    assert (front.cidr, other.cidr) == (["172.31.240.0/22", "fdd0:c4e7:0:ffff::/64"], ["172.31.236.0/22"])


def test_networks_for_which_no_prefix_is_left_are_told() -> None:
    taken = "  all: {subnet: {cidr: 172.16.0.0/12}}\n"
    with pytest.raises(NetctlError, match="no prefix is left for network 'front'"):
        standing(lone("attach: [{container: web}]", taken))


def test_services_tell_containers_from_other_attachments() -> None:
    text = lone(
        "subnet: {cidr: 10.10.0.0/24}, attach: [{container: web}]",
        "  back: {subnet: {cidr: 10.20.0.0/24}, attach: [{netns: db, labels: {tier: a}}]}\n"
        "services:\n"
        "  boxes: {port: 80, endpoints: {containers: {expr: \"network == 'front'\"}}}\n"
        "  spaces: {port: 81, endpoints: {expr: \"network == 'front' || tier == 'a'\"}}\n"
        "  fixed: {port: 82, endpoints: {labels: {tier: a}}}\n",
    )
    found = endpoints(text)
    assert found["front/web"].services == {"boxes"}
    assert found["back/db"].services == {"spaces", "fixed"}


def test_labels_that_are_declared_of_a_container_select_it() -> None:
    text = lone(
        "subnet: {cidr: 10.10.0.0/24}, attach: [{container: web, labels: {app: web}}]",
        "services: {web: {port: 80, endpoints: {containers: {labels: {app: web}}}}}\n"
        "policies: {web: {applies_to: {labels: {app: web}}, ingress: []}}\n",
    )
    assert endpoints(text)["front/web"].services == {"web"}
    assert standing(text).left_out == ()


def test_of_containers_that_are_selected_by_labels_there_is_one_on_each_host() -> None:
    hosts = "hosts: {node1: {id: 1, address: 192.0.2.11}, node2: {id: 2, address: 192.0.2.12}}\n"
    attach = "[{containers: {labels: {app: web, tier: a b}}, ports: {http: 80}, labels: {team: x}}]"
    found = endpoints(lone(f"subnet: {{cidr: 10.10.0.0/16, per_host: 24}}, attach: {attach}", hosts))
    one, two = found["front/any.web.a-b@node1"], found["front/any.web.a-b@node2"]
    assert {"app": "web", "tier": "a b", "team": "x"}.items() <= one.labels.items()
    assert [one.ports, one.addresses] != [two.ports, two.addresses]
    assert set(one.ports) == {"http"}


def test_a_container_with_a_name_stands_in_for_the_selection_that_it_is_declared_to_be_of() -> None:
    found = endpoints(lone("attach: [{container: web, labels: {app: web}}, {containers: {labels: {app: web}}}]"))
    assert set(found) == {"front/web"}


def test_what_has_no_stand_in_is_told() -> None:
    text = lone(
        "attach: [{container: db}, {containers: {labels: {app: web}}}, {containers: {expr: \"app == 'api'\"}}]",
        "  lan: {provider: docker, driver: macvlan, parent: eth0, subnet: {cidr: 10.77.0.0/24}}\n"
        "  mesh: {provider: docker, driver: overlay, attachable: true}\n"
        "  own: {provider: docker, external: true, name: bridge, attach: [{container: db}]}\n"
        "  machine: {provider: docker, driver: host}\n"
        "policies: {db: {applies_to: {labels: {app: db}}, ingress: []}}\n",
    )
    first, second, third = standing(text).left_out
    assert "'lan' (driver macvlan), 'mesh' (driver overlay), 'own' (not made by the stack)." in first
    assert "that an expression selects: on 'front'." in second
    assert "labels" in third
    assert set(standing(text).stack.networks) == {"front", "lan", "mesh", "own", "machine"}


LEGS = """
stack: shop
hosts: {node1: {id: 1, address: 192.0.2.11}, node2: {id: 2, address: 192.0.2.12}, node3: {id: 3, address: 192.0.2.13}}
subnets: {pods: {cidr: 10.42.0.0/16, per_host: 24}}
overlays:
  pods: {backend: vxlan, vni: 42, mode: routed, subnet: pods, attach: [{netns: job, hosts: [node3]}]}
networks:
  near:
    provider: docker
    overlay: pods
    hosts: [node1]
    attach: [{container: web, address: 10.42.1.20, labels: {app: web}}]
  far:
    provider: docker
    overlay: pods
    hosts: [node2]
    attach: [{container: db, labels: {app: db}, ports: {sql: 5432}}]
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{from: {labels: {app: web}}, ports: sql}]}
expect:
  - {from: {labels: {app: web}}, to: {labels: {app: db}}, port: 5432, verdict: allow}
  - {from: {labels: {app: web}}, to: {labels: {app: db}}, port: 80, verdict: deny}
  - {from: {overlay: pods}, to: {labels: {app: web}}, port: 80, verdict: allow}
"""


def test_containers_on_the_legs_of_an_overlay_are_attached_to_the_overlay() -> None:
    stand_ins = standing(LEGS)
    assert not stand_ins.left_out
    assert not stand_ins.stack.networks
    ends = {end.netns: (end.hosts, end.address) for end in stand_ins.stack.overlays["pods"].attach}
    assert ends["job"] == (["node3"], None)
    assert ends["web"] == (["node1"], ["10.42.1.20"])
    assert ends["db"][0] == ["node2"]
    assert (examined(LEGS).policies.endpoints["pods/db"].addresses[0]).startswith("10.42.2.")


@pytest.mark.parametrize(
    "who", ["{network: near}", "{labels: {network: near}}", "{expr: \"network == 'near'\"}", "{service: web}"]
)
def test_the_leg_of_an_overlay_that_is_named_as_a_network_of_its_own_has_no_stand_in(who: str) -> None:
    service = "services: {web: {network: near, port: 80, endpoints: [10.42.1.20]}}\n" if "service" in who else ""
    expected = f"expect: [{{from: {{overlay: pods}}, to: {who}, port: 80, verdict: allow}}]\n"
    text = LEGS.partition("policies:")[0] + service + expected
    assert "'near' (the leg of overlay 'pods', and named as a network of its own)" in standing(text).left_out[0]


def test_containers_on_the_legs_of_an_overlay_do_as_their_policies_say(ground: Ground) -> None:
    file = ground.write(LEGS)
    ran = ground.netctl("twin", "test", "-f", file, "-o", "json")
    assert ran.code == 0, ran.out + ran.err
    document = json.loads(ran.out)
    assert document["summary"] == document["summary"] | {"passed": 3, "failed": 0}


def test_policies_between_containers_and_namespaces_do_as_they_say(ground: Ground) -> None:
    file = ground.write(DOCKED)
    told = ground.twin("up", "-f", file)
    assert "1 host, 5 endpoints" in told
    ran = ground.netctl("twin", "test", "-f", file, "-o", "json")
    assert ran.code == 0, ran.out + ran.err
    assert "labels" not in ran.err, "what containers have in Docker is not asked for"
    document = json.loads(ran.out)
    assert document["summary"] == document["summary"] | {"passed": 6, "failed": 0}
    tried = {(c["source"], c["destination"]) for c in document["matrix"]["connections"] if c["outcome"] == "passed"}
    assert {("front/web", "front/db"), ("back/admin", "front/db"), ("front/db", "back/logs")} <= tried
    ground.twin("down", "-f", file)
    assert ground.names() == []


def test_warnings_are_those_that_hold_of_the_declaration_and_of_its_twin(ground: Ground) -> None:
    file = ground.write(
        lone(
            "attach: [{container: web}]",
            "  back: {subnet: {cidr: 10.20.0.0/24}, attach: [{netns: db}]}\n"
            "policies: {jobs: {applies_to: {labels: {app: job}}, ingress: []}}\n"
            "expect:\n"
            "  - {from: {network: front}, to: {network: back}, port: 80, verdict: allow}\n"
            "  - {from: {labels: {app: job}}, to: {labels: {app: job}}, port: 80, verdict: allow}\n",
        )
    )
    told = ground.netctl("twin", "test", "-f", file).err
    assert f"{file}:7" not in told, "which address the container has, the twin knows"
    assert f"{file}:8:5: warning[NC272]" in told
    assert "NC261" not in told, "whether a container has the label, the twin does not know"


def test_a_container_that_is_reached_against_its_policy_is_named_with_it(ground: Ground) -> None:
    file = ground.write(DOCKED)
    ground.twin("up", "-f", file)
    ground.twin("exec", "-f", file, "host", "--", "nft", "flush", "ruleset")
    ran = ground.netctl("twin", "test", "-f", file)
    assert ran.code == 1
    assert "front/cache to front/db at 5432/tcp: expected deny, found allow" in ran.out
    assert f"policy 'db' ({file}:{DOCKED.splitlines().index('  db:') + 1})" in ran.out
    ground.twin("down", "-f", file)


def test_a_container_s_namespace_has_what_docker_would_give_it(ground: Ground) -> None:
    file = ground.write(DOCKED)
    ground.twin("up", "-f", file)
    seen = ground.twin("exec", "-f", file, "host/web", "--", "ip", "-j", "address")
    links = {link["ifname"]: link for link in json.loads(seen)}
    assert links.keys() == {"lo", "eth0", "eth1"}
    assert links["eth0"]["mtu"] == 1400
    assert links["eth0"]["addr_info"][0]["local"] == "10.10.0.31"
    route = ground.twin("exec", "-f", file, "host/web", "--", "ip", "route", "show", "default")
    assert route.split()[:5] == ["default", "via", "10.10.0.254", "dev", "eth0"]
    again = ground.netctl("twin", "exec", "-f", file, "host", "--", *NETCTL, "plan", "-f", file, "--provider", "kernel")
    assert "nc-back" not in again.out, "the kernel's own networks are as declared"
    ground.twin("down", "-f", file)
