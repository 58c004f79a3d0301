"""Health checks: every kind with all that it takes, none started anew without need, an operator's own left alone."""

import json

import pytest

from netctl.engine.change import Action
from netctl.errors import DeclarationError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab

WEB = "shop:web:10.20.0.10"


def stack(checks: str, fields: str = "", services: str = "") -> str:
    return (
        "stack: shop\nconsul: {}\nservices:\n"
        f"  web: {{port: 80, endpoints: [10.20.0.10], checks: [{checks}], {fields}}}\n{services}"
    )


KINDS = {
    "http": (
        "{http: /healthz, method: POST, headers: {Host: [a.example], X-A: [a, b]}, body: hello, interval: 90s, "
        "timeout: 1s500ms, tls_skip_verify: true}"
    ),
    "an http URL": "{http: 'https://192.0.2.1:8443/x', interval: 1m}",
    "tcp": "{tcp: true, timeout: 3s, success_before_passing: 2, failures_before_critical: 3}",
    "tcp to a port": "{tcp: 8080}",
    "tcp elsewhere": "{tcp: 'db.example:5432'}",
    "grpc": "{grpc: '9090/shop.Health', tls: true}",
    "ttl": "{ttl: 1h30m, status: passing}",
    "script": "{script: [/bin/true, --verbose], interval: 1h, output_max_size: 100}",
    "docker": "{docker: web-1, args: [/bin/check, now], shell: /bin/bash, interval: 1h}",
    "alias": "{alias: db}",
    "named": "{tcp: true, name: Speaks, notes: 'says \"hello\"', deregister_after: 10m, status: warning}",
}
DB = "  db: {port: 5432, endpoints: [10.20.0.11]}\n"
TYPES = {"an http URL": "http", "tcp to a port": "tcp", "tcp elsewhere": "tcp", "named": "tcp"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_of_every_kind_is_registered_and_left_alone(kind: str, lab: Lab, agent: Agent) -> None:
    text = stack(KINDS[kind], services=DB)
    lab.apply(text, "h")
    expected = TYPES.get(kind, kind)
    check = agent.checks(WEB)[f"{WEB}:{expected}"]
    assert (check["Type"], check["ServiceName"]) == (expected, "web")
    lab.destroy("shop", "h")
    assert agent.checks() == {}


def test_a_check_of_a_path_is_of_the_services_own_address(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("{http: /healthz}"), "h")
    found = agent.service(WEB)
    assert found is not None
    [[ident, kind, settings]] = json.loads(found["Meta"]["netctl-checks"])
    assert (ident, kind) == (f"{WEB}:http", "http")
    assert settings == {"HTTP": "http://10.20.0.10:80/healthz", "Interval": "10s", "Name": "web http"}


def test_headers_and_bodies_are_nowhere_to_be_read(lab: Lab, agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    text = stack("{http: /, headers: {Authorization: Bearer s3cret-header}, body: s3cret-body}")
    lab.apply(text, "h")
    [change] = lab.apply(text.replace("s3cret-h", "s3cret-other-h"), "h").changes
    assert change.fields == ("checks",)
    said = repr(change) + str(capsys.readouterr()) + json.dumps(agent.services())
    assert "s3cret" not in said


def test_two_checks_of_one_kind_and_of_one_service_have_ids_of_their_own(lab: Lab, agent: Agent) -> None:
    two = "  web2: {port: 81, endpoints: [10.20.0.10], checks: [{tcp: true}, {tcp: 82}]}\n"
    lab.apply(stack("{tcp: true}, {tcp: 8080}, {ttl: 1m}", services=two), "h")
    assert sorted(agent.checks(WEB)) == [f"{WEB}:tcp", f"{WEB}:tcp-2", f"{WEB}:ttl"]
    assert len(agent.checks("shop:web2:10.20.0.10")) == 2


SETTINGS = {
    "interval": ("{tcp: true, interval: 10s}", "{tcp: true, interval: 11s}"),
    "timeout": ("{tcp: true}", "{tcp: true, timeout: 2s}"),
    "target": ("{tcp: true}", "{tcp: 81}"),
    "notes": ("{tcp: true, notes: a}", "{tcp: true, notes: b}"),
    "name": ("{tcp: true}", "{tcp: true, name: b}"),
    "deregister_after": ("{tcp: true, deregister_after: 10m}", "{tcp: true}"),
    "kind": ("{tcp: true}", "{ttl: 1m}"),
    "header": ("{http: /, headers: {a: b}}", "{http: /, headers: {a: c}}"),
    "body": ("{http: /, body: b}", "{http: /, body: c}"),
    "script": ("{script: [/bin/true]}", "{script: [/bin/false]}"),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_changed_setting_changes_the_check(setting: str, lab: Lab) -> None:
    before, after = SETTINGS[setting]
    lab.apply(stack(before), "h")
    [change] = lab.apply(stack(after), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, ("checks",))


def test_the_same_length_of_time_is_no_difference_however_it_is_written(lab: Lab) -> None:
    lab.apply(stack("{tcp: true, interval: 90s, deregister_after: 120m}"), "h")
    lab.demand_done(stack("{tcp: true, interval: 1m30s, deregister_after: 2h}"), "h")


def test_a_check_that_somebody_removed_or_altered_is_put_back(lab: Lab, agent: Agent) -> None:
    text = stack("{tcp: true}, {ttl: 1h, notes: ours}")
    lab.apply(text, "h")
    agent.put(f"agent/check/deregister/{WEB}:tcp")
    assert [change.fields for change in lab.apply(text, "h").changes] == [("checks",)]
    body = {"ID": f"{WEB}:ttl", "ServiceID": WEB, "Name": "theirs", "TTL": "2h", "Notes": "theirs"}
    agent.put("agent/check/register", body)
    assert [change.fields for change in lab.apply(text, "h").changes] == [("checks",)]
    assert agent.checks(WEB)[f"{WEB}:ttl"]["Notes"] == "ours"


def test_no_other_check_is_started_anew_when_one_changes(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("{ttl: 1h}, {tcp: true}", "tags: [a]"), "h")
    agent.put(f"agent/check/warn/{WEB}:ttl", note="as I said")
    lab.apply(stack("{ttl: 1h}, {tcp: true, interval: 20s}", "tags: [b]"), "h")
    check = agent.checks(WEB)[f"{WEB}:ttl"]
    assert (check["Status"], check["Output"]) == ("warning", "as I said")


def test_a_heartbeat_that_stays_away_is_noticed_however_often_netctl_runs(lab: Lab, agent: Agent) -> None:
    text = stack("{ttl: 1s, status: passing}")
    lab.apply(text, "h")
    for _ in range(100):
        lab.apply(text, "h")
        if agent.checks(WEB)[f"{WEB}:ttl"]["Status"] == "critical":
            return
    pytest.fail("the check never becomes critical")


def test_an_operators_maintenance_mode_and_foreign_checks_stay(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("{tcp: true}"), "h")
    agent.put(f"agent/service/maintenance/{WEB}", enable="true", reason="disk full")
    agent.put("agent/check/register", {"ID": "theirs", "ServiceID": WEB, "Name": "theirs", "TTL": "1h"})
    lab.demand_done(stack("{tcp: true}"), "h")
    lab.apply(stack("{tcp: true, interval: 20s}, {ttl: 1m}", "tags: [a]"), "h")
    lab.apply(stack("{ttl: 1m}", "tags: [b]"), "h")
    assert sorted(agent.checks(WEB)) == [f"_service_maintenance:{WEB}", f"{WEB}:ttl", "theirs"]
    assert agent.checks(WEB)[f"_service_maintenance:{WEB}"]["Notes"] == "disk full"


@pytest.mark.parametrize("kind", ["{udp: true}", "{h2ping: true}", "{http: /, tls_server_name: a.example}"])
def test_a_check_that_the_agent_is_too_old_for_is_refused_with_its_place(kind: str, lab: Lab, agent: Agent) -> None:
    with pytest.raises(DeclarationError) as caught:
        lab.plan(stack(kind), "h")
    [mistake] = caught.value.diagnostics
    assert (mistake.code, mistake.position and mistake.position.line) == ("NC352", 4)
    assert "1.8.7" in mistake.message
    assert agent.services() == {}


def test_an_agent_restart_loses_nothing(lab: Lab, agent: Agent) -> None:
    mesh = (
        "tags: [a], queries: {web: {failover: [dc2]}}, intentions: [{from: job}], "
        "config_entries: {service-defaults: {Protocol: http}, service-splitter: {Splits: [{Weight: 100}]}}"
    )
    text = stack("{ttl: 1h}, {tcp: true}", mesh) + "kv: {shop/a: b, shop/pw: {value: c, sensitive: true}}\n"
    lab.apply(text, "h")
    agent.stop()
    agent.start()
    lab.demand_done(text, "h")
