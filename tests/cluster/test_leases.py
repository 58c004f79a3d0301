"""Ids, and with them blocks of addresses: one for each host, whoever asks at the same instant."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from netctl.cluster.leases import forget, lease
from netctl.cluster.membership import view_of
from netctl.cluster.presence import Presence
from netctl.cluster.records import HostRecord, Lease
from netctl.engine.store import Write
from netctl.errors import NetctlError
from tests.agent.watcher import ROOT
from tests.cluster.watches import layout, store
from tests.e2e.lab import Lab

_ASKING = """
import sys
from netctl.cluster.leases import lease
from netctl.cluster.layout import Layout
from netctl.engine.protocol import Context
from netctl.engine.store import find_coordinator
host, netns = sys.argv[1:]
store = find_coordinator("consul").open(Context(netns=netns))
store.place()
for line in sys.stdin:
    print(lease(store, Layout(line.strip()), host, (), 100), flush=True)
store.close()
"""


def test_two_hosts_that_ask_at_the_same_instant_a_hundred_times_never_get_the_same(lab: Lab) -> None:
    command = [sys.executable, "-c", _ASKING]
    asking = [
        subprocess.Popen(
            [*command, host, lab["node1"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for host in ("a", "b")
    ]

    def answer(process: "subprocess.Popen[str]") -> int:
        assert process.stdout is not None
        return int(process.stdout.readline())

    with ThreadPoolExecutor(2) as executor:
        for number in range(100):
            for process in asking:
                assert process.stdin is not None
                process.stdin.write(f"s{number}\n")
            for process in asking:
                assert process.stdin is not None
                process.stdin.flush()
            assert sorted(executor.map(answer, asking)) == [1, 2]
    for process in asking:
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_a_host_keeps_its_id_and_takes_none_that_is_to_be_avoided(lab: Lab) -> None:
    with store(lab) as there:
        assert [lease(there, layout(), host, {1, 3}, 10) for host in ("a", "b", "a", "c")] == [2, 4, 2, 5]


def test_a_host_whose_lease_was_lost_takes_its_former_id_where_that_is_free(lab: Lab) -> None:
    with store(lab) as there:
        assert lease(there, layout(), "a", (), 10, former=7) == 7
        assert lease(there, layout(), "b", (), 10, former=7) == 1
        assert lease(there, layout(), "c", (), 10, former=11) == 2


def test_where_no_id_is_left_the_host_is_told(lab: Lab) -> None:
    with store(lab) as there:
        assert lease(there, layout(), "a", (), 1) == 1
        with pytest.raises(NetctlError, match="no id is left for host 'b'"):
            lease(there, layout(), "b", (), 1)


def test_a_host_that_has_two_ids_is_reported_and_the_lower_counts(lab: Lab) -> None:
    with store(lab) as there:
        for number in (7, 3):
            there.write([Write(f"{layout().ids}{number}", Lease(host="a").encoded(), 0)])
        view = view_of(layout(), there.read(layout().live))
        assert view.leases == {"a": 3}
        assert view.problems == ("host 'a' has leased the ids 3 and 7: 3 counts",)
        assert lease(there, layout(), "b", {1, 2}, 10) == 4


def test_what_nobody_can_understand_is_somebodys_id(lab: Lab) -> None:
    with store(lab) as there:
        there.write([Write(f"{layout().ids}1", b"{", 0)])
        there.write([Write(f"{layout().ids}zwei", b"{}", 0)])
        assert lease(there, layout(), "a", (), 10) == 2


def test_who_is_there_is_not_forgotten_and_who_has_left_gives_the_id_back(lab: Lab) -> None:
    with store(lab) as there:
        assert lease(there, layout(), "a", (), 10) == 1
        presence = Presence(layout(), "a", HostRecord(address="192.0.2.1", node=there.place().node))
        presence.keep(there, view_of(layout(), there.read(layout().live)))
        with pytest.raises(NetctlError, match="is alive"):
            forget(there, layout(), "a")
        assert forget(there, layout(), "a", alive=True)
        assert not there.session_node(presence.session)
        assert not forget(there, layout(), "a")
        assert lease(there, layout(), "b", (), 10) == 1
