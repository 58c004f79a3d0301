"""Containers on networks: by name and by label, with addresses and aliases; attached, changed, detached."""

import pytest

from netctl.engine.change import Action
from netctl.errors import ConflictError, DeclarationError
from tests.docker.engine import Engine
from tests.e2e.lab import Lab, describe, keys

SUBNET = "subnet: {cidr: 10.80.0.0/24, range: [10.80.0.128/25]}"


def stack(attach: str, rest: str = SUBNET) -> str:
    return f"stack: dk\nnetworks:\n  n: {{provider: docker, {rest}, attach: [{attach}]}}\n"


def test_a_container_is_attached_with_its_address_and_found_by_its_alias(lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    engine.run("peer")
    before = engine.snapshot()
    text = stack("{container: web-1, address: 10.80.0.20, aliases: [web, www]}, {container: peer}")
    lab.apply(text, "h")
    assert engine.address("web-1", "dk_n") == "10.80.0.20"
    assert engine.pings("peer", "web")
    assert engine.pings("peer", "www")
    lab.destroy("dk", "h")
    assert engine.snapshot() == before


def test_both_families_link_local_addresses_and_options_are_passed_on(lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    lab.apply(
        stack(
            '{container: web-1, address: [10.80.0.20, "fd00:80::20"], link_local: [169.254.9.9], options: {a: b}}',
            'subnet: {cidr: [10.80.0.0/24, "fd00:80::/64"]}',
        ),
        "h",
    )
    endpoint = engine.endpoint("web-1", "dk_n")
    assert endpoint is not None
    assert (endpoint["IPAddress"], endpoint["GlobalIPv6Address"]) == ("10.80.0.20", "fd00:80::20")
    assert endpoint["IPAMConfig"]["LinkLocalIPs"] == ["169.254.9.9"]
    assert endpoint["DriverOpts"]["a"] == "b"


def test_containers_are_selected_by_labels_and_expressions(lab: Lab, engine: Engine) -> None:
    engine.run("web-1", app="web", env="prod")
    engine.run("web-2", app="web", env="dev")
    engine.run("db", app="db", env="prod")
    lab.apply(stack("{containers: {labels: {app: web}}}"), "h")
    assert engine.on("dk_n") == {"web-1", "web-2"}
    lab.apply(stack("{containers: {expr: \"env == 'prod'\"}}"), "h")
    assert engine.on("dk_n") == {"web-1", "db"}


def test_a_container_that_appears_later_is_attached_by_the_next_apply(lab: Lab, engine: Engine) -> None:
    text = stack("{container: later, address: 10.80.0.9}, {containers: {labels: {app: web}}}")
    lab.apply(text, "h")
    engine.run("later")
    engine.run("web-1", app="web")
    plan = lab.apply(text, "h")
    assert keys(plan, Action.CREATE) == {"attachment/dk_n later", "attachment/dk_n web-1"}


def test_an_entry_by_name_comes_before_one_by_labels(lab: Lab, engine: Engine) -> None:
    engine.run("web-1", app="web")
    lab.apply(stack("{containers: {labels: {app: web}}}, {container: web-1, address: 10.80.0.7}"), "h")
    assert engine.address("web-1", "dk_n") == "10.80.0.7"


def test_a_stopped_container_is_attached_too(lab: Lab, engine: Engine) -> None:
    engine.create("web-1")
    lab.apply(stack("{container: web-1, address: 10.80.0.20}"), "h")
    engine.api.start("web-1")
    assert engine.address("web-1", "dk_n") == "10.80.0.20"
    lab.demand_done(stack("{container: web-1, address: 10.80.0.20}"), "h")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("address: 10.80.0.20", "address: 10.80.0.21"),
        ("aliases: [a]", "aliases: [b]"),
        ("aliases: [a, b]", "aliases: [a]"),
        ("link_local: [169.254.9.9]", "link_local: [169.254.9.8]"),
        ("options: {a: b}", "options: {a: c}"),
    ],
)
def test_a_changed_attachment_is_connected_again(before: str, after: str, lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    lab.apply(stack(f"{{container: web-1, {before}}}"), "h")
    plan = lab.apply(stack(f"{{container: web-1, {after}}}"), "h")
    assert describe(plan) == ["update docker/attachment/dk_n web-1"]


def test_drift_of_an_attachment_is_repaired(lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    text = stack("{container: web-1, address: 10.80.0.20, aliases: web}")
    lab.apply(text, "h")
    engine.api.disconnect_container_from_network("web-1", "dk_n")
    assert describe(lab.apply(text, "h")) == ["create docker/attachment/dk_n web-1"]


def test_what_is_no_longer_declared_is_detached(lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    engine.run("web-2")
    lab.apply(stack("{container: web-1}, {container: web-2}"), "h")
    plan = lab.apply(stack("{container: web-2}"), "h")
    assert describe(plan) == ["delete docker/attachment/dk_n web-1"]
    assert engine.on("dk_n") == {"web-2"}


def test_what_was_attached_by_hand_stays_attached(lab: Lab, engine: Engine) -> None:
    engine.run("hand")
    lab.apply(stack(""), "h")
    engine.api.connect_container_to_network("hand", "dk_n")
    engine.run("born", network="dk_n")
    lab.demand_done(stack(""), "h")
    assert engine.on("dk_n") == {"hand", "born"}


def test_a_container_attached_by_hand_as_declared_is_left_alone(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(""), "h")
    engine.run("born", network="dk_n")
    endpoint = engine.endpoint("born", "dk_n")
    lab.demand_done(stack("{container: born}"), "h")
    assert engine.endpoint("born", "dk_n") == endpoint
    lab.demand_done(stack(""), "h")


def test_a_container_attached_by_hand_in_another_way_is_a_conflict(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(""), "h")
    engine.run("born", network="dk_n")
    text = stack("{container: born, address: 10.80.0.20}")
    with pytest.raises(ConflictError, match="dk_n born"):
        lab.apply(text, "h")
    lab.apply(text, "h", adopt=True)
    assert engine.address("born", "dk_n") == "10.80.0.20"


def test_containers_join_a_network_that_is_only_referred_to(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("shared")
    engine.run("web-1")
    before = engine.snapshot()
    text = "stack: dk\nnetworks: {s: {provider: docker, name: shared, external: true, attach: [{container: web-1}]}}"
    lab.apply(text, "h")
    assert engine.on("shared") == {"web-1"}
    lab.destroy("dk", "h")
    assert engine.snapshot() == before


def test_a_network_that_is_referred_to_and_not_there_is_an_error(lab: Lab) -> None:
    with pytest.raises(DeclarationError) as caught:
        lab.plan("stack: dk\nnetworks: {s: {provider: docker, name: shared, external: true}}", "h")
    assert [found.code for found in caught.value.diagnostics] == ["NC342"]


def test_a_container_with_the_hosts_network_is_an_error_by_name_and_passed_over_by_label(
    lab: Lab, engine: Engine
) -> None:
    engine.run("web-1", network="host", app="web")
    engine.run("web-2", app="web")
    lab.apply(stack("{containers: {labels: {app: web}}}"), "h")
    assert engine.on("dk_n") == {"web-2"}
    with pytest.raises(DeclarationError) as caught:
        lab.plan(stack("{container: web-1}"), "h")
    assert [found.code for found in caught.value.diagnostics] == ["NC343"]


def test_two_networks_of_a_stack_are_isolated_as_docker_isolates_them(lab: Lab, engine: Engine) -> None:
    for name in ("one", "two", "other"):
        engine.run(name)
    lab.apply(
        "stack: dk\nnetworks:\n"
        "  n: {provider: docker, subnet: {cidr: 10.80.0.0/24}, attach: [{container: one}, {container: two}]}\n"
        "  m: {provider: docker, subnet: {cidr: 10.81.0.0/24}, attach: [{container: other}]}\n",
        "h",
    )
    for name in ("one", "two", "other"):
        engine.api.disconnect_container_from_network(name, "bridge")
    assert engine.pings("one", engine.address("two", "dk_n"))
    assert not engine.pings("one", engine.address("other", "dk_m"))


def test_a_container_reaches_the_outside_through_nat(lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    lab.add("out")
    lab.join("out", "eth0", "h", "up0")
    lab.ip("h", "address add 192.0.2.10/24 dev up0")
    lab.ip("out", "address add 192.0.2.1/24 dev eth0")
    lab.apply(stack("{container: web-1}"), "h")
    engine.api.disconnect_container_from_network("web-1", "bridge")
    assert engine.pings("web-1", "192.0.2.1")
