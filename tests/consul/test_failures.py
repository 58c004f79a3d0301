"""Consul is not there, hangs, refuses, lies: nothing is taken for empty, nothing is deleted, and it is said why."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netctl.engine import apply as engine_apply
from netctl.engine.apply import ApplyError
from netctl.engine.protocol import Context, Scope
from netctl.engine.resource import Key
from netctl.errors import BackendError
from reconcilers.consul import SYSTEM
from tests.consul.agent import Agent
from tests.consul.faults import Fault, FaultyAgent
from tests.e2e.lab import Lab, describe

NETWORK = "networks:\n  n: {subnet: {cidr: 10.20.0.0/24}}\n"
TEXT = (
    "stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], tags: [a], checks: [{tcp: true}]}\n"
    "  mail: {external: smtp.example.com, port: 25}\nkv: {shop/a: b}\n"
)
WEB = "shop:web:10.20.0.10"
Faulty = Callable[[Callable[[str, str], Fault]], FaultyAgent]


@pytest.fixture
def faulty(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """Puts something before the agent, to be talked to in its place."""
    made: list[FaultyAgent] = []

    def make(decide: Callable[[str, str], Fault]) -> FaultyAgent:
        proxy = FaultyAgent(tmp_path / f"faulty-{len(made)}", agent.socket, decide).__enter__()
        made.append(proxy)
        monkeypatch.setenv("CONSUL_HTTP_ADDR", proxy.url)
        return proxy

    yield make
    for proxy in made:
        proxy.__exit__(None, None, None)


def test_without_an_agent_the_rest_is_planned_and_the_plan_says_who_needs_one(lab: Lab) -> None:
    lab.add("alone")
    plan = lab.plan(TEXT + NETWORK, "alone")
    assert "create kernel/link/nc-n" in describe(plan)
    assert not [line for line in describe(plan) if "consul" in line]
    [part] = plan.unread
    assert (part.system, part.part, len(part.keys)) == ("consul", "everything", 3)
    assert "127.0.0.1:8500" in part.reason
    assert "services.web" in part.reason


def test_a_stack_that_does_not_ask_for_consul_needs_none(lab: Lab) -> None:
    lab.add("alone")
    plan = lab.plan("stack: shop\n" + NETWORK, "alone")
    assert plan.unread == ()


def test_an_agent_that_somebody_named_and_that_is_not_there_is_told_even_where_nothing_is_declared(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.add("alone")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "unix:///nowhere/consul.sock")
    [part] = lab.plan("stack: shop\nnetworks: {}\n", "alone").unread
    assert "there is no such socket" in part.reason


FAULTS: dict[str, tuple[Fault, str]] = {
    "no leader": ((500, "No cluster leader"), "No cluster leader"),
    "a server error": ((500, "rpc error making call: EOF"), "EOF"),
    "not JSON": ("garbage", "does not answer in JSON"),
    "closed": ("close", "closes the connection without an answer"),
    "too many": ((429, "Your IP is issuing too many concurrent connections"), "too many"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("where", ["agent/services", "agent/checks", "kv/", "catalog/node"])
def test_what_cannot_be_read_is_not_deleted_and_the_rest_still_planned(
    fault: str, where: str, lab: Lab, faulty: Faulty
) -> None:
    lab.apply(TEXT, "h")
    answer, reason = FAULTS[fault]
    faulty(lambda _, path: answer if where in path else None)
    changed = "stack: shop\nservices:\n  mail: {external: smtp.example.org, port: 25}\nkv: {shop/other: b}\n"
    plan = lab.plan(changed, "h")
    assert all(reason in part.reason for part in plan.unread)
    blind = {"agent": {"service"}, "kv": {"kv"}, "catalog": {"external"}}[where.partition("/")[0]]
    if (where, fault) == ("catalog/node", "no leader"):
        blind = {"external", "kv"}  # what is known of the leader holds for both
    touched = {change.key.kind for change in plan.changes if change.key.system == "consul"}
    assert touched == {"service", "kv", "external"} - blind


def test_who_is_unwell_is_asked_for_where_it_is_known_that_there_is_no_leader(lab: Lab, faulty: Faulty) -> None:
    lab.apply(TEXT.replace("tcp: true", "ttl: 1h, status: critical"), "h")
    faulty(lambda _, path: None if "stale" in path or "/agent/" in path else (500, "No cluster leader"))
    with SYSTEM.reader(Context()) as reader:
        with pytest.raises(BackendError, match="No cluster leader"):
            reader.api.get("catalog/nodes")
        assert reader.facts().complaints() == {WEB: "check 'web ttl' is critical in Consul"}


def test_an_agent_that_hangs_is_not_waited_for_longer_than_the_timeout(faulty: Faulty) -> None:
    faulty(lambda *_: "hang")
    with SYSTEM.reader(Context(timeout=0.3)) as reader:
        unread = reader.observe(Scope("shop", {})).unread
    assert "does not answer within 0.3 s" in unread[0].reason


def test_a_reader_asks_and_never_changes(lab: Lab, faulty: Faulty) -> None:
    proxy = faulty(lambda *_: None)
    lab.plan(TEXT, "h")
    asked = {(method, path.partition("?")[0]) for method, path in proxy.requests}
    assert {method for method, path in asked if path != "/v1/internal/acl/authorize"} == {"GET"}
    with SYSTEM.reader(Context()) as reader:
        assert not hasattr(reader, "execute")
        assert not hasattr(reader.api, "put")


def test_a_refused_check_undoes_the_registration(lab: Lab, agent: Agent, faulty: Faulty) -> None:
    lab.apply("stack: shop\nconsul: {}\nservices:\n  web: {port: 80, endpoints: [10.20.0.10]}\n", "h")
    before = agent.snapshot()
    faulty(lambda _, path: (400, "Invalid check") if "check/register" in path else None)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(TEXT, "h")
    assert "the host is as it was before" in caught.value.message
    assert agent.snapshot() == before


def test_a_check_that_somebody_defined_anew_is_as_they_defined_it_where_an_apply_is_undone(
    lab: Lab, agent: Agent, faulty: Faulty
) -> None:
    text = TEXT.replace("port: 25}", "port: 25, checks: [{http: /, body: a}]}")
    lab.apply(text, "h")
    [check] = agent.get("health/node/shop-mail")
    theirs = {"HTTP": "http://evil/", "Method": "PUT", "Header": {"X": ["y", "z"]}, "Body": "b", "Interval": "1m30s"}
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    agent.put("catalog/register", body | {"Check": check | {"Name": "other", "Definition": theirs}})
    made = faulty(lambda _, path: (500, "no") if "agent/service/register" in path else None)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(text.replace("tags: [a]", "tags: [b]"), "h")
    assert "the host is as it was before" in caught.value.message
    assert len([path for _, path in made.requests if "catalog/register" in path]) == 2
    [after] = agent.get("health/node/shop-mail")
    assert (after["Name"], after["Definition"]) == ("other", theirs)


def test_what_the_servers_never_hear_of_is_no_success(
    lab: Lab, agent: Agent, faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcilers.consul.service_writer._CATALOG", 0.3)
    faulty(lambda _, path: (200, '{"Node": {}, "Services": {}}') if f"catalog/node/{agent.node}" in path else None)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once("stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], tags: [a]}\n", "h")
    assert "has not told Consul's servers" in str(caught.value.report.failed[0].failure)
    assert agent.services() == {}


def test_what_is_gone_already_is_as_good_as_removed(
    lab: Lab, agent: Agent, faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(TEXT, "h")
    execute = engine_apply._Run.execute

    def interfered(run: engine_apply._Run) -> None:
        agent.put(f"agent/service/deregister/{WEB}")
        execute(run)

    # As later versions answer; this one does not mind.
    faulty(lambda _, path: (404, f'Unknown service ID "{WEB}"') if "service/deregister" in path else None)
    monkeypatch.setattr(engine_apply._Run, "execute", interfered)
    lab.apply_once("stack: shop\nkv: {shop/a: b}\n", "h")
    assert agent.services() == {}


def test_an_adopted_service_that_cannot_be_changed_is_foreign_again(lab: Lab, agent: Agent, faulty: Faulty) -> None:
    agent.put("agent/service/register", {"ID": WEB, "Name": "web", "Port": 79, "Meta": {"their": "own"}})
    agent.put("kv/shop/a", b"theirs", flags="4")
    before = agent.snapshot()
    count = 0

    def once(_: str, path: str) -> Fault:
        nonlocal count
        count += "catalog/register" in path
        return (500, "no") if "catalog/register" in path and count == 1 else None

    faulty(once)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(TEXT, "h", adopt=True)
    assert "the host is as it was before" in caught.value.message
    assert {**agent.snapshot(), "catalog": None} == {**before, "catalog": None}


@pytest.mark.parametrize("address", ["http://", "ftp://x", "http://[::1", "x:y:z", "http://a:99999"])
def test_an_address_that_is_none_is_an_error_with_a_way_out(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", address)
    with SYSTEM.reader(Context()) as reader, pytest.raises(BackendError) as caught:
        reader.api.get("status/leader")
    assert caught.value.advice


def test_only_the_keys_that_an_event_named_are_observed(lab: Lab, agent: Agent) -> None:
    lab.apply(TEXT, "h")
    key = Key("consul", "kv", "shop/a")
    with SYSTEM.reader(Context(agent.namespace)) as reader:
        assert set(reader.observe(Scope("shop", {}, frozenset({key}))).live) == {key}
