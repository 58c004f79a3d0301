"""What goes wrong with the Engine: it is not there, does not answer, refuses, restarts, or changes under way."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from netctl.engine.apply import ApplyError
from netctl.errors import NetctlError
from netctl.report.plan_text import plan_text
from tests.docker.engine import Engine
from tests.docker.proxy import Proxy
from tests.e2e.lab import Lab
from tests.e2e.traffic import reaches

DOCKER = "  n: {provider: docker, subnet: {cidr: 10.80.0.0/24}, attach: [{container: web-1, address: 10.80.0.20}]}\n"
KERNEL = "  k: {subnet: {cidr: 10.90.0.0/24}}\n"
BOTH = f"stack: dk\nnetworks:\n{KERNEL}{DOCKER}"


@pytest.fixture
def proxy(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the Engine, named to netctl in its place."""
    with Proxy(engine.directory / "proxy", engine.socket) as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.url)
        yield proxy


@pytest.fixture
def own_engine(engine: Engine) -> Iterator[Engine]:
    """The Engine, to be stopped by the test; afterwards it runs again."""
    yield engine
    if engine.api is None:
        engine.start()


def test_without_docker_a_stack_that_does_not_name_it_works_whole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    lab.apply(f"stack: dk\nnetworks:\n{KERNEL}", "h")
    lab.destroy("dk", "h")


def test_without_docker_the_plan_says_what_is_missing_who_asks_for_it_and_shows_the_rest(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    text = plan_text(lab.plan(BOTH, "h"))
    assert f"docker: everything: Docker at unix://{tmp_path}/nothing cannot be reached: there is no such socket" in text
    assert "networks.n (" in text
    assert ":4) asks for it" in text
    assert "(2 declared resources left alone)" in text
    assert "link     nc-k" in text


def test_what_docker_has_is_left_alone_while_it_cannot_be_read(
    lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.run("web-1")
    lab.apply(BOTH, "h")
    before = engine.snapshot()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    with pytest.raises(NetctlError, match="not all could be read: docker"):
        lab.apply_once(f"stack: dk\nnetworks:\n{KERNEL}", "h")
    with pytest.raises(NetctlError, match="docker"):
        lab.destroy("dk", "h")
    assert engine.snapshot() == before
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    lab.destroy("dk", "h")
    assert engine.network("dk_n") is None


def test_while_docker_cannot_be_read_no_endpoint_comes_up_without_what_judges_it(
    lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab.add("a", "b")
    engine.run("web-1")
    stack = (
        f"{BOTH}  j: {{subnet: {{cidr: 10.91.0.0/24}}, attach: [{{netns: '${{a}}'}}]}}\n"
        "  l: {subnet: {cidr: 10.92.0.0/24}, attach: [{netns: '${b}', labels: {app: b}}]}\n"
        "policies: {shut: {applies_to: {labels: {app: b}}, ingress: []}}\n"
    )
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    with pytest.raises(NetctlError, match="not all could be read: docker"):
        lab.apply_once(stack, "h")
    assert lab.link("h", "nc-j")
    assert not any("eth0" in lab.run(end, "ip", "-brief", "link") for end in "ab")
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    lab.apply(stack, "h")
    assert reaches(lab["b"], lab.address("a"))
    assert not reaches(lab["a"], lab.address("b"), wait=1)
    lab.destroy("dk", "h")


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ("500", "something went wrong inside"),
        ("hang", "does not answer within 0.5 s"),
        ("nonsense", "does not answer in JSON"),
    ],
)
def test_a_reading_that_fails_is_told_and_the_rest_is_shown(
    fate: str, said: str, lab: Lab, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CLIENT_TIMEOUT", "0.5")
    proxy.choose = lambda line: fate if b"/containers/json" in line else "pass"
    text = plan_text(lab.plan(BOTH, "h"))
    assert said in text
    assert "link     nc-k" in text


def test_answers_of_another_shape_are_no_bug_of_netctls(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("evil", labels={"io.netctl.stack": "dk\x1b[31m", "io.netctl.name": "evil"})
    engine.run("evil-1", app="\x1b]0;title\x07")
    text = plan_text(
        lab.plan("stack: dk\nnetworks: {n: {provider: docker, attach: [{containers: {expr: all()}}]}}", "h")
    )
    assert "\x1b" not in text


@pytest.mark.parametrize("fate", ["500", "hang", "drop"])
@pytest.mark.parametrize("request_", ["/networks/create", "/connect", "/disconnect", "DELETE"])
def test_a_replacement_in_which_a_request_fails_once_is_undone(
    fate: str, request_: str, lab: Lab, engine: Engine, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a busy machine's own answers, and waited for where a request is left without one.
    monkeypatch.setenv("DOCKER_CLIENT_TIMEOUT", "8" if fate == "hang" else "60")
    engine.run("web-1")
    engine.run("hand")
    lab.apply(BOTH, "h")
    engine.api.connect_container_to_network("hand", "dk_n", ipv4_address="10.80.0.77", aliases=["by-hand"])
    changed = BOTH.replace("10.80.0.0/24}", "10.80.0.0/24}, mtu: 1400")
    failed: list[bytes] = []

    def choose(line: bytes) -> str:
        if request_.encode() in line and not failed and b"/volumes/" not in line:
            failed.append(line)
            return fate
        return "pass"

    proxy.choose = choose
    with pytest.raises(ApplyError) as caught:
        lab.apply(changed, "h")
    assert not caught.value.report.not_undone, caught.value
    assert engine.address("web-1", "dk_n") == "10.80.0.20"
    assert engine.address("hand", "dk_n") == "10.80.0.77"
    assert not engine.api.volumes()["Volumes"]
    lab.demand_done(BOTH, "h")
    lab.apply(changed, "h")
    assert engine.address("hand", "dk_n") == "10.80.0.77"


def test_a_container_removed_between_plan_and_apply_is_told(lab: Lab, engine: Engine, proxy: Proxy) -> None:
    engine.run("web-1")

    def choose(line: bytes) -> str:
        if b"/networks/create" in line:
            engine.api.remove_container("web-1", force=True)
        return "pass"

    proxy.choose = choose
    with pytest.raises(ApplyError, match="attach container web-1 to dk_n failed") as caught:
        lab.apply(BOTH, "h")
    assert "No such container" in str(caught.value.report.failed[0].failure)
    proxy.choose = lambda _: "pass"
    assert engine.network("dk_n") is None
    lab.apply(BOTH, "h")


def test_a_container_removed_while_its_network_is_replaced_does_not_stop_it(
    lab: Lab, engine: Engine, proxy: Proxy
) -> None:
    lab.apply(BOTH, "h")
    engine.run("born", network="dk_n")

    def choose(line: bytes) -> str:
        if b"/networks/create" in line:
            engine.api.remove_container("born", force=True)
        return "pass"

    proxy.choose = choose
    lab.apply(BOTH.replace("10.80.0.0/24}", "10.80.0.0/24}, mtu: 1400"), "h")


def test_an_address_in_use_says_so(lab: Lab, engine: Engine) -> None:
    lab.apply(BOTH, "h")
    engine.run("web-1")
    engine.run("thief")
    engine.api.connect_container_to_network("thief", "dk_n", ipv4_address="10.80.0.20")
    with pytest.raises(ApplyError) as caught:
        lab.apply(BOTH, "h")
    failure = str(caught.value.report.failed[0].failure)
    assert "Address already in use" in failure
    assert "thief" in failure
    engine.api.disconnect_container_from_network("thief", "dk_n")
    lab.apply(BOTH, "h")


def test_a_subnet_that_another_network_has_says_so(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("other", ipam={"Config": [{"Subnet": "10.80.0.0/16"}]})
    with pytest.raises(ApplyError) as caught:
        lab.apply(BOTH, "h")
    assert "Pool overlaps" in str(caught.value.report.failed[0].failure)
    engine.api.remove_network("other")
    lab.apply(BOTH, "h")


def test_a_driver_that_is_not_there_says_so(lab: Lab) -> None:
    with pytest.raises(ApplyError) as caught:
        lab.apply("stack: dk\nnetworks: {n: {provider: docker, driver: vendor/net}}", "h")
    assert "install the plugin" in str(caught.value.report.failed[0].failure)


def test_the_engine_restarted_in_the_middle_of_an_apply_loses_nothing(
    lab: Lab, own_engine: Engine, proxy: Proxy
) -> None:
    engine = own_engine
    engine.create("web-1")
    engine.create("hand")
    lab.apply(BOTH, "h")
    engine.api.connect_container_to_network("hand", "dk_n", ipv4_address="10.80.0.77", aliases=["by-hand"])
    restarted: list[threading.Thread] = []

    def choose(line: bytes) -> str:
        if b"DELETE" in line and b"/networks/" in line and not restarted:
            engine.stop(signal.SIGKILL)
            restarted.append(threading.Thread(target=engine.start))
            restarted[0].start()
        return "pass"

    proxy.choose = choose
    changed = BOTH.replace("10.80.0.0/24}", "10.80.0.0/24}, mtu: 1400")
    with pytest.raises(ApplyError):
        lab.apply(changed, "h")
    restarted[0].join()
    lab.apply(changed, "h")
    engine.api.start("hand")
    engine.api.start("web-1")
    assert engine.address("hand", "dk_n") == "10.80.0.77"
    assert engine.address("web-1", "dk_n") == "10.80.0.20"


def test_a_restart_of_docker_breaks_nothing_of_ours(lab: Lab, own_engine: Engine) -> None:
    lab.apply(BOTH, "h")
    own_engine.stop()
    own_engine.start()
    lab.demand_done(BOTH, "h")


def test_doctor_tells_of_the_engine(engine: Engine) -> None:
    from netctl.engine.protocol import Context
    from reconcilers.docker import SYSTEM

    with SYSTEM.reader(Context()) as reader:
        [capability] = reader.capabilities()
    assert capability.available
    assert engine.api.version()["Version"] in capability.detail
