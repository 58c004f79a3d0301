"""What is live in Consul, as a declaration that can be applied to take it over."""

from typing import Any

import pytest

from netctl.cli import import_live
from netctl.engine.change import Action, Reason
from tests.consul.agent import Agent
from tests.e2e.lab import Lab


def imported(agent: Agent, capsys: pytest.CaptureFixture[str], *resources: str) -> str:
    options = import_live.Options(netns=agent.namespace, provider=["consul"], resource=list(resources), stack="shop")
    assert import_live.run(options) == 0
    return capsys.readouterr().out


def test_what_is_imported_can_be_taken_over_without_changing_anything(
    lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        agent.put(
            "agent/service/register",
            {"ID": f"web/{number}", "Name": "web", "Address": f"10.20.0.{number}", "Port": 80, "Tags": ["b", "a"],
             "Meta": {"team": "x"}, "Weights": {"Passing": number, "Warning": 3},
             "TaggedAddresses": {"wan": {"Address": "198.51.100.1", "Port": 8080}}},
        )  # fmt: skip
    agent.put("kv/app/level", b"info")
    agent.put("kv/app/limit", b"7", flags="9")
    agent.put("kv/app/lines", b"one\ntwo: 'x'\n")
    text = imported(agent, capsys)
    plan = lab.apply(text, "h", adopt=True)
    assert {(change.action, change.reason, change.fields) for change in plan.changes} == {
        (Action.UPDATE, Reason.ADOPTED, ("owner",))
    }
    found = agent.service("web/2")
    assert found is not None
    assert found["Meta"]["netctl-id"] == "web/2"
    lab.destroy("shop", "h")
    assert agent.services() == {}
    assert agent.keys() == {}


def test_dollar_signs_are_taken_over_as_they_are(lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.put(
        "agent/service/register",
        {"ID": "web-$HOME", "Name": "web", "Address": "10.20.0.1", "Port": 80, "Tags": ["urlprefix-$$x", "$"],
         "Meta": {"rule": "Host(`${A:-b}`)"}},
    )  # fmt: skip
    for path, value in {"level": b"${LEVEL:-debug}", "cost": b"US$$5", "home": b"${HOME}", "a$b": b"$a"}.items():
        agent.put(f"kv/app/{path}", value)
    agent.put("config", {"Kind": "service-resolver", "Name": "web", "Subsets": {"a": {"Filter": 'Tag == "$x"'}}})
    service, keys, entry = agent.service("web-$HOME"), agent.keys(), agent.entry("service-resolver", "web")
    assert service is not None
    assert entry is not None
    plan = lab.apply(imported(agent, capsys), "h", adopt=True)
    assert {(change.action, change.fields) for change in plan.changes} == {(Action.UPDATE, ("owner",))}
    after, entry_after = agent.service("web-$HOME"), agent.entry("service-resolver", "web")
    assert after is not None
    assert entry_after is not None
    assert (after["Tags"], after["Meta"]["rule"]) == (service["Tags"], service["Meta"]["rule"])
    assert entry_after["Subsets"] == entry["Subsets"]
    assert {path: agent.keys()[path] for path in keys} == keys
    lab.destroy("shop", "h")


def test_a_key_that_looks_like_a_variable_is_told_in_a_remark(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.put("kv/app/${x}", b"1")
    agent.put("config", {"Kind": "proxy-defaults", "Name": "global", "Config": {"a": [{"${b}": "c"}]}})
    agent.put("agent/service/register", {"ID": "web", "Name": "web", "Address": "10.20.0.1", "Port": 80})
    agent.request("POST", "query", {"Name": "${q}", "Service": {"Service": "web"}})
    text = imported(agent, capsys)
    for subject in ("key app/${x} ", "config entry proxy-defaults/global: ", "query ${q}: "):
        assert f"# not declared: {subject}" in text
    assert "${" not in "".join(line for line in text.splitlines() if not line.startswith("#"))


def external(agent: Agent, node: str, service: dict[str, Any], **more: Any) -> None:
    """Register a service on an external node of somebody else's."""
    body = {"Node": node, "Address": f"{node}.example.com", "NodeMeta": {"external-node": "true"}} | more
    agent.put("catalog/register", body | {"Service": service})


def test_external_services_are_imported_as_they_are(lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    full = {
        "Port": 25, "Tags": ["b", "a"], "Meta": {"owner": "ops"}, "Weights": {"Passing": 9, "Warning": 0},
        "TaggedAddresses": {"wan": {"Address": "198.51.100.1", "Port": 26}}, "EnableTagOverride": True,
    }  # fmt: skip
    external(agent, "ext1", {"ID": "x", "Service": "mail", "Address": "other.example.com"} | full)
    external(agent, "ext1", {"ID": "y", "Service": "news"})
    external(
        agent, "ext2", {"Service": "pinged", "Port": 1}, NodeMeta={"external-node": "true", "external-probe": "true"}
    )
    text = imported(agent, capsys)
    assert "# not declared: node ext1: its service's checks" in text
    assert "# not declared: node ext2: that consul-esm pings it" in text
    before = agent.get("catalog/nodes")
    lab.apply(text, "h")
    mail, news = agent.get("catalog/node/shop-mail"), agent.get("catalog/node/shop-news")
    assert mail["Node"]["Address"] == mail["Services"]["mail"]["Address"] == "other.example.com"
    meta = mail["Services"]["mail"].pop("Meta")
    assert meta["owner"] == "ops"
    assert {name: mail["Services"]["mail"][name] for name in full if name != "Meta"} == {
        name: value for name, value in full.items() if name != "Meta"
    }
    assert news["Services"]["news"]["Address"] == "ext1.example.com"
    lab.destroy("shop", "h")
    assert agent.get("catalog/nodes") == before


def test_what_others_put_on_a_node_of_netctls_is_imported_as_theirs(
    lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.apply("stack: shop\nconsul: {}\nservices:\n  mail: {external: smtp.example.com, port: 25}\n", "h")
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put("catalog/register", body | {"Service": {"ID": "aaa", "Service": "theirs", "Port": 9}})
    text = imported(agent, capsys)
    assert "  theirs: {register: true, external: smtp.example.com, port: 9}" in text.splitlines()
    assert "  mail:" not in text


def test_what_cannot_be_declared_is_told_in_remarks(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.put("agent/service/register", {"ID": "a", "Name": "Upper_Case", "Address": "10.20.0.1", "Port": 80})
    agent.put("agent/service/register", {"ID": "b", "Name": "plain", "Port": 80})
    agent.put("agent/service/register", {"ID": "c", "Name": "hosty", "Address": "db.internal", "Port": 80})
    agent.put("agent/service/register", {"ID": "d", "Name": "high", "Address": "10.20.0.1", "Port": 70000})
    agent.put("agent/service/register", {"ID": "e" * 129, "Name": "long", "Address": "10.20.0.1", "Port": 80})
    tagged = {"wan": {"Address": "db.example.com", "Port": 80}}
    body = {"ID": "f", "Name": "tagged", "Address": "10.20.0.1", "Port": 80, "TaggedAddresses": tagged}
    agent.put("agent/service/register", body)
    external(agent, "ext", {"ID": "g", "Service": "nowhere", "Address": "not a name", "Port": 80})
    agent.put("kv/app/blob", b"\xff\xfe")
    agent.put("kv/folder/", b"")
    text = imported(agent, capsys)
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["stack: shop"]
    unsayable = ("service c:", "service d:", f"service {'e' * 129}:", "service f:", "external service ext:")
    for subject in ("service a:", "service b ", "key app/blob ", "key folder/ ", *unsayable):
        assert f"# not declared: {subject}" in text


def test_what_a_stack_owns_is_listed_and_only_imported_when_named(
    lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "stack: shop\nservices:\n  mail: {external: smtp.example.com, port: 25}\nkv: {shop/a: b}\n"
    lab.apply(text, "h")
    assert imported(agent, capsys).splitlines() == ["stack: shop"]
    assert "shop/a: b" in imported(agent, capsys, "kv")
    assert "external: smtp.example.com" in imported(agent, capsys, "external")


def test_what_the_mesh_and_dns_are_told_can_be_taken_over_without_changing_anything(
    lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.put("agent/service/register", {"ID": "web-1", "Name": "web", "Address": "10.20.0.1", "Port": 80})
    agent.put("config", {"Kind": "proxy-defaults", "Name": "global", "Config": {"protocol": "http", "limit": 7}})
    agent.put("config", {"Kind": "service-splitter", "Name": "web", "Splits": [{"Weight": 100}]})
    agent.put("config", {"Kind": "service-resolver", "Name": "api", "Redirect": {"Service": "web"}})
    service = {"Service": "web", "Tags": ["a"], "Failover": {"Datacenters": ["dc2"]}, "OnlyPassing": True}
    agent.request("POST", "query", {"Name": "web", "Service": service, "DNS": {"TTL": "90s"}})
    for source, action in (("job", "allow"), ("*", "deny")):
        body = {"SourceName": source, "DestinationName": "web", "SourceType": "consul", "Action": action}
        agent.request("POST", "connect/intentions", body)
    text = imported(agent, capsys)
    plan = lab.apply(text, "h", adopt=True)
    assert {(change.action, change.reason, change.fields) for change in plan.changes} == {
        (Action.UPDATE, Reason.ADOPTED, ("owner",))
    }
    assert len(list(plan.changes)) == 7
    lab.destroy("shop", "h")
    assert agent.snapshot()["mesh"] == []


def test_a_template_of_queries_is_told_in_a_remark(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    template = {"Type": "name_prefix_match", "Regexp": "^web-(.+)$"}
    agent.put("agent/service/register", {"ID": "web", "Name": "web", "Address": "10.20.0.1", "Port": 80})
    agent.request("POST", "query", {"Name": "geo", "Template": template, "Service": {"Service": "web"}})
    text = imported(agent, capsys)
    assert "# not declared: query geo: it is a template" in text
    assert "queries" not in text


def test_what_is_of_services_that_are_not_here_is_told_in_remarks(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.request("POST", "query", {"Name": "q", "Service": {"Service": "elsewhere"}})
    body = {"SourceName": "a", "DestinationName": "elsewhere", "SourceType": "consul", "Action": "allow"}
    agent.request("POST", "connect/intentions", body)
    text = imported(agent, capsys)
    assert "# not declared: query q: it is of 'elsewhere'" in text
    assert "# not declared: intention a to elsewhere" in text
