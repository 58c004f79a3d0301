"""External services: nodes of their own in the catalog, by the conventions of Consul's external monitor."""

from typing import Any

import pytest

from netctl.engine.change import Action
from netctl.errors import ConflictError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe

FIELDS = (
    "external: smtp.example.com, port: 25, tags: [a], meta: {team: mail}, checks: [{tcp: true, interval: 30s}], "
    "weights: {passing: 9, warning: 2}, tagged_addresses: {wan: 198.51.100.1, lan_ipv4: '192.0.2.9:26'}"
)


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
    assert found["ServiceWeights"] == {"Passing": 9, "Warning": 2}
    assert found["ServiceTaggedAddresses"] == {
        "wan": {"Address": "198.51.100.1", "Port": 25},
        "lan_ipv4": {"Address": "192.0.2.9", "Port": 26},
    }
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
    "weights": ("passing: 9", "passing: 8"),
    "tagged_addresses": ("198.51.100.1", "198.51.100.2"),
    "enable_tag_override": ("port: 25", "port: 25, enable_tag_override: true"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_changed_in_place(field: str, lab: Lab) -> None:
    lab.apply(stack(), "h")
    [change] = lab.apply(stack(FIELDS.replace(*CHANGES[field])), "h").changes
    assert change.action is Action.UPDATE
    assert field in change.fields
    lab.apply(stack(), "h")


@pytest.mark.parametrize(
    ("field", "changed"),
    {
        "weights": {"Weights": {"Passing": 1, "Warning": 1}},
        "tagged_addresses": {"TaggedAddresses": None},
        "enable_tag_override": {"EnableTagOverride": True},
        "tags": {"Tags": []},
        "service": {"Service": "other"},
    }.items(),
)
def test_what_somebody_changed_of_the_service_is_put_back(
    field: str, changed: dict[str, Any], lab: Lab, agent: Agent
) -> None:
    lab.apply(stack(), "h")
    change_service(agent, changed)
    [change] = lab.apply(stack(), "h").changes
    assert change.fields == (field,)


def change_service(agent: Agent, changed: dict[str, Any]) -> None:
    service = agent.get("catalog/node/shop-mail")["Services"]["mail"] | changed
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put("catalog/register", body | {"Service": service})


def test_tags_that_others_may_change_are_left_as_they_are(lab: Lab, agent: Agent) -> None:
    text = stack(f"{FIELDS}, enable_tag_override: true")
    lab.apply(text, "h")
    change_service(agent, {"Tags": ["theirs"]})
    lab.demand_done(text, "h")


def test_a_further_port_has_the_tagged_addresses_that_are_declared_without_one(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(FIELDS.replace("port: 25", "ports: {smtp: 25, tls: 465}")), "h")
    [found] = agent.get("catalog/service/mail-tls")
    assert found["ServiceTaggedAddresses"] == {"wan": {"Address": "198.51.100.1", "Port": 465}}
    assert found["ServiceWeights"] == {"Passing": 9, "Warning": 2}


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


def theirs(agent: Agent, ident: str) -> None:
    """Register a service of somebody else's on the stack's node."""
    service = {"ID": ident, "Service": "theirs", "Port": 9}
    agent.put(
        "catalog/register", {"Node": "shop-mail", "Address": "192.0.2.9", "SkipNodeUpdate": True, "Service": service}
    )


def services(agent: Agent) -> dict[str, str]:
    """The names of the services on the stack's node, by id; none without the node."""
    found = agent.get("catalog/node/shop-mail")
    return {ident: one["Service"] for ident, one in found["Services"].items()} if found else {}


@pytest.mark.parametrize("ident", ["aaa", "zzz"])
def test_what_others_put_on_a_node_of_netctls_stays(ident: str, lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    theirs(agent, ident)
    lab.demand_done(stack(), "h")
    [change] = lab.apply(stack(FIELDS.replace("25", "587")), "h").changes
    assert change.action is Action.UPDATE
    lab.destroy("shop", "h")
    assert services(agent) == {ident: "theirs"}
    node = agent.get("catalog/node/shop-mail")["Node"]
    assert node["Meta"] == {"external-node": "true", "external-probe": "false"}
    assert agent.get("health/node/shop-mail") == []
    assert not lab.plan("stack: shop\nkv: {}\n", "h")
    lab.apply(stack(), "h", adopt=True)
    assert services(agent) == {ident: "theirs", "mail": "mail"}


def test_a_service_that_somebody_removed_from_its_node_is_put_back(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    theirs(agent, "aaa")
    agent.put("catalog/deregister", {"Node": "shop-mail", "ServiceID": "mail"})
    lab.apply(stack(), "h")
    assert services(agent) == {"aaa": "theirs", "mail": "mail"}
    agent.put("catalog/deregister", {"Node": "shop-mail", "ServiceID": "mail"})
    lab.destroy("shop", "h")
    assert services(agent) == {"aaa": "theirs"}


def test_a_service_of_another_id_is_taken_over_under_netctls(lab: Lab, agent: Agent) -> None:
    service = {"ID": "mail-1", "Service": "mail", "Address": "smtp.example.com", "Port": 25}
    agent.put("catalog/register", {"Node": "shop-mail", "Address": "smtp.example.com", "Service": service})
    lab.apply(stack("external: smtp.example.com, port: 25"), "h", adopt=True)
    assert services(agent) == {"mail": "mail"}
    before = agent.get("catalog/nodes")
    lab.destroy("shop", "h")
    assert len(agent.get("catalog/nodes")) == len(before) - 1


CHECKED = (
    "external: smtp.example.com, port: 25, checks: [{tcp: true, interval: 90s}, {http: /, method: PUT, "
    "headers: {X-A: [b, c]}, body: 'd', interval: 1m30s, timeout: 1m, tls_skip_verify: true, notes: e, name: f}, "
    "{http: /g, headers: {}, body: '', deregister_after: 1h}]"
)
DEFINED: dict[str, tuple[str, dict[str, Any]]] = {
    "the address of a check by tcp": ("tcp", {"Definition": {"TCP": "evil:1", "Interval": "90s"}}),
    "another kind of check": ("tcp", {"Definition": {"HTTP": "http://smtp.example.com:25", "Interval": "90s"}}),
    "an interval": ("tcp", {"Definition": {"TCP": "smtp.example.com:25", "Interval": "9s"}}),
    "one more setting": (
        "tcp", {"Definition": {"TCP": "smtp.example.com:25", "Interval": "90s", "TLSSkipVerify": True}},
    ),
    "a name": ("tcp", {"Name": "other"}),
    "notes": ("http", {"Notes": "other"}),
    "a header": ("http", {"Definition": {"Header": {"X-A": ["b"]}}}),
    "a body": ("http", {"Definition": {"Body": "hunter2"}}),
    "a timeout": ("http", {"Definition": {"Timeout": "2m"}}),
    "what it is of": ("tcp", {"ServiceID": ""}),
}  # fmt: skip


@pytest.mark.parametrize("what", DEFINED)
def test_a_check_that_somebody_defined_anew_is_put_back(what: str, lab: Lab, agent: Agent) -> None:
    kind, changed = DEFINED[what]
    lab.apply(stack(CHECKED), "h")
    before = told(agent)
    check = agent_check(agent, f"shop:mail:{kind}")
    if kind == "http" and "Definition" in changed:
        changed = {"Definition": check["Definition"] | changed["Definition"]}
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put("catalog/register", body | {"Check": check | changed})
    [change] = lab.apply(stack(CHECKED), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, ("checks",))
    assert "hunter2" not in repr(change)
    assert told(agent) == before


def told(agent: Agent) -> list[dict[str, Any]]:
    """The checks on the stack's node, less what differs each time."""
    found = agent.get("health/node/shop-mail")
    return [{name: value for name, value in check.items() if not name.endswith("Index")} for check in found]


def agent_check(agent: Agent, ident: str) -> dict[str, Any]:
    """A check on the stack's node."""
    return next(check for check in agent.get("health/node/shop-mail") if check["CheckID"] == ident)


def test_a_check_that_somebody_removed_is_put_back_and_one_of_theirs_stays(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    before = told(agent)
    agent.put("catalog/deregister", {"Node": "shop-mail", "CheckID": "shop:mail:tcp"})
    [change] = lab.apply(stack(), "h").changes
    assert change.fields == ("checks",)
    assert told(agent) == before
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put("catalog/register", body | {"Check": {"CheckID": "theirs", "Name": "theirs", "ServiceID": "mail"}})
    lab.demand_done(stack(), "h")


def test_a_check_that_nothing_defines_any_more_is_removed(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put(
        "catalog/register", body | {"Check": agent_check(agent, "shop:mail:tcp") | {"CheckID": "shop:mail:tcp-2"}}
    )
    lab.apply(stack(), "h")
    assert [check["CheckID"] for check in told(agent)] == ["shop:mail:tcp"]


@pytest.mark.parametrize("where", ["the node", "the service"])
def test_an_address_that_somebody_changed_is_put_back(where: str, lab: Lab, agent: Agent) -> None:
    lab.apply(stack(), "h")
    answer = agent.get("catalog/node/shop-mail")
    node, service = answer["Node"], answer["Services"]["mail"]
    body = {"Node": "shop-mail", "Address": node["Address"], "NodeMeta": node["Meta"], "Service": service}
    (body if where == "the node" else service)["Address"] = "elsewhere.example.com"
    agent.put("catalog/register", body)
    [change] = lab.apply(stack(), "h").changes
    assert change.fields == ("address",)
    assert (row(agent)["Address"], row(agent)["ServiceAddress"]) == ("smtp.example.com", "smtp.example.com")


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
