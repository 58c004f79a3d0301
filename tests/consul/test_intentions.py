"""Intentions, as this version of Consul has them: declared with the destination, or derived from policies."""

import pytest

from netctl.compiler import compile_stack
from netctl.compiler.compile import Compiled
from netctl.engine import apply as engine_apply
from netctl.engine.apply import ApplyError
from netctl.engine.change import Action
from netctl.engine.facts import ConsulFacts, Facts
from netctl.errors import ConflictError
from netctl.kinds.consul_mesh import ConfigEntry, Intention
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe
from tests.stack.declaring import loaded

SERVICES = (
    "services:\n  web: {port: 80, endpoints: [10.20.0.10, 10.20.0.11]}\n"
    "  db: {port: 5432, endpoints: [10.20.0.20]%s}\n  job: {port: 1, endpoints: [10.20.0.30]}\n"
)


def declared(intentions: str) -> str:
    return f"stack: shop\n{SERVICES % f', intentions: {intentions}'}"


def derived(policies: str, own: str = "") -> str:
    return f"stack: shop\nconsul: {{intentions: true}}\n{SERVICES % own}policies:\n{policies}"


def test_declared_intentions_are_made_changed_and_removed(lab: Lab, agent: Agent) -> None:
    lab.apply(declared("[{from: web, description: reads}, {from: '*', action: deny}]"), "h")
    assert agent.intentions() == {("web", "db"): "allow", ("*", "db"): "deny"}
    [change] = lab.apply(declared("[{from: web, action: deny}, {from: '*', action: deny}]"), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, ("action", "description"))
    lab.apply(declared("[{from: '*', action: deny}]"), "h")
    assert agent.intentions() == {("*", "db"): "deny"}
    lab.destroy("shop", "h")
    assert agent.intentions() == {}


def test_a_foreign_intention_is_a_conflict_and_taken_over_when_asked(lab: Lab, agent: Agent) -> None:
    body = {"SourceName": "web", "DestinationName": "db", "SourceType": "consul", "Action": "deny", "Meta": {"a": "b"}}
    agent.request("POST", "connect/intentions", body)
    before = agent.snapshot()
    with pytest.raises(ConflictError):
        lab.apply_once(declared("[{from: web}]"), "h")
    assert agent.snapshot() == before
    lab.apply(declared("[{from: web}]"), "h", adopt=True)
    [found] = agent.get("connect/intentions")
    assert (found["Action"], found["Meta"]["a"], found["Meta"]["netctl-id"]) == ("allow", "b", "web:db")


def test_another_intention_and_a_copied_mark_are_left_alone(lab: Lab, agent: Agent) -> None:
    lab.apply(declared("[{from: web}]"), "h")
    [ours] = agent.get("connect/intentions")
    other = {"SourceName": "job", "DestinationName": "db", "SourceType": "consul", "Action": "allow"}
    agent.request("POST", "connect/intentions", other | {"Meta": ours["Meta"]})
    lab.demand_done(declared("[{from: web}]"), "h")
    lab.destroy("shop", "h")
    assert agent.intentions() == {("job", "db"): "allow"}


def test_an_intention_that_somebody_changed_or_removed_is_put_back(lab: Lab, agent: Agent) -> None:
    text = declared("[{from: web}]")
    lab.apply(text, "h")
    [found] = agent.get("connect/intentions")
    agent.put(f"connect/intentions/{found['ID']}", found | {"Action": "deny"})
    assert describe(lab.apply(text, "h")) == ["update consul/intention/web:db"]
    agent.delete(f"connect/intentions/{found['ID']}")
    assert describe(lab.apply(text, "h")) == ["create consul/intention/web:db"]


def test_an_intention_that_changes_between_looking_and_writing_is_not_overwritten(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(declared("[{from: web}]"), "h")
    [found] = agent.get("connect/intentions")
    execute = engine_apply._Run.execute

    def interfered(run: engine_apply._Run) -> None:
        agent.put(f"connect/intentions/{found['ID']}", found | {"Description": "theirs"})
        execute(run)

    monkeypatch.setattr(engine_apply._Run, "execute", interfered)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(declared("[{from: web, action: deny}]"), "h")
    assert "index is stale" in str(caught.value.report.failed[0].failure)


def test_intentions_stay_while_the_version_of_consul_is_not_known(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = declared("[{from: web}]")
    lab.apply(text, "h")
    monkeypatch.setattr("reconcilers.consul.reader.Reader._agent_facts", lambda _: None)
    plan = lab.plan(text, "h")
    assert describe(plan) == []
    assert [part.part for part in plan.unread] == ["config entries"]
    assert agent.intentions() == {("web", "db"): "allow"}


FROM_WEB = "  p: {applies_to: {service: db}, ingress: [{from: {service: web}, ports: 5432}]}\n"


def test_intentions_follow_the_policies_when_asked(lab: Lab, agent: Agent) -> None:
    lab.apply(derived(FROM_WEB), "h")
    assert agent.intentions() == {("web", "db"): "allow", ("*", "db"): "deny"}
    lab.apply(derived(FROM_WEB.replace("web", "job")), "h")
    assert agent.intentions() == {("job", "db"): "allow", ("*", "db"): "deny"}
    lab.apply(derived(FROM_WEB, ", intentions: [{from: web}]"), "h")
    assert agent.intentions() == {("web", "db"): "allow"}
    lab.apply(derived(FROM_WEB, ", intentions: false"), "h")
    assert agent.intentions() == {}


def compiled(text: str, version: tuple[int, ...] = (1, 8, 7)) -> Compiled:
    stack = loaded(text)
    facts = Facts(consul=lambda: ConsulFacts("n1", version, scripts=False))
    return compile_stack(stack.stack, stack, None, facts)


def intentions(text: str) -> dict[str, str | None]:
    found = [want.attributes for want in compiled(text).resources.values()]
    return {f"{one.source}>{one.destination}": one.action for one in found if isinstance(one, Intention)}


POLICIES = {
    "nobody has a say": ("  p: {applies_to: {service: job}, ingress: []}\n", {"*>job": "deny"}),
    "another port": (FROM_WEB.replace("5432", "80"), {"*>db": "deny"}),
    "everybody": ("  p: {applies_to: {service: db}, ingress: [{}]}\n", {"*>db": "allow"}),
    "everybody but one": (
        "  p: {applies_to: {service: db}, ingress: [{from: {service: web}, action: deny}, {}]}\n",
        {"*>db": "allow", "web>db": "deny"},
    ),
    "one who may call nobody": (
        "  p: {applies_to: {service: job}, egress: []}\n", {"job>db": "deny", "job>web": "deny"},
    ),
    "staged": ("  p: {applies_to: {service: db}, ingress: [], staged: true}\n", {}),
    "addresses of some endpoints": (
        "  p: {applies_to: {service: db}, ingress: [{from: {cidr: 10.20.0.10/32}}]}\n", {"*>db": "deny"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", POLICIES)
def test_what_policies_say_of_whole_services_is_what_the_mesh_is_told(case: str) -> None:
    policies, expected = POLICIES[case]
    assert intentions(derived(policies)) == expected


def test_what_holds_for_some_endpoints_only_is_told() -> None:
    [warning] = compiled(derived(POLICIES["addresses of some endpoints"][0])).diagnostics
    assert (warning.code, warning.severity) == ("NC354", "warning")
    assert "some endpoints of 'web'" in warning.message


def test_nothing_is_derived_for_containers_since_each_host_knows_its_own_only() -> None:
    text = derived(FROM_WEB).replace("endpoints: [10.20.0.10, 10.20.0.11]", "endpoints: {containers: {labels: {a: b}}}")
    found = compiled(text)
    assert [warning.code for warning in found.diagnostics if "derived" in warning.message] == ["NC354"]


@pytest.mark.parametrize("version", [(1, 9), (1, 20, 1)])
def test_later_versions_have_them_in_a_config_entry_of_the_destination(version: tuple[int, ...]) -> None:
    found = compiled(declared("[{from: web}, {from: '*', action: deny}]"), version).resources.values()
    [entry] = [want.attributes for want in found if isinstance(want.attributes, ConfigEntry)]
    assert entry == ConfigEntry(
        "service-intentions", "db",
        (("Sources", '[{"Action":"deny","Name":"*"},{"Action":"allow","Name":"web"}]'),),
    )  # fmt: skip
    assert not [want for want in found if isinstance(want.attributes, Intention)]
