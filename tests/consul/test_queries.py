"""Prepared queries: marked within themselves, compared, changed in place, never another's."""

import pytest

from netctl.engine import apply as engine_apply
from netctl.engine.apply import ApplyError
from netctl.engine.change import Action
from netctl.errors import ConflictError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe

FIELDS = (
    "tags: [v2, '!old'], near: _agent, nearest: 2, failover: [dc2, dc3], only_passing: true, ignore_checks: [disk], "
    "node_meta: {rack: a}, service_meta: {v: 2}, ttl: 90s"
)


def stack(fields: str, name: str = "web") -> str:
    return f"stack: shop\nservices:\n  web: {{port: 80, endpoints: [10.20.0.10], queries: {{{name}: {{{fields}}}}}}}\n"


def test_a_query_is_stored_with_all_that_is_declared_and_left_alone(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(FIELDS), "h")
    found = agent.query("web")
    assert found is not None
    service = found["Service"]
    assert (service["Service"], service["Tags"], service["Near"]) == ("web", ["v2", "!old"], "_agent")
    assert service["Failover"] == {"NearestN": 2, "Datacenters": ["dc2", "dc3"]}
    assert (service["OnlyPassing"], service["NodeMeta"], service["ServiceMeta"]) == (True, {"rack": "a"}, {"v": "2"})
    assert service["IgnoreCheckIDs"] == ["disk", "netctl:shop:web:services.web"]
    assert found["DNS"] == {"TTL": "1m30s"}
    lab.destroy("shop", "h")
    assert agent.get("query") == []


def test_a_query_answers(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("only_passing: true"), "h")
    [node] = agent.get("query/web/execute")["Nodes"]
    assert node["Service"]["Address"] == "10.20.0.10"


CHANGES = {
    "tags": ("tags: [a]", "tags: [b]"),
    "near": ("", "near: _agent"),
    "nearest": ("nearest: 1", "nearest: 2"),
    "failover": ("failover: [dc2]", "failover: [dc3, dc2]"),
    "only_passing": ("only_passing: true", ""),
    "connect": ("", "connect: true"),
    "ignored_checks": ("ignore_checks: [a]", ""),
    "node_meta": ("node_meta: {a: b}", "node_meta: {a: c}"),
    "service_meta": ("service_meta: {a: b}", ""),
    "ttl": ("ttl: 10s", "ttl: 20s"),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_changed_in_place(field: str, lab: Lab, agent: Agent) -> None:
    before, after = CHANGES[field]
    lab.apply(stack(before), "h")
    first = agent.query("web")
    [change] = lab.apply(stack(after), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, (field,))
    now = agent.query("web")
    assert first is not None
    assert now is not None
    assert now["ID"] == first["ID"]


def test_a_query_of_another_name_is_another_query(lab: Lab) -> None:
    lab.apply(stack(""), "h")
    assert sorted(describe(lab.apply(stack("", "api"), "h"))) == [
        "create consul/query/api", "delete consul/query/web",
    ]  # fmt: skip


def test_a_foreign_query_is_a_conflict_and_taken_over_when_asked(lab: Lab, agent: Agent) -> None:
    agent.request("POST", "query", {"Name": "web", "Service": {"Service": "web", "IgnoreCheckIDs": ["a"]}})
    before = agent.snapshot()
    with pytest.raises(ConflictError):
        lab.apply_once(stack("ttl: 10s"), "h")
    assert agent.snapshot() == before
    lab.apply(stack("ttl: 10s"), "h", adopt=True)
    lab.destroy("shop", "h")
    assert agent.get("query") == []


def test_a_copied_mark_is_ignored_and_what_is_foreign_stays(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(""), "h")
    found = agent.query("web")
    assert found is not None
    agent.request("POST", "query", {"Name": "copy", "Service": found["Service"]})
    template = {"Name": "geo", "Template": {"Type": "name_prefix_match"}, "Service": {"Service": "${name.full}"}}
    agent.request("POST", "query", template)
    lab.demand_done(stack(""), "h")
    lab.destroy("shop", "h")
    assert {query["Name"] for query in agent.get("query")} == {"copy", "geo"}


TEMPLATE = {"Type": "name_prefix_match", "Regexp": "^web-(.+)$"}


def test_a_template_is_left_alone_and_an_own_query_is_made_none(lab: Lab, agent: Agent) -> None:
    agent.request("POST", "query", {"Name": "", "Template": TEMPLATE, "Service": {"Service": "web-${match(1)}"}})
    foreign = agent.query("")
    lab.apply(stack("ttl: 10s"), "h")
    own = agent.query("web")
    assert own is not None
    agent.put(f"query/{own['ID']}", own | {"Template": TEMPLATE})
    [change] = lab.apply(stack("ttl: 10s"), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, ("template",))
    now = agent.query("web")
    assert now is not None
    assert (now["ID"], now["Template"]) == (own["ID"], own["Template"])
    lab.destroy("shop", "h")
    assert agent.get("query") == [foreign]


def test_a_foreign_template_is_a_conflict_and_none_any_more_when_taken_over(lab: Lab, agent: Agent) -> None:
    agent.request("POST", "query", {"Name": "web", "Template": TEMPLATE, "Service": {"Service": "web"}})
    before = agent.snapshot()
    with pytest.raises(ConflictError):
        lab.apply_once(stack("ttl: 10s"), "h")
    assert agent.snapshot() == before
    lab.apply(stack("ttl: 10s"), "h", adopt=True)
    found = agent.query("web")
    assert found is not None
    assert found["Template"]["Type"] == ""


def test_a_query_that_changes_between_looking_and_writing_is_not_overwritten(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(stack("ttl: 10s"), "h")
    found = agent.query("web")
    assert found is not None
    execute = engine_apply._Run.execute

    def interfered(run: engine_apply._Run) -> None:
        agent.put(f"query/{found['ID']}", found | {"DNS": {"TTL": "1s"}})
        execute(run)

    monkeypatch.setattr(engine_apply._Run, "execute", interfered)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(stack("ttl: 20s"), "h")
    assert "index is stale" in str(caught.value.report.failed[0].failure)


def test_a_query_that_somebody_changed_or_removed_is_put_back(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("ttl: 10s"), "h")
    found = agent.query("web")
    assert found is not None
    agent.put(f"query/{found['ID']}", found | {"DNS": {"TTL": "1s"}})
    assert describe(lab.apply(stack("ttl: 10s"), "h")) == ["update consul/query/web"]
    agent.delete(f"query/{found['ID']}")
    assert describe(lab.apply(stack("ttl: 10s"), "h")) == ["create consul/query/web"]
