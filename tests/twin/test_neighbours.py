"""Rounds of connections that the machine's table of neighbours has room for."""

from netctl.policy.model import Connection, Endpoint, Protocol
from netctl.policy.verdicts import Verdict
from netctl.twin.neighbours import AT_ONCE, forget, rounds
from netctl.twin.trials import Trial
from tests.support.namespaces import Namespaces, ip, ip_json, run_in, veth_between


def endpoints(count: int, hosts: int = 1) -> dict[str, Endpoint]:
    return {
        f"n/e{number}": Endpoint(f"n/e{number}", "attachment", f"h{number % hosts}", "n", (), {}, netns=f"e{number}")
        for number in range(count)
    }


def everybody(names: list[str]) -> list[Trial]:
    asked = (Connection(one, other, Protocol.TCP, 80) for one in names for other in names if one != other)
    return [Trial(connection, Verdict.ALLOW, "") for connection in asked]


def test_every_trial_is_in_one_round_and_no_round_has_more_pairs_on_a_link_than_may_talk() -> None:
    known = endpoints(40)
    trials = everybody(list(known))
    found = rounds(trials, known, ())
    assert sorted(at for places in found for at in places) == list(range(len(trials)))
    assert max(map(len, found)) <= AT_ONCE
    assert len(found) == -(-len(trials) // AT_ONCE)


def test_what_is_on_other_hosts_is_on_the_link_only_where_the_network_spans_them() -> None:
    known = endpoints(40, hosts=40)
    trials = everybody(list(known))
    assert len(rounds(trials, known, ())) == 1
    assert len(rounds(trials, known, {"n"})) > 1


def test_several_ports_of_a_pair_are_tried_together() -> None:
    known = endpoints(20)
    trials = [
        trial._replace(connection=trial.connection._replace(port=port))
        for trial in everybody(list(known))
        for port in (80, 443, 53)
    ]
    assert max(map(len, rounds(trials, known, ()))) == 3 * AT_ONCE


def test_neighbours_are_forgotten_and_found_again(netns: Namespaces) -> None:
    one, other = netns("one", loopback=True), netns("other", loopback=True)
    veth_between(one, other)
    for name, last in ((one, 1), (other, 2)):
        ip(name, f"address add 192.0.2.{last}/24 dev veth0", f"address add 2001:db8::{last}/64 dev veth0 nodad")
    before = ip_json(one, "link", "show", "dev", "veth0")[0]["flags"]
    for address in ("192.0.2.2", "2001:db8::2"):
        run_in(one, ["ping", "-c", "1", "-W", "5", address])
    assert {entry["dst"] for entry in ip_json(one, "neighbour", "show")} >= {"192.0.2.2", "2001:db8::2"}
    forget([one])
    assert not {entry["dst"] for entry in ip_json(one, "neighbour", "show")} & {"192.0.2.2", "2001:db8::2"}
    assert ip_json(one, "link", "show", "dev", "veth0")[0]["flags"] == before
    run_in(one, ["ping", "-c", "1", "-W", "5", "192.0.2.2"])
