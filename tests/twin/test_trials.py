"""Trials: what is asked, and what becomes of it, on paper and with real packets between two namespaces."""

import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from netctl.compiler.policies import resolve_policies
from netctl.compiler.topology import resolve
from netctl.policy.evaluate import Evaluator
from netctl.policy.matrix import Service
from netctl.policy.model import Connection, Protocol
from netctl.policy.verdicts import Verdict
from netctl.twin.probe import Answer
from netctl.twin.responders import Responder, Responders
from netctl.twin.trials import (
    Outcome,
    Result,
    Stand,
    Trial,
    as_declared,
    decide_trials,
    matrix_trials,
    run_trials,
    stands,
)
from tests.compiler.stacks import PLACES, stack_of
from tests.support.namespaces import Namespaces, call_in, ip, run_in, veth_between

ONE = {4: "10.0.0.1", 6: "fd00::1"}
OTHER = {4: "10.0.0.2", 6: "fd00::2"}
SECOND = "10.0.0.9"
OPEN, CLOSED, DROPPED, MUTE = 80, 81, 82, 83
NFT = f"""
table inet test {{
  chain in {{
    type filter hook input priority 0
    tcp dport {DROPPED} drop
    udp dport {DROPPED} drop
  }}
}}
"""


class Pair(NamedTuple):
    """Two namespaces on one wire. The other answers on `OPEN`, drops what comes to `DROPPED`, and is mute on `MUTE`."""

    one: str
    other: str

    def send(self, *trials: Trial, answering: bool = False, stand: Stand | None = None) -> list[Result]:
        chosen = stand or Stand(self.one)
        return run_trials(trials, lambda name: chosen if name == "one" else None, 0.6, answering=answering)


@pytest.fixture
def pair(netns: Namespaces) -> Iterator[Pair]:
    made = Pair(netns("one", loopback=True), netns("other", loopback=True))
    veth_between(made.one, made.other)
    for ns, addresses in ((made.one, [*ONE.values(), SECOND]), (made.other, OTHER.values())):
        ip(ns, *(f"addr add {text}/{64 if ':' in text else 24} dev veth0 nodad" for text in addresses if ":" in text))
        ip(ns, *(f"addr add {text}/24 dev veth0" for text in addresses if ":" not in text))
    run_in(made.other, ["nft", "-f", "-"], stdin=NFT)
    responders = [Responder(made.other, protocol, OPEN) for protocol in (Protocol.TCP, Protocol.UDP)]
    mute = call_in(made.other, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with Responders(responders), mute:
        mute.bind(("", MUTE))
        yield made


def trial(
    port: int,
    expected: Verdict = Verdict.ALLOW,
    protocol: Protocol = Protocol.TCP,
    *,
    family: int = 4,
    source: str = "one",
) -> Trial:
    return Trial(Connection(source, "other", protocol, port, family=family), expected, OTHER[family])


@pytest.mark.parametrize("family", [4, 6])
def test_an_answer_and_a_refusal_show_that_it_arrived_and_silence_that_it_did_not(pair: Pair, family: int) -> None:
    results = pair.send(*(trial(port, family=family) for port in (OPEN, CLOSED, DROPPED)))
    assert [result.answer for result in results] == [Answer.ANSWERED, Answer.REFUSED, Answer.SILENT]
    assert [result.found for result in results] == [Verdict.ALLOW, Verdict.ALLOW, Verdict.DENY]
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED]


def test_what_is_denied_and_silent_passes_and_what_is_denied_and_answered_fails(pair: Pair) -> None:
    results = pair.send(*(trial(port, Verdict.DENY) for port in (DROPPED, OPEN)))
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.FAILED]


def test_each_result_tells_the_seconds_that_it_took(pair: Pair) -> None:
    answered, silent = pair.send(trial(OPEN), trial(DROPPED, Verdict.DENY))
    assert 0 < answered.seconds < 0.5 <= silent.seconds < 2


def test_silence_of_udp_tells_nothing_unless_something_is_known_to_answer(pair: Pair) -> None:
    asked = [trial(port, Verdict.DENY, Protocol.UDP) for port in (MUTE, DROPPED)]
    for result in pair.send(*asked):
        assert (result.outcome, result.found) == (Outcome.UNTOLD, None)
        assert "tells nothing of UDP" in result.note
    assert {result.outcome for result in pair.send(*asked, answering=True)} == {Outcome.PASSED}


def test_udp_that_is_answered_or_refused_has_arrived(pair: Pair) -> None:
    results = pair.send(*(trial(port, protocol=Protocol.UDP) for port in (OPEN, CLOSED)))
    assert [result.answer for result in results] == [Answer.ANSWERED, Answer.REFUSED]
    assert {result.outcome for result in results} == {Outcome.PASSED}


def test_what_is_not_delivered_is_denied_whatever_the_protocol(pair: Pair) -> None:
    nowhere = trial(OPEN, Verdict.DENY, Protocol.UDP)._replace(address="203.0.113.1")
    (result,) = pair.send(nowhere)
    assert (result.answer, result.outcome) == (Answer.UNREACHABLE, Outcome.PASSED)


def test_a_source_elsewhere_is_untested_and_in_the_order_of_the_others(pair: Pair) -> None:
    results = pair.send(trial(OPEN), trial(OPEN, source="far"), trial(CLOSED))
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.UNTESTED, Outcome.PASSED]
    assert results[1].note == "far is not on this host"


def test_a_namespace_that_is_missing_here_is_a_failure_whatever_is_expected(pair: Pair) -> None:
    (result,) = pair.send(trial(OPEN, Verdict.DENY), stand=Stand("no-such"))
    assert (result.outcome, result.found) == (Outcome.FAILED, None)
    assert result.note == "there is no network namespace 'no-such'"


def test_a_stand_with_addresses_sends_from_the_first_of_the_family(pair: Pair) -> None:
    rule = f"add rule inet test in ip saddr {SECOND} tcp dport {OPEN} drop"
    run_in(pair.other, ["nft", rule])
    asked = trial(OPEN, Verdict.DENY)
    for addresses, outcome in ((("fd00::1", SECOND), Outcome.PASSED), (("fd00::1", ONE[4]), Outcome.FAILED)):
        (result,) = pair.send(asked, stand=Stand(pair.one, addresses))
        assert result.outcome is outcome


def test_ends_without_addresses_of_one_family_do_not_reach_one_another(pair: Pair) -> None:
    without_destination = trial(OPEN)._replace(address="")
    (result,) = pair.send(without_destination)
    assert (result.outcome, result.found, result.answer) == (Outcome.FAILED, Verdict.DENY, None)
    (result,) = pair.send(trial(OPEN, Verdict.DENY), stand=Stand(pair.one, ("fd00::1",)))
    assert result.outcome is Outcome.PASSED


def test_what_the_namespace_sends_from_another_endpoint_s_address_is_left_to_that_one(pair: Pair) -> None:
    (result,) = pair.send(trial(OPEN), stand=Stand(pair.one, (SECOND,), frozenset({ONE[4]})))
    assert result.outcome is Outcome.UNTESTED
    assert result.note == f"its namespace sends this from {ONE[4]}"


def test_a_lost_packet_is_sent_again(pair: Pair) -> None:
    # The first SYN is lost; the kernel sends it again later than is waited for.
    run_in(pair.other, ["nft", f"add rule inet test in tcp dport {OPEN} limit rate 1/day burst 1 packets drop"])
    told: list[int] = []
    (result,) = run_trials([trial(OPEN)], lambda _: Stand(pair.one), 0.6, progress=lambda done, _: told.append(done))
    assert result.outcome is Outcome.PASSED
    assert told == [1]


_STACK = stack_of(
    {
        "hosts": {"h": {"id": 1, "address": "192.0.2.1", "interface": "eth0"}},
        "networks": {
            "n": {
                "subnet": {"cidr": ["10.0.0.0/24", "fd00::/64"]},
                "attach": [
                    {"netns": "a", "address": ["10.0.0.5", "fd00::5"]},
                    {"netns": "b", "address": ["10.0.0.6", "fd00::6"]},
                ],
            },
            "m": {
                "subnet": {"cidr": "10.1.0.0/24"},
                "attach": [{"netns": "a", "interface": "eth1", "address": "10.1.0.5", "default_route": False}],
            },
        },
        "policies": {"b": {"applies_to": {"network": "n"}, "ingress": [{"from": {"network": "m"}}]}},
    }
)
_POLICIES = resolve_policies(resolve(_STACK), PLACES).policies


def test_endpoints_stand_in_their_namespaces_with_their_addresses_and_hosts_anywhere_in_theirs() -> None:
    stand_of = stands(_POLICIES, lambda end: f"t.{end.host}.{end.netns}" if end.netns else "t.h")
    assert stand_of("n/a") == Stand("t.h.a", ("10.0.0.5", "fd00::5"), frozenset({"10.1.0.5"}))
    assert stand_of("n/b") == Stand("t.h.b", ("10.0.0.6", "fd00::6"))
    assert stand_of("host/h") == Stand("t.h")
    assert stand_of("198.51.100.1") is None


def test_what_is_not_here_has_no_stand() -> None:
    assert stands(_POLICIES, lambda _: None)("n/a") is None


def test_a_matrix_asks_every_endpoint_about_all_that_is_offered_by_both_families_as_declared() -> None:
    evaluator = Evaluator(_POLICIES)
    found = matrix_trials(evaluator, {Service(Protocol.TCP, 80): frozenset({"n/a", "n/b"})})
    asked = {(entry.connection.source, entry.connection.destination, entry.connection.family): entry for entry in found}
    assert asked.keys() == {
        *((source, "n/b", family) for source in ("n/a", "host/h") for family in (4, 6)),
        *((source, "n/a", family) for source in ("n/b", "host/h") for family in (4, 6)),
        ("m/a/eth1", "n/b", 4),
    }
    assert asked["n/a", "n/b", 6].address == "fd00::6"
    assert asked["m/a/eth1", "n/b", 4].expected is Verdict.ALLOW
    assert asked["n/a", "n/b", 4].expected is Verdict.DENY
    assert as_declared(found) == decide_trials(found, evaluator)
