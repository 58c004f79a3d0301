"""External services: nodes of their own in the catalog, by the conventions of Consul's external monitor."""

from typing import Any

import pytest

from netctl.engine.change import Action
from netctl.errors import ConflictError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe

FIELDS = "external: smtp.example.com, port: 25, tags: [a], meta: {team: mail}, checks: [{tcp: true, interval: 30s}]"


def stack(fields: str = FIELDS) -> str:
    return f"stack: shop\nconsul: {{}}\nservices:\n  mail: {{{fields}}}\n"


def row(agent: Agent) -> dict[str, Any]:
    """The service in the catalog."""
    [found] = agent.get("catalog/service/mail")
    return dict(found)


def test_an_external_service_is_registered_by_the_conventions(lab: Lab, agent: Agent) -> None:
    before = agent.snapshot()
    lab.apply(stack(), "h")
    found = row(agent)
    assert (found["Node"], found["Address"], found["ServicePort"]) == ("shop-mail", "smtp.example.com", 25)
    assert found["ServiceTags"] == ["a"]
    assert found["ServiceMeta"]["team"] == "mail"
    assert (found["NodeMeta"]["external-node"], found["NodeMeta"]["external-probe"]) == ("true", "false")
    [check] = agent.get("health/checks/mail")
    assert check["Definition"]["TCP"] == "smtp.example.com:25"
    lab.destroy("shop", "h")
    assert agent.snapshot() == before


CHANGES = {
    "address": ("smtp.example.com", "smtp.example.org"),
    "port": ("25", "587"),
    "tags": ("[a]", "[a, b]"),
    "meta": ("team: mail", "team: ops"),
    "checks": ("interval: 30s", "interval: 40s"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_changed_in_place(field: str, lab: Lab) -> None:
    lab.apply(stack(), "h")
    [change] = lab.apply(stack(FIELDS.replace(*CHANGES[field])), "h").changes
    assert change.action is Action.UPDATE
    assert field in change.fields
    lab.apply(stack(), "h")


def test_what_the_monitor_has_found_is_left_alone_by_another_change(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    [check] = agent.get("health/checks/mail")
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put("catalog/register", body | {"Check": check | {"Status": "critical", "Output": "refused"}})
    lab.apply(stack(FIELDS.replace("[a]", "[b]")), "h")
    [check] = agent.get("health/checks/mail")
    assert (check["Status"], check["Output"]) == ("critical", "refused")


def test_a_node_of_somebody_elses_is_never_touched(lab: Lab, agent: Agent) -> None:
    theirs = {"Node": "shop-mail", "Address": "192.0.2.7", "NodeMeta": {"rack": "a"}}
    agent.put("catalog/register", theirs | {"Service": {"Service": "other", "Port": 1}})
    before = agent.snapshot()
    with pytest.raises(ConflictError):
        lab.apply_once(stack(), "h")
    lab.destroy("shop", "h")
    assert agent.snapshot() == before


def test_the_nodes_of_agents_keep_their_metadata(lab: Lab, agent: Agent) -> None:
    before = agent.get(f"catalog/node/{agent.node}")["Node"]
    lab.apply(stack() + "  web: {port: 80, endpoints: [10.20.0.10]}\n", "h")
    lab.destroy("shop", "h")
    after = agent.get(f"catalog/node/{agent.node}")["Node"]
    assert {name: after[name] for name in ("ID", "Node", "Address", "Meta")} == {
        name: before[name] for name in ("ID", "Node", "Address", "Meta")
    }


def test_one_that_somebody_removed_is_put_back(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    agent.put("catalog/deregister", {"Node": "shop-mail"})
    assert describe(lab.apply(stack(), "h")) == ["create consul/external/shop-mail"]
