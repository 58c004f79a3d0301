"""Services on the host's own agent: registered, left alone, changed field by field, adopted, pruned, destroyed."""

import pytest

from netctl.engine.change import Action
from netctl.errors import ConflictError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe, keys
from tests.support.namespaces import wait_until

WEB = "shop:web:10.20.0.10"


def stack(fields: str = "", endpoints: str = "[10.20.0.10]", port: str = "80") -> str:
    return f"stack: shop\nconsul: {{}}\nservices:\n  web: {{port: {port}, endpoints: {endpoints}, {fields}}}\n"


def test_a_service_is_registered_with_all_that_is_declared(lab: Lab, agent: Agent) -> None:
    fields = (
        "tags: [v2, b, b], meta: {team: web}, weights: {passing: 10, warning: 2}, enable_tag_override: true, "
        "tagged_addresses: {wan: '198.51.100.1', lan: '10.0.0.1:8080'}"
    )
    assert describe(lab.apply(stack(fields), "h")) == [f"create consul/service/{WEB}"]
    found = agent.service(WEB)
    assert found is not None
    assert (found["Service"], found["Address"], found["Port"]) == ("web", "10.20.0.10", 80)
    assert found["Tags"] == ["v2", "b", "b"]
    assert found["Weights"] == {"Passing": 10, "Warning": 2}
    assert found["EnableTagOverride"] is True
    assert found["TaggedAddresses"]["wan"] == {"Address": "198.51.100.1", "Port": 80}
    assert found["TaggedAddresses"]["lan"] == {"Address": "10.0.0.1", "Port": 8080}
    assert found["Meta"] == {
        "team": "web", "netctl-stack": "shop", "netctl-declaration": "services.web", "netctl-id": WEB,
    }  # fmt: skip


def test_what_is_registered_is_in_the_catalog_when_apply_returns(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    assert [row["ServiceID"] for row in agent.get("catalog/service/web")] == [WEB]
    lab.destroy("shop", "h")
    assert agent.get("catalog/service/web") == []


def test_destroy_leaves_nothing_behind_and_what_is_foreign_untouched(lab: Lab, agent: Agent) -> None:
    agent.put("agent/service/register", {"ID": "other", "Name": "web", "Port": 80, "Check": {"TTL": "1h"}})
    agent.put("kv/shop/other", b"x")
    wait_until(lambda: agent.get("catalog/service/web"), what="the other one is in the catalog")
    before = agent.snapshot()
    lab.apply(stack("checks: [{tcp: true}, {ttl: 1m}]") + "kv: {shop/a: 1}\n", "h")
    lab.destroy("shop", "h")
    assert agent.snapshot() == before


CHANGES = {
    "port": ("", "80", "", "81"),
    "tags": ("tags: [a]", "80", "tags: [a, b]", "80"),
    "the order of tags": ("tags: [a, b]", "80", "tags: [b, a]", "80"),
    "a tag removed": ("tags: [a]", "80", "", "80"),
    "meta": ("meta: {a: b}", "80", "meta: {a: c}", "80"),
    "meta removed": ("meta: {a: b}", "80", "", "80"),
    "weights": ("weights: {passing: 2}", "80", "weights: {passing: 2, warning: 0}", "80"),
    "tagged_addresses": ("tagged_addresses: {wan: 198.51.100.1}", "80", "tagged_addresses: {wan: 198.51.100.2}", "80"),
    "a tagged address removed": ("tagged_addresses: {wan: 198.51.100.1}", "80", "", "80"),
    "enable_tag_override": ("", "80", "enable_tag_override: true", "80"),
    "checks": ("checks: [{tcp: true}]", "80", "checks: [{tcp: true, interval: 11s}]", "80"),
    "a check added": ("", "80", "checks: [{tcp: true}]", "80"),
    "a check removed": ("checks: [{tcp: true}, {ttl: 1m}]", "80", "checks: [{ttl: 1m}]", "80"),
}
FIELDS = {
    "the order of tags": "tags", "a tag removed": "tags", "meta removed": "meta", "a check added": "checks",
    "a tagged address removed": "tagged_addresses", "a check removed": "checks",
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_field_is_changed_in_place(change: str, lab: Lab) -> None:
    before, old_port, after, new_port = CHANGES[change]
    lab.apply(stack(before, port=old_port), "h")
    [made] = lab.apply(stack(after, port=new_port), "h").changes
    assert (made.action, made.fields) == (Action.UPDATE, (FIELDS.get(change, change),))
    [again] = lab.apply(stack(before, port=old_port), "h").changes
    assert again.fields == made.fields


def test_an_instance_that_is_not_declared_any_more_is_deregistered(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(endpoints="[10.20.0.10, 10.20.0.11]"), "h")
    plan = lab.apply(stack(endpoints="[10.20.0.11]"), "h")
    assert keys(plan, Action.DELETE) == {f"service/{WEB}"}
    assert list(agent.services()) == ["shop:web:10.20.0.11"]


def test_an_endpoint_may_have_a_weight_of_its_own_and_none_at_zero(lab: Lab, agent: Agent) -> None:
    ends = "[10.20.0.10, {address: 10.20.0.11, weight: 5}, {address: 10.20.0.12, weight: 0}]"
    lab.apply(stack("weights: {passing: 3}", endpoints=ends), "h")
    found = {ident: service["Weights"]["Passing"] for ident, service in agent.services().items()}
    assert found == {WEB: 3, "shop:web:10.20.0.11": 5}


def test_an_attachment_is_registered_by_both_of_its_addresses(lab: Lab, agent: Agent) -> None:
    lab.add("app")
    text = (
        'stack: shop\nnetworks:\n  n:\n    subnet: {cidr: [10.20.0.0/24, "fd00:20::/64"]}\n    attach:\n'
        '      - {netns: "${app}", address: [10.20.0.10, "fd00:20::10"], labels: {app: web}}\n'
        "services:\n  web: {port: 80, endpoints: {labels: {app: web}}, tags: [a], checks: [{http: /}]}\n"
    )
    lab.apply(text, "h")
    found = agent.service(WEB)
    assert found is not None
    assert found["TaggedAddresses"]["lan_ipv6"] == {"Address": "fd00:20::10", "Port": 80}
    lab.destroy("shop", "h")
    assert agent.services() == {}


def test_a_service_on_ipv6_is_no_permanent_difference(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("checks: [{http: /x}, {tcp: true}]", endpoints='["fd00::10"]'), "h")
    found = agent.service("shop:web:fd00::10")
    assert found is not None
    assert found["Address"] == "fd00::10"


def test_each_port_is_a_service_of_its_own_as_healthy_as_the_first(lab: Lab, agent: Agent) -> None:
    text = (
        "stack: shop\nconsul: {}\nservices:\n  web:\n    port: [80, 80/udp, 9090]\n"
        "    ports: {http: 80, metrics: 9090, admin: 8000-8010}\n    checks: [{ttl: 1h, status: passing}]\n"
        "    endpoints: [10.20.0.10, {address: 10.20.0.11, id: web/2, weight: 3}]\n    tags: [v2]\n"
        "    tagged_addresses: {wan: 198.51.100.1, proxied: '198.51.100.2:8443'}\n"
    )
    lab.apply(text, "h")
    found = {ident: (row["Service"], row["Port"]) for ident, row in agent.services().items()}
    assert found == {
        WEB: ("web", 80), "shop:web-metrics:10.20.0.10": ("web-metrics", 9090),
        "shop:web-admin:10.20.0.10": ("web-admin", 8000),
        "web/2": ("web", 80), "web/2-metrics": ("web-metrics", 9090), "web/2-admin": ("web-admin", 8000),
    }  # fmt: skip
    metrics = agent.services()["shop:web-metrics:10.20.0.10"]
    assert metrics["Tags"] == ["v2"]
    assert metrics["TaggedAddresses"]["wan"] == {"Address": "198.51.100.1", "Port": 9090}
    assert "proxied" not in metrics["TaggedAddresses"]
    alias = "shop:web-metrics:10.20.0.10:alias"
    assert agent.checks()[alias]["Type"] == "alias"
    agent.put(f"agent/check/fail/{WEB}:ttl")
    wait_until(lambda: agent.checks()[alias]["Status"] == "critical", 60, "the further port is critical, too")
    lab.demand_done(text, "h")
    lab.destroy("shop", "h")
    assert agent.services() == {}


def test_the_ids_of_a_services_ports_are_the_same_whatever_joins_them(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(port="[80, 9090]"), "h")
    assert set(agent.services()) == {WEB, "shop:web-9090:10.20.0.10"}
    plan = lab.apply(stack(port="[80, 443, 9090]"), "h")
    assert describe(plan) == ["create consul/service/shop:web-443:10.20.0.10"]


def test_each_port_of_an_external_service_is_a_node_of_its_own(lab: Lab, agent: Agent) -> None:
    mail = "{external: smtp.example.com, port: [25, 587], checks: [{tcp: true}], tags: [a]}"
    text = f"stack: shop\nservices:\n  mail: {mail}\n"
    lab.apply(text, "h")
    assert {node["Node"] for node in agent.get("catalog/nodes")} == {agent.node, "shop-mail", "shop-mail-587"}
    assert [row["ServicePort"] for row in agent.get("catalog/service/mail-587")] == [587]
    lab.destroy("shop", "h")


def test_a_foreign_service_of_the_same_id_is_a_conflict_and_taken_over_when_asked(lab: Lab, agent: Agent) -> None:
    agent.put("agent/service/register", {"ID": WEB, "Name": "web", "Port": 79, "Tags": ["theirs"]})
    with pytest.raises(ConflictError):
        lab.apply_once(stack("tags: [ours]"), "h")
    found = agent.service(WEB)
    assert found is not None
    assert (found["Port"], found["Tags"]) == (79, ["theirs"])
    lab.apply(stack("tags: [ours]"), "h", adopt=True)
    found = agent.service(WEB)
    assert found is not None
    assert (found["Port"], found["Tags"], found["Meta"]["netctl-stack"]) == (80, ["ours"], "shop")


def test_a_copied_mark_is_ignored(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    found = agent.service(WEB)
    assert found is not None
    agent.put("agent/service/register", {"ID": "copy", "Name": "web", "Meta": found["Meta"]})
    lab.demand_done(stack(), "h")
    lab.destroy("shop", "h")
    assert list(agent.services()) == ["copy"]


def test_another_stacks_service_is_left_alone(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    lab.apply(stack().replace("shop", "other"), "h")
    lab.destroy("shop", "h")
    assert list(agent.services()) == ["other:web:10.20.0.10"]


def test_a_service_is_only_registered_where_the_stack_asks_for_consul(lab: Lab, agent: Agent) -> None:
    plain = "stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], checks: [{tcp: true}]}\n"
    lab.apply(plain, "h")
    assert agent.services() == {}
    lab.apply(plain + "  db: {endpoints: [10.20.0.11], register: true}\n", "h")
    assert set(agent.services()) == {WEB, "shop:db:10.20.0.11"}
    exempted = plain.replace("port: 80", "port: 80, register: false")
    lab.apply(exempted + "  db: {endpoints: [10.20.0.11], tags: [a]}\n", "h")
    assert set(agent.services()) == {"shop:db:10.20.0.11"}


def test_nothing_is_registered_anew_without_a_difference(lab: Lab, agent: Agent) -> None:
    text = stack("checks: [{ttl: 1h, deregister_after: 1h}], tags: [a]")
    lab.apply(text, "h")
    [before] = agent.get("catalog/service/web")
    log = agent.log().count("/v1/agent/service/register") + agent.log().count("/v1/agent/check/register")
    lab.apply(text, "h")
    assert agent.get("catalog/service/web") == [before]
    assert log == agent.log().count("/v1/agent/service/register") + agent.log().count("/v1/agent/check/register")


def test_a_service_of_another_name_under_the_same_id_is_replaced_with_its_maintenance_mode(
    lab: Lab, agent: Agent
) -> None:
    lab.apply(stack("checks: [{tcp: true}]"), "h")
    found = agent.service(WEB)
    assert found is not None
    body = {"ID": WEB, "Name": "renamed", "Address": found["Address"], "Port": 80, "Meta": found["Meta"]}
    agent.put("agent/service/register", body)
    agent.put(f"agent/service/maintenance/{WEB}", enable="true", reason="by hand")
    [change] = lab.apply(stack("checks: [{tcp: true}]"), "h").changes
    assert (change.action, change.fields[0]) == (Action.REPLACE, "name")
    assert {check["ServiceName"] for check in agent.checks(WEB).values()} == {"web"}
    assert agent.checks(WEB)[f"_service_maintenance:{WEB}"]["Notes"] == "by hand"


def test_tags_that_others_may_change_are_only_set_when_registering(lab: Lab, agent: Agent) -> None:
    text = stack("tags: [ours], enable_tag_override: true")
    lab.apply(text, "h")
    row = agent.get("catalog/service/web")[0]
    service = {"ID": WEB, "Service": "web", "Tags": ["theirs"], "Address": "10.20.0.10", "Port": 80}
    service |= {"Meta": row["ServiceMeta"], "EnableTagOverride": True}
    service |= {"TaggedAddresses": row["ServiceTaggedAddresses"]}
    agent.put(
        "catalog/register", {"Node": agent.node, "Address": row["Address"], "SkipNodeUpdate": True, "Service": service}
    )
    lab.demand_done(text, "h")


def test_each_host_registers_its_own_instances_and_one_that_is_renamed_leaves_no_ghosts(lab: Lab, agent: Agent) -> None:
    text = (
        "stack: shop\nhosts:\n  h: {id: 1, address: 192.0.2.1}\n  other: {id: 2, address: 192.0.2.2}\n"
        "services:\n  web:\n"
        "    {port: 80, tags: [a], endpoints: [{address: 10.20.0.10, host: h}, {address: 10.20.0.11, host: other}]}\n"
    )
    lab.apply(text, "h")
    assert list(agent.services()) == [WEB]
    lab.names["renamed"] = lab.names["h"]
    renamed = text.replace("  h: {id", "  renamed: {id").replace("host: h}", "host: renamed}")
    lab.apply(renamed, "renamed")
    assert list(agent.services()) == [WEB]
