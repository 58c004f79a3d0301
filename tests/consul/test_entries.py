"""Config entries: declared by Consul's own names, compared without what Consul adds, ordered as Consul wants them."""

from typing import Any

import pytest

from netctl.engine import apply as engine_apply
from netctl.engine.apply import ApplyError
from netctl.engine.change import Action
from netctl.errors import ConflictError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe, keys

HTTP = "service-defaults: {Protocol: http}"
SPLIT = f"{HTTP}, service-splitter: {{Splits: [{{Weight: 90}}, {{Weight: 10, Service: canary}}]}}"


def stack(entries: str, canary: str = HTTP, more: str = "") -> str:
    return (
        "stack: shop\nservices:\n"
        f"  web: {{port: 80, endpoints: [10.20.0.10], config_entries: {{{entries}}}}}\n"
        f"  canary: {{port: 80, endpoints: [10.20.0.11], config_entries: {{{canary}}}}}\n{more}"
    )


ENTRIES = {
    "service-defaults": "Protocol: HTTP, MeshGateway: {Mode: local}, ExternalSNI: a.example",
    "service-resolver": (
        "DefaultSubset: v1, ConnectTimeout: 65s, Subsets: {v1: {Filter: Service.Meta.v == 1}, v2: {OnlyPassing: true}, "
        "v3: {}}, Failover: {'*': {Datacenters: [dc2, dc3]}}"
    ),
    "service-splitter": "Splits: [{Weight: 90.5, ServiceSubset: ''}, {Weight: 9.5, Service: canary}]",
    "service-router": (
        "Routes: [{Match: {HTTP: {PathPrefix: /a, Methods: [GET, PUT], Header: [{Name: x, Exact: 1}]}}, "
        "Destination: {Service: canary, RequestTimeout: 90s, NumRetries: 3, RetryOnStatusCodes: [503]}}, "
        "{Destination: {Service: web}}]"
    ),
    "ingress-gateway": "Listeners: [{Port: 8080, Services: [{Name: web}]}]",
    "terminating-gateway": "Services: [{Name: canary, CAFile: /etc/ca.pem, SNI: a.example}]",
}
CHANGED = {
    "service-defaults": "Protocol: http, MeshGateway: {Mode: remote}",
    "service-resolver": "ConnectTimeout: 66s",
    "service-splitter": "Splits: [{Weight: 80}, {Weight: 20, Service: canary}]",
    "service-router": "Routes: [{Match: {HTTP: {PathExact: /b}}, Destination: {Service: canary, RequestTimeout: 2m}}]",
    "ingress-gateway": "Listeners: [{Port: 8081, Protocol: tcp, Services: [{Name: web}]}]",
    "terminating-gateway": "Services: [{Name: canary}]",
}


def of(kind: str, fields: str) -> str:
    """The entry, with what it needs."""
    is_plain = kind in {"service-defaults", "ingress-gateway", "terminating-gateway"}
    return f"{kind}: {{{fields}}}" if is_plain else f"{HTTP}, {kind}: {{{fields}}}"


@pytest.mark.parametrize("kind", ENTRIES)
def test_an_entry_of_every_kind_is_written_left_alone_changed_and_removed(kind: str, lab: Lab, agent: Agent) -> None:
    before = agent.snapshot()
    canary = "" if kind == "ingress-gateway" else HTTP
    lab.apply(stack(of(kind, ENTRIES[kind]), canary), "h")
    written = agent.entry(kind, "web")
    assert written is not None
    assert written["Meta"] == {
        "netctl-stack": "shop", "netctl-declaration": "services.web", "netctl-id": f"{kind}/web",
    }  # fmt: skip
    [change] = lab.apply(stack(of(kind, CHANGED[kind]), canary), "h").changes
    assert (change.action, change.key.id, change.fields) == (Action.UPDATE, f"{kind}/web", ("settings",))
    lab.apply(stack("", canary), "h")
    assert agent.entry(kind, "web") is None
    lab.destroy("shop", "h")
    assert agent.snapshot() == before


def test_fields_are_stored_as_they_are_declared(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(of("service-resolver", ENTRIES["service-resolver"])), "h")
    found = agent.entry("service-resolver", "web")
    assert found is not None
    assert (found["DefaultSubset"], found["ConnectTimeout"]) == ("v1", "1m5s")
    assert set(found["Subsets"]) == {"v1", "v2", "v3"}
    assert found["Failover"] == {"*": {"Datacenters": ["dc2", "dc3"]}}


def test_entries_of_nobodys_are_declared_by_kind_and_name(lab: Lab, agent: Agent) -> None:
    own = (
        "consul:\n  config_entries:\n    proxy-defaults: "
        "{global: {Config: {protocol: http, limits: {a: 1.0, b: [1]}}}}\n"
        "    service-resolver: {api: {Redirect: {Service: web}}}\n"
    )
    lab.apply(stack("", "", own), "h")
    found = agent.entry("proxy-defaults", "global")
    assert found is not None
    assert found["Config"] == {"protocol": "http", "limits": {"a": 1, "b": [1]}}
    assert agent.entry("service-resolver", "api") is not None
    [change] = lab.apply(stack("", "", own.replace("a: 1.0", "a: 1.5")), "h").changes
    assert change.key.id == "proxy-defaults/global"
    lab.destroy("shop", "h")
    assert agent.get("config/proxy-defaults") == []


def test_what_no_longer_leads_to_a_service_is_changed_before_that_ones_protocol_is_removed(
    lab: Lab, agent: Agent
) -> None:
    lab.apply(stack(SPLIT), "h")
    alone = f"{HTTP}, service-splitter: {{Splits: [{{Weight: 100}}]}}"
    plan = lab.apply(stack(alone, ""), "h")
    assert [(change.action, change.key.id) for change in plan.changes] == [
        (Action.UPDATE, "service-splitter/web"), (Action.DELETE, "service-defaults/canary"),
    ]  # fmt: skip
    lab.apply(stack(SPLIT), "h")
    lab.apply(stack(alone, "service-defaults: {Protocol: tcp}"), "h")
    lab.apply(stack("service-defaults: {Protocol: tcp}", ""), "h")
    assert agent.entry("service-splitter", "web") is None


def test_two_resolvers_may_lead_to_each_other(lab: Lab, agent: Agent) -> None:
    each = "service-resolver: {{Failover: {{'*': {{Service: {other}}}}}}}"
    lab.apply(stack(each.format(other="canary"), each.format(other="web")), "h")
    lab.destroy("shop", "h")
    assert agent.get("config/service-resolver") == []


def test_what_consul_refuses_is_undone_and_says_what_to_do(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("", ""), "h")
    before = agent.snapshot()
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(stack("service-splitter: {Splits: [{Weight: 100}]}"), "h")
    failure = caught.value.report.failed[0].failure
    assert failure is not None
    assert failure.attempt == "create config entry service-splitter/web"
    assert "does not permit advanced routing" in failure.answer
    assert "Protocol: http" in failure.advice
    assert agent.snapshot() == before


def test_an_entry_that_somebody_changed_or_removed_is_put_back(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(SPLIT), "h")
    found = agent.entry("service-splitter", "web")
    assert found is not None
    agent.put("config", found | {"Splits": [{"Weight": 100}], "Meta": found["Meta"] | {"theirs": "x"}})
    assert describe(lab.apply(stack(SPLIT), "h")) == ["update consul/config/service-splitter/web"]
    found = agent.entry("service-splitter", "web")
    assert found is not None
    assert found["Meta"]["theirs"] == "x"
    agent.delete("config/service-splitter/web")
    assert describe(lab.apply(stack(SPLIT), "h")) == ["create consul/config/service-splitter/web"]


def test_writing_is_not_repeated_without_a_difference(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(SPLIT), "h")
    before = agent.entry("service-splitter", "web")
    lab.apply(stack(SPLIT.replace("http", "HTTP")), "h")
    assert agent.entry("service-splitter", "web") == before


def test_a_foreign_entry_is_a_conflict_and_taken_over_when_asked(lab: Lab, agent: Agent) -> None:
    theirs: dict[str, Any] = {"Kind": "service-defaults", "Name": "web", "Protocol": "grpc", "Meta": {"a": "b"}}
    agent.put("config", theirs)
    before = agent.snapshot()
    with pytest.raises(ConflictError):
        lab.apply_once(stack(HTTP), "h")
    assert agent.snapshot() == before
    lab.apply(stack(HTTP), "h", adopt=True)
    found = agent.entry("service-defaults", "web")
    assert found is not None
    assert (found["Protocol"], found["Meta"]["a"], found["Meta"]["netctl-stack"]) == ("http", "b", "shop")


def test_a_copied_mark_is_ignored(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(HTTP), "h")
    found = agent.entry("service-defaults", "web")
    assert found is not None
    agent.put("config", {"Kind": "service-defaults", "Name": "copy", "Protocol": "http", "Meta": found["Meta"]})
    lab.demand_done(stack(HTTP), "h")
    lab.destroy("shop", "h")
    assert agent.entry("service-defaults", "copy") is not None


def test_an_entry_that_changes_between_looking_and_writing_is_not_overwritten(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(stack(HTTP), "h")
    execute = engine_apply._Run.execute
    found = agent.entry("service-defaults", "web")
    assert found is not None

    def interfered(run: engine_apply._Run) -> None:
        agent.put("config", found | {"Protocol": "grpc"})
        execute(run)

    monkeypatch.setattr(engine_apply._Run, "execute", interfered)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(stack(HTTP.replace("http", "http2")), "h")
    assert "index is stale" in str(caught.value.report.failed[0].failure)


def test_another_stacks_entries_are_left_alone(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(HTTP), "h")
    other = "stack: other\nconsul: {config_entries: {service-defaults: {api: {Protocol: grpc}}}}\n"
    lab.apply(other, "h")
    plan = lab.plan("stack: shop\nconsul: {}\n", "h")
    assert {key for key in keys(plan, Action.DELETE) if "config" in key} == {
        "config/service-defaults/web", "config/service-defaults/canary",
    }  # fmt: skip
    lab.destroy("shop", "h")
    assert agent.entry("service-defaults", "api") is not None
