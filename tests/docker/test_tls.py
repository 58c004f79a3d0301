"""An Engine on another machine, over TLS: certificates are checked on both sides; what is not here is told."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from netctl.cli.options import PlanFormat
from netctl.cli.plan import Options, run
from netctl.engine.plan import Plan
from tests.docker.certificates import Authority
from tests.docker.engine import Engine, demand_root
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, call_in, run_in

PORT = 2376
STACK = (
    "stack: dk\nnetworks: {n: {provider: docker, subnet: {cidr: 10.80.0.0/24}, "
    "attach: [{container: web, address: 10.80.0.20}]}}\n"
)


class Far(NamedTuple):
    """An Engine, and the machine that reaches it at 192.0.2.1."""

    engine: Engine
    lab: Lab
    authority: Authority

    def plan(self, text: str = STACK) -> Plan:
        """What the machine would do."""
        return call_in(self.lab["n"], lambda: self.lab.plan(text, "n"))

    def run(self, *argv: str) -> None:
        """Run netctl on the machine."""
        state = ["--state-dir", str(self.lab.directory / "state")]
        run_in(self.lab["n"], [sys.executable, "-P", "-m", "netctl", *argv, "-q", "--yes", *state])


@pytest.fixture(scope="module")
def _served(
    _worker: str, _nothing_left_behind: list[Namespaces], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Authority]]:
    demand_root()
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    authority = Authority(tmp_path_factory.mktemp("tls") / "authority")
    own = authority.issue("engine", "serverAuth", "IP:192.0.2.1")
    authority.issue("client", "clientAuth")
    tls = [f"--tls{part}={own}/{name}.pem" for part, name in (("cacert", "ca"), ("cert", "cert"), ("key", "key"))]
    engine = Engine(namespaces("far", loopback=True), "-H", f"tcp://0.0.0.0:{PORT}", "--tlsverify", *tls)
    try:
        engine.start()
        engine.run("web", app="web")
        yield engine, authority
    finally:
        engine.remove()
        namespaces.remove_all()


@pytest.fixture
def far(
    _served: tuple[Engine, Authority], netns: Namespaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Far]:
    """The Engine over TLS, as its clients are to be told of it."""
    engine, authority = _served
    lab = Lab(netns, tmp_path)
    lab.add("n")
    lab.names["far"] = engine.namespace
    lab.join("n", "eth0", "far", "up0")
    lab.ip("n", "address add 192.0.2.2/24 dev eth0")
    lab.ip("far", "address add 192.0.2.1/24 dev up0")
    monkeypatch.setenv("DOCKER_HOST", f"tcp://192.0.2.1:{PORT}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(authority.directory / "client"))
    yield Far(engine, lab, authority)
    lab.ip("far", "link delete up0")


def test_a_stack_is_applied_over_tls_and_destroyed(far: Far) -> None:
    far.run("apply", "-f", far.lab.write(STACK))
    assert far.engine.address("web", "dk_n") == "10.80.0.20"
    assert not far.plan()
    far.run("destroy", "--stack", "dk")
    assert far.engine.network("dk_n") is None


def unread(plan: Plan) -> str:
    [part] = plan.unread
    return part.reason


def test_an_engine_that_another_authority_vouches_for_is_not_trusted(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path / "other").issue("client", "clientAuth")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(other))
    assert "certificate verify failed" in unread(far.plan())
    assert not far.plan().batches


def test_a_client_without_a_certificate_is_refused(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "ca.pem").write_bytes((far.authority.directory / "ca.pem").read_bytes())
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "bare"))
    assert "192.0.2.1" in unread(far.plan())


def test_an_engine_under_a_name_that_its_certificate_has_not_is_not_trusted(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    far.lab.ip("far", "address add 192.0.2.9/24 dev up0")
    monkeypatch.setenv("DOCKER_HOST", f"tcp://192.0.2.9:{PORT}")
    assert "192.0.2.9" in unread(far.plan())
    assert "certificate" in unread(far.plan())


def test_a_client_that_does_not_speak_tls_is_told_what_the_engine_says(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_TLS_VERIFY")
    assert "HTTPS" in unread(far.plan())


def test_policies_that_cannot_reach_containers_elsewhere_are_warned_of(
    far: Far, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "stack: dk\nnetworks: {theirs: {provider: docker, external: true}}\n"
        "policies: {p: {applies_to: {labels: {app: web}}, ingress: []}}\n"
    )
    far.engine.api.create_network("theirs")
    far.engine.api.connect_container_to_network("web", "theirs")
    options = Options(file=[far.lab.write(text)], netns=far.lab["n"], output=PlanFormat.JSON)
    assert call_in(far.lab["n"], lambda: run(options)) == 0
    captured = capsys.readouterr()
    assert "NC344" in captured.err
    assert "is not on this host" in captured.err
    assert "sysctl" not in json.dumps(json.loads(captured.out)["resource_changes"])
