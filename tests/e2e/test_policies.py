"""Declared policies hold for real packets, whatever else is done to the host's firewall."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import product

import pytest

from netctl.policy.model import Protocol
from netctl.twin.probe import Answer, Probe, probe
from tests.e2e.host import HOST, OUTSIDE, build
from tests.e2e.lab import Lab
from tests.e2e.process import netctl
from tests.e2e.rules import Chain, rules
from tests.e2e.test_foreign_firewalls import forbid_as_docker, foreign_rules
from tests.support.namespaces import wait_until

pytestmark = pytest.mark.xdist_group("networks")

STACK = """
stack: shop
hosts: {h: {id: 1, address: 192.0.2.10, interface: eth0}}
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    attach:
      - {netns: "${a}", labels: {app: web}, address: [10.10.0.11, "fd00:10::11"]}
      - {netns: "${b}", labels: {app: api}, address: [10.10.0.12, "fd00:10::12"]}
  back:
    subnet: {cidr: [10.20.0.0/24, "fd00:20::/64"]}
    attach: [{netns: "${c}", labels: {app: db}, address: [10.20.0.10, "fd00:20::10"]}]
"""
POLICIES = """
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{from: [{labels: {app: web}}], ports: [5432/tcp]}]}
  api: {applies_to: {labels: {app: api}}, ingress: []}
"""
CLOSED_HOST = "\npolicies: {host: {applies_to: {host: h}, ingress: [], egress: []}}\n"
ADDRESSES = {
    "a": {4: "10.10.0.11", 6: "fd00:10::11"},
    "b": {4: "10.10.0.12", 6: "fd00:10::12"},
    "c": {4: "10.20.0.10", 6: "fd00:20::10"},
    "h": HOST,
    "out": OUTSIDE,
}
FAMILIES = (4, 6)
WAIT = 1.5
"""Seconds in which an answer comes, if it does."""
EXPECTED = {
    ("a", "c", 5432): True,
    ("a", "c", 22): False,
    ("b", "c", 5432): False,
    ("h", "c", 5432): False,
    ("out", "c", 5432): False,
    ("a", "b", 80): False,
    ("c", "b", 80): False,
    ("h", "b", 80): False,
    ("b", "a", 80): True,
    ("c", "a", 80): True,
    ("b", "h", 80): True,
    ("c", "out", 80): True,
    ("out", "a", 80): True,
}
"""From, to, TCP port: whether the policies allow it."""

Attempt = tuple[str, str, int]
TABLE = "inet netctl-shop"


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    build(lab)
    for number, family in product((10, 20), FAMILIES):
        block = f"10.{number}.0.0/24" if family == 4 else f"fd00:{number}::/64"
        lab.ip("out", f"route add {block} via {HOST[family]}")
    return lab


@pytest.fixture
def lab(prepared: Lab) -> Iterator[Lab]:
    yield prepared
    prepared.destroy("shop", "h")
    prepared.run("h", "nft", "flush", "ruleset")
    prepared.demand_as_before()


def reached(lab: Lab, attempts: Iterable[Attempt], family: int) -> dict[Attempt, bool]:
    """Which TCP ports are reached. Nothing listens: a refusal shows that packets go there and back."""
    chosen = list(attempts)
    probes = [Probe(lab[one], ADDRESSES[other][family], Protocol.TCP, port) for one, other, port in chosen]
    found = (answer is Answer.REFUSED for answer in probe(probes, WAIT))
    return dict(zip(chosen, found, strict=True))


def demand(lab: Lab, expected: dict[Attempt, bool] = EXPECTED) -> None:
    """Fail where a port is open that should not be, or the other way about."""
    for family in FAMILIES:
        allowed = [attempt for attempt, is_allowed in expected.items() if is_allowed]
        wait_until(lambda: all(reached(lab, allowed, family).values()), 30, f"IPv{family}: {allowed}")  # noqa: B023
        assert reached(lab, expected, family) == expected


def test_policies_hold_within_a_bridge_between_bridges_and_with_the_host_and_the_outside(lab: Lab) -> None:
    lab.apply(STACK + POLICIES, "h")
    demand(lab)


def _nft(lab: Lab, command: str) -> None:
    lab.run("h", "nft", command)


def _judging(lab: Lab) -> tuple[Chain, int]:
    """The chain that judges what comes to the database, and its last rule, which drops."""
    listed = json.loads(lab.run("h", "nft", "-j", "list", "map", *TABLE.split(), "ingress4"))
    elements = dict(next(entry["map"]["elem"] for entry in listed["nftables"] if "map" in entry))
    chain = ("inet", "netctl-shop", elements["10.20.0.10"]["jump"]["target"])
    return chain, rules(lab["h"])[chain][-1][0]


def _open(lab: Lab) -> None:
    chain, handle = _judging(lab)
    _nft(lab, f"replace rule {' '.join(chain)} handle {handle} accept")


def _delete_rule(lab: Lab) -> None:
    chain, handle = _judging(lab)
    _nft(lab, f"delete rule {' '.join(chain)} handle {handle}")


def _add_member(lab: Lab) -> None:
    listed = json.loads(lab.run("h", "nft", "-j", "list", "sets", "table", *TABLE.split()))["nftables"]
    names = [entry["set"]["name"] for entry in listed if "set" in entry]
    (peers,) = (name for name in names if name.startswith("peers4-"))
    _nft(lab, f"add element {TABLE} {peers} {{ 10.10.0.12 }}")


TAMPERING: dict[str, Callable[[Lab], None]] = {
    "all rules are flushed": lambda lab: _nft(lab, "flush ruleset"),
    "an endpoint's element is removed": lambda lab: _nft(lab, f"delete element {TABLE} ingress4 {{ 10.20.0.10 }}"),
    "a member is added to a set": _add_member,
    "a rule is edited in place": _open,
    "a rule is deleted": _delete_rule,
    "a rule is put before the others": lambda lab: _nft(lab, f"insert rule {TABLE} ingress accept"),
    "a chain is emptied": lambda lab: _nft(lab, f"flush chain {TABLE} ingress"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_is_done_to_the_rules_is_seen_by_the_next_plan_and_repaired(lab: Lab, what: str) -> None:
    lab.apply(STACK + POLICIES, "h")
    attempt = ("b", "c", 5432)
    assert reached(lab, [attempt], 4) == {attempt: False}
    TAMPERING[what](lab)
    assert reached(lab, [attempt], 4) == {attempt: True}
    assert lab.apply(STACK + POLICIES, "h")
    assert reached(lab, [attempt], 4) == {attempt: False}


def test_policies_hold_beside_the_rules_of_docker_which_stay_as_they_are(lab: Lab) -> None:
    forbid_as_docker(lab)
    before = foreign_rules(lab)
    lab.apply(STACK + POLICIES, "h")
    # What is neither the stack's nor an answer to it is dropped by these rules, as it was before.
    demand(lab, {attempt: is_allowed for attempt, is_allowed in EXPECTED.items() if attempt[0] != "out"})
    assert foreign_rules(lab) == before
    lab.destroy("shop", "h")
    assert foreign_rules(lab) == before


def test_the_failsafe_ports_of_a_host_stay_open_though_everything_is_denied(lab: Lab) -> None:
    lab.apply(STACK + CLOSED_HOST, "h")
    demand(
        lab,
        {
            ("out", "h", 22): True,
            ("a", "h", 22): True,
            ("out", "h", 80): False,
            ("a", "h", 80): False,
            ("h", "out", 53): True,
            ("h", "a", 80): False,
            ("a", "c", 80): True,
        },
    )


def test_the_failsafe_ports_can_be_changed_and_are_closed_by_a_warning_only(lab: Lab) -> None:
    lab.apply(f"{STACK}{CLOSED_HOST}failsafe: {{ingress: [443]}}\n", "h")
    demand(lab, {("out", "h", 443): True, ("out", "h", 22): False, ("h", "out", 53): True})
    path = lab.write(f"{STACK}{CLOSED_HOST}failsafe: {{ingress: []}}\n")
    assert "no ingress port of a host is kept open" in netctl("validate", "-f", path, directory=lab.directory).err
    assert netctl("validate", "--strict", "-f", path, directory=lab.directory).code == 1


@pytest.mark.parametrize(("port", "family", "cut"), [(22, 4, False), (2222, 4, True), (2222, 6, True)])
def test_policies_that_would_cut_the_connection_that_netctl_runs_over_say_so_first(
    lab: Lab, port: int, family: int, cut: bool
) -> None:
    path = lab.write(STACK + CLOSED_HOST)
    connection = f"SSH_CONNECTION={OUTSIDE[family]} 50022 {HOST[family]} {port}"
    inside = ("ip", "netns", "exec", lab["h"], "env", connection)
    printed = netctl("plan", "-f", path, "--host", "h", directory=lab.directory, prefix=inside)
    assert printed.code == 0
    assert (f"would cut the SSH connection from {OUTSIDE[family]}" in printed.out + printed.err) is cut
