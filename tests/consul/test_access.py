"""Access control and TLS: exactly the documented permissions suffice, less is told, and the token is seen nowhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netctl.engine.apply import ApplyError
from netctl.errors import DeclarationError, NetctlError
from reconcilers.consul.agent import Tls, find_agent
from tests.consul.agent import Agent, Refused
from tests.e2e.lab import Lab, describe
from tests.support.namespaces import Namespaces, wait_until

MASTER = "b1gs3cr3-0000-0000-0000-000000000001"
TEXT = (
    "stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], tags: [a], checks: [{tcp: true}]}\n"
    "  mail: {external: smtp.example.com, port: 25}\nkv: {shop/a: b}\n"
)
_PAGE = Path(__file__).parents[2] / "docs" / "consul.md"
DOCUMENTED = _PAGE.read_text(encoding="utf-8").partition("```hcl\n")[2].partition("```")[0]
FURTHER = _PAGE.read_text(encoding="utf-8").partition("```hcl\n")[2].partition("```hcl\n")[2].partition("```")[0]
MESH = (
    "stack: shop\nconsul: {config_entries: {proxy-defaults: {global: {Config: {protocol: http}}}}}\nservices:\n"
    "  web: {port: 80, endpoints: [10.20.0.10], queries: {web: {}}, intentions: [{from: job}], "
    "config_entries: {service-defaults: {Protocol: http}}}\n"
)
NOTHING_OF_OURS = 'agent_prefix "" { policy = "read" }'


@pytest.fixture(scope="module")
def _guarded(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Agent]:
    """An agent that denies what is not allowed, and runs no programs."""
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": MASTER, "agent": MASTER}}
    agent = Agent(namespaces("guarded", loopback=True), settings={"acl": acl, "enable_script_checks": None})
    agent.token = MASTER
    try:
        agent.start(wait=False)
        wait_until(lambda: _is_ready(agent), 60, "access control is set up")
        yield agent
    finally:
        agent.remove()
        namespaces.remove_all()


def _is_ready(agent: Agent) -> bool:
    try:
        return agent.has_leader() and bool(agent.get("acl/tokens")) and agent.is_settled()
    except (Refused, OSError):
        return False


@pytest.fixture
def guarded(_guarded: Agent) -> Iterator[Agent]:
    yield _guarded
    _guarded.clean()


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path, guarded: Agent) -> Lab:
    lab = Lab(netns, tmp_path)
    lab.names["h"] = guarded.namespace
    return lab


def token(agent: Agent, rules: str) -> str:
    """A new token with these rules."""
    name = f"p{len(agent.get('acl/policies'))}"
    agent.put("acl/policy", {"Name": name, "Rules": rules})
    return str(agent.put("acl/token", {"Policies": [{"Name": name}]})["SecretID"])


def test_exactly_the_documented_permissions_suffice(lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    before = guarded.snapshot()
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, DOCUMENTED))
    lab.apply(TEXT, "h")
    assert [row["ServiceID"] for row in guarded.get("catalog/service/web")] == ["shop:web:10.20.0.10"]
    lab.apply(TEXT.replace("tags: [a]", "tags: [b]").replace("shop/a: b", "shop/b: c"), "h")
    lab.destroy("shop", "h")
    assert guarded.snapshot() == before


def test_no_line_of_the_documented_permissions_is_without_need(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [line for line in DOCUMENTED.splitlines() if line.strip() and not line.startswith("#")]
    for number in range(len(rules)):
        monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, "\n".join(rules[:number] + rules[number + 1 :])))
        try:
            plan = lab.plan(TEXT, "h")
            if not plan.unread:
                lab.apply(TEXT, "h")
                pytest.fail(f"it works without {rules[number]}")
        except ApplyError:
            pass


def test_with_the_further_permissions_the_mesh_and_dns_are_told_what_is_declared(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = guarded.snapshot()
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, _merged(DOCUMENTED, FURTHER)))
    lab.apply(MESH, "h")
    assert guarded.intentions() == {("job", "web"): "allow"}
    lab.apply(MESH.replace("from: job", "from: cron").replace("queries: {web: {}}", "queries: {web: {ttl: 9s}}"), "h")
    lab.destroy("shop", "h")
    assert guarded.snapshot() == before


def _merged(rules: str, further: str) -> str:
    """The rules, of which those of the same subject are replaced."""
    subjects = {line.partition("{")[0] for line in further.splitlines()}
    return "\n".join([line for line in rules.splitlines() if line.partition("{")[0] not in subjects]) + f"\n{further}"


@pytest.mark.parametrize("number", range(3))
def test_no_line_of_the_further_permissions_is_without_need(
    number: int, lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = FURTHER.splitlines()
    less = "\n".join(rules[:number] + rules[number + 1 :])
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, _merged(DOCUMENTED, less)))
    try:
        plan = lab.plan(MESH, "h")
        if not plan.unread:
            lab.apply(MESH, "h")
            pytest.fail(f"it works without {rules[number]}")
    except ApplyError:
        pass


def test_what_of_the_mesh_a_token_may_not_see_is_not_taken_for_gone(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    lab.apply(MESH, "h")
    before = guarded.snapshot()
    for rules in ("", NOTHING_OF_OURS):
        monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, rules))
        plan = lab.plan(MESH.replace("web: {port", "other: {port").replace("from: job", "from: x"), "h")
        assert not list(plan.changes)
        unseen = {name for part in plan.unread for name in part.part.split(", ")}
        assert {"prepared queries", "config entries"} <= unseen
        assert "intentions" in unseen or not rules  # of an agent that does not tell its version, they are entries
    assert guarded.snapshot() == before


@pytest.mark.parametrize("rules", ["", NOTHING_OF_OURS], ids=["nothing", "the agent only"])
def test_what_a_token_may_not_see_is_not_taken_for_gone(
    rules: str, lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    lab.apply(TEXT, "h")
    before = guarded.snapshot()
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, rules))
    for text in (TEXT, "stack: shop\nservices:\n  web: {port: 81, endpoints: [10.20.0.11], tags: [a]}\n"):
        plan = lab.plan(text, "h")
        assert not list(plan.changes)
        assert {part.part for part in plan.unread} == {"services of the agent", "external services", "keys"}
    assert guarded.snapshot() == before


def test_a_service_that_a_token_may_not_see_is_not_removed_with_the_node_that_it_is_on(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    lab.apply(TEXT, "h")
    body = {"Node": "shop-mail", "Address": "smtp.example.com", "SkipNodeUpdate": True}
    guarded.put("catalog/register", body | {"Service": {"Service": "theirs", "Port": 9}})
    rules = [line for line in DOCUMENTED.splitlines() if not line.startswith("service_prefix")]
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, "\n".join(rules)))
    with pytest.raises(NetctlError, match="not all could be read"):
        lab.apply_once(TEXT.replace("  mail: {external: smtp.example.com, port: 25}\n", ""), "h")
    assert set(guarded.get("catalog/node/shop-mail")["Services"]) == {"theirs"}


def test_without_any_token_nothing_is_deleted_either(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    lab.apply(TEXT, "h")
    monkeypatch.delenv("CONSUL_HTTP_TOKEN")
    plan = lab.plan("stack: shop\nkv: {shop/b: c}\n", "h")
    assert not list(plan.changes)
    assert plan.unread


def test_a_list_that_access_control_has_thinned_deletes_nothing(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = "  db: {port: 5432, endpoints: [10.20.0.11]}\n"
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    lab.apply(TEXT.replace("  mail", two + "  mail"), "h")
    thin = 'service "web" { policy = "write" }\nnode_prefix "" { policy = "read" }\nagent_prefix "" { policy = "read" }'
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, thin + '\nkey_prefix "" { policy = "write" }'))
    plan = lab.plan(TEXT.replace("  mail", two + "  mail"), "h")
    assert describe(plan) == []
    assert {key.id for part in plan.unread for key in part.keys} == {"shop:db:10.20.0.11", "shop-mail"}


def test_a_denied_change_is_undone_and_says_what_the_token_needs(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (
        'agent_prefix "" { policy = "read" }\nnode_prefix "" { policy = "read" }\n'
        'service_prefix "" { policy = "read" }\nkey_prefix "" { policy = "write" }'
    )
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, rules))
    before = guarded.snapshot()
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(TEXT, "h")
    failure = caught.value.report.failed[0].failure
    assert failure is not None
    assert "Permission denied" in failure.answer
    assert "CONSUL_HTTP_TOKEN" in failure.advice
    assert guarded.snapshot() == before


def test_a_denied_transaction_says_so_and_nothing_of_it_is_made(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = NOTHING_OF_OURS + (
        '\nnode_prefix "" { policy = "read" }\nservice_prefix "" { policy = "read" }\n'
        'key_prefix "" { policy = "read" }\nkey_prefix "shop/mine/" { policy = "write" }\n'
        'key_prefix "netctl/shop/" { policy = "write" }'
    )
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, rules))
    with pytest.raises(ApplyError) as caught:
        lab.apply_once("stack: shop\nkv: {shop/mine/a: 1, shop/theirs: 2, shop/mine/b: 3}\n", "h")
    [outcome] = caught.value.report.failed
    assert outcome.change.key.id == "shop/theirs"
    assert "denied" in str(outcome.failure).lower()
    assert guarded.keys() == {}


def test_a_token_that_does_not_exist_is_told_and_not_shown(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "deadbeef-0000-0000-0000-000000000000"
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", wrong)
    plan = lab.plan(TEXT, "h")
    assert "ACL not found" in plan.unread[0].reason
    assert wrong not in repr(plan)
    assert guarded.services() == {}


def test_a_token_file_goes_before_the_variable(
    lab: Lab, guarded: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{MASTER}\n")
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "wrong")
    monkeypatch.setenv("CONSUL_HTTP_TOKEN_FILE", str(tmp_path / "token"))
    lab.apply(TEXT, "h")
    (tmp_path / "token").unlink()
    assert "Correct CONSUL_HTTP_TOKEN_FILE" not in repr(lab.plan(TEXT, "h").changes)
    assert "cannot be read" in lab.plan(TEXT, "h").unread[0].reason
    assert guarded.services()


def test_the_token_is_in_no_output_no_process_list_and_no_address(lab: Lab, guarded: Agent, tmp_path: Path) -> None:
    secret = token(guarded, DOCUMENTED)
    file = lab.write(TEXT)
    environment = {**os.environ, "CONSUL_HTTP_ADDR": guarded.url, "CONSUL_HTTP_TOKEN": secret}
    common = ["-f", file, "--provider", "consul", "--netns", guarded.namespace]
    said = ""
    for command in (
        ["plan", "-o", "json", "-v"],
        ["apply", "-y", "-v", "--state-dir", str(tmp_path / "state")],
        ["get"],
    ):
        argv = [sys.executable, "-m", "netctl", *command, *common]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, timeout=60)
        said += done.stdout + done.stderr
    said += json.dumps(guarded.services())
    said += "".join(path.read_text(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert "shop:web" in said
    assert secret not in said
    assert secret not in guarded.log()


def test_a_check_that_needs_programs_is_refused_with_its_place(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    with pytest.raises(DeclarationError) as caught:
        lab.plan(TEXT.replace("{tcp: true}", "{script: [/bin/true]}"), "h")
    [mistake] = caught.value.diagnostics
    assert (mistake.code, mistake.position and mistake.position.line) == ("NC351", 3)
    assert "enable_script_checks" in mistake.advice
    assert guarded.services() == {}


def test_credentials_and_what_enterprise_has_are_taken_from_consuls_own_variables() -> None:
    agent = find_agent(
        {
            "CONSUL_HTTP_AUTH": "ops:pass",
            "CONSUL_NAMESPACE": "team",
            "CONSUL_PARTITION": "east",
            "CONSUL_HTTP_TOKEN": "t",
        }
    )
    assert agent.headers == {"X-Consul-Token": "t", "Authorization": "Basic b3BzOnBhc3M="}
    assert agent.query == {"ns": "team", "partition": "east"}
    assert "pass" not in repr(agent)
    assert find_agent({"CONSUL_HTTP_SSL": "true", "CONSUL_CAPATH": "/etc/ca"}).tls == Tls(ca_directory="/etc/ca")


# TLS


@pytest.fixture(scope="module")
def secure(
    _worker: str, _nothing_left_behind: list[Namespaces], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Agent, Path]]:
    """An agent that speaks HTTPS, and to nobody without a certificate."""
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    certificates = tmp_path_factory.mktemp("certificates")
    for command in (
        ["consul", "tls", "ca", "create"],
        ["consul", "tls", "cert", "create", "-server", "-dc", "dc1"],
        ["consul", "tls", "cert", "create", "-client", "-dc", "dc1"],
    ):
        subprocess.run(command, cwd=certificates, check=True, capture_output=True)
    settings = {
        "ports": {"dns": -1, "grpc": -1, "https": 8501},
        "verify_incoming": True,
        "ca_file": str(certificates / "consul-agent-ca.pem"),
        "cert_file": str(certificates / "dc1-server-consul-0.pem"),
        "key_file": str(certificates / "dc1-server-consul-0-key.pem"),
        "addresses": None,
    }
    agent = Agent(namespaces("secure", loopback=True), settings=settings)
    try:
        agent.start(wait=False)
        wait_until(lambda: "New leader elected" in agent.log() or "cluster leadership acquired" in agent.log(), 60)
        yield agent, certificates
    finally:
        agent.remove()
        namespaces.remove_all()


@pytest.fixture
def trusted(secure: tuple[Agent, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Agent, Path]:
    """The environment of a client that the agent knows."""
    _, certificates = secure
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "127.0.0.1:8501")
    monkeypatch.setenv("CONSUL_HTTP_SSL", "true")
    monkeypatch.setenv("CONSUL_CACERT", str(certificates / "consul-agent-ca.pem"))
    monkeypatch.setenv("CONSUL_CLIENT_CERT", str(certificates / "dc1-client-consul-0.pem"))
    monkeypatch.setenv("CONSUL_CLIENT_KEY", str(certificates / "dc1-client-consul-0-key.pem"))
    return secure


@pytest.fixture
def tls_lab(netns: Namespaces, tmp_path: Path, secure: tuple[Agent, Path]) -> Lab:
    lab = Lab(netns, tmp_path)
    lab.names["h"] = secure[0].namespace
    return lab


@pytest.mark.usefixtures("trusted")
def test_tls_with_a_client_certificate_works(tls_lab: Lab) -> None:
    tls_lab.apply(TEXT, "h")
    tls_lab.destroy("shop", "h")


@pytest.mark.usefixtures("trusted")
def test_the_servers_name_may_be_told(tls_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_TLS_SERVER_NAME", "server.dc1.consul")
    assert not tls_lab.plan(TEXT, "h").unread
    monkeypatch.setenv("CONSUL_TLS_SERVER_NAME", "other.example")
    assert "cannot be trusted" in tls_lab.plan(TEXT, "h").unread[0].reason


@pytest.mark.usefixtures("trusted")
def test_an_agent_that_is_not_trusted_is_not_spoken_to_unless_asked(
    tls_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSUL_CACERT")
    [part] = tls_lab.plan(TEXT, "h").unread
    assert "cannot be trusted" in part.reason
    monkeypatch.setenv("CONSUL_HTTP_SSL_VERIFY", "false")
    assert not tls_lab.plan(TEXT, "h").unread


@pytest.mark.usefixtures("trusted")
def test_without_a_client_certificate_or_without_tls_it_is_said_what_is_wrong(
    tls_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSUL_CLIENT_CERT")
    assert tls_lab.plan(TEXT, "h").unread
    monkeypatch.setenv("CONSUL_CLIENT_CERT", "/nowhere.pem")
    assert "certificates for Consul cannot be used" in tls_lab.plan(TEXT, "h").unread[0].reason
    monkeypatch.delenv("CONSUL_HTTP_SSL")
    assert tls_lab.plan(TEXT, "h").unread
