"""Who is there and who is gone, by what has been read; and what nobody should have written."""

import json
from pathlib import Path

import pytest

from netctl.cluster.completion import complete, highest_id
from netctl.cluster.document import digest_of
from netctl.cluster.layout import Layout
from netctl.cluster.membership import Absence, View, view_of
from netctl.cluster.memory import Memory
from netctl.cluster.records import FORMAT, HostRecord, Lease, NewerError, Publication, RecordError
from netctl.engine.store import Entry, Reading
from netctl.stack.models import Stack

LAYOUT = Layout("pods")


def seen(*present: str, absent: tuple[str, ...] = ()) -> View:
    """A view of hosts with a session, and without."""
    entries = {}
    for number, name in enumerate((*present, *absent), 1):
        record = HostRecord(address=f"192.0.2.{number}").encoded()
        entries[LAYOUT.hosts + name] = Entry(record, number, f"session-{name}" if name in present else "")
        entries[f"{LAYOUT.ids}{number}"] = Entry(Lease(host=name).encoded(), number)
    return view_of(LAYOUT, Reading(entries, 1))


def test_a_host_is_gone_once_it_had_no_session_for_as_long_as_the_grace() -> None:
    absence = Absence(30)
    assert absence.see(seen("a", absent=("b",)), 100) == frozenset()
    assert absence.next_due(110) == 20
    assert absence.see(seen("a", absent=("b",)), 129) == frozenset()
    assert absence.see(seen("a", absent=("b",)), 130) == {"b"}
    assert absence.see(seen("a", "b"), 131) == frozenset()
    assert absence.see(seen("a", absent=("b",)), 140) == frozenset(), "it starts afresh"


def test_while_the_store_cannot_be_asked_nobodys_grace_runs_out() -> None:
    absence = Absence(30)
    absence.see(seen("a", absent=("b",)), 0)
    absence.interrupt(29)
    assert absence.see(seen("a", absent=("b",)), 500) == frozenset()
    assert absence.see(seen("a", absent=("b",)), 530) == {"b"}
    absence.interrupt(531)
    assert absence.see(seen("a", absent=("b",)), 532) == {"b"}, "who is gone already stays so"


def test_who_was_gone_before_a_restart_is_gone() -> None:
    assert Absence(30, frozenset({"b", "c"})).see(seen("a", "c", absent=("b",)), 0) == {"b"}


def test_a_host_whose_record_has_vanished_is_held_for_the_grace() -> None:
    absence = Absence(30)
    absence.hold(seen("a", "b"), 0)
    held = absence.hold(seen("a"), 10)
    assert set(held.hosts) == {"a", "b"}
    assert held.leases == {"a": 1, "b": 2}
    assert absence.next_due(10) == 30
    assert set(absence.hold(seen("a"), 39).hosts) == {"a", "b"}
    assert set(absence.hold(seen("a"), 40).hosts) == {"a"}
    assert set(absence.hold(seen("a"), 41).hosts) == {"a"}


def stack(**more: object) -> Stack:
    return Stack.model_validate(
        {
            "stack": "pods",
            "subnets": {"pods": {"cidr": ["10.0.0.0/24"], "per_host": [28]}},
            "overlays": {"pods": {"subnet": "pods", "vni": 1}},
            **more,
        }
    )


def test_who_cannot_be_a_host_is_left_out_and_reported() -> None:
    view = seen("a", "b", "c", "d", "e")
    view = view._replace(
        hosts={
            **view.hosts,
            "b": HostRecord(address="192.0.2.1"),
            "c": HostRecord(address="2001:db8::3"),
        },
        leases={**view.leases, "d": 16},
    )
    completed = complete(stack(hosts={"x": {"id": 5, "address": "192.0.2.99"}}), view)
    assert set(completed.stack.hosts) == {"x", "a"}
    assert completed.problems == (
        "host 'b' has address 192.0.2.1, which is that of host 'a'",
        "host 'c' has address 2001:db8::3, and 'a' has one of the other family",
        "host 'e' has leased id 5, which is that of host 'x'",
        "host 'd' has leased id 16, and the stack's subnets have blocks for 15 hosts",
    )
    assert highest_id(stack()) == 15


def test_a_declared_host_without_an_id_has_the_one_that_it_has_leased() -> None:
    declared = stack(hosts={"a": {"address": "192.0.2.77"}, "b": {"id": 9, "address": "192.0.2.78"}})
    completed = complete(declared, seen("a", "b"))
    assert {name: (host.id, host.address) for name, host in completed.stack.hosts.items()} == {
        "a": (1, "192.0.2.77"),
        "b": (9, "192.0.2.78"),
    }


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": "1", "address": "192.0.2.1"}',
        b'{"format": 1, "address": "192.0.2.1", "labels": {"a": {}}}',
        b'{"format": 1, "address": "192.0.2.1\\n"}',
        b'{"format": 1, "address": "example.org"}',
        b'{"format": 1, "address": "224.0.0.1"}',
        b'{"format": 1, "address": "::1"}',
        b'{"format": 1, "address": "192.0.2.1", "node": "\\u001b[2J"}',
        b'{"format": 1, "address": "192.0.2.1", "node": "' + b"x" * 100_000 + b'"}',
    ],
)
def test_what_nobody_should_have_written_is_an_error_and_leaves_the_others_alone(value: bytes) -> None:
    with pytest.raises(RecordError):
        HostRecord.read("key", value)
    entries = {
        LAYOUT.hosts + "bad": Entry(value, 1, "s"),
        LAYOUT.hosts + "../../good": Entry(HostRecord(address="192.0.2.9").encoded(), 1, "s"),
        LAYOUT.hosts + "good": Entry(HostRecord(address="192.0.2.1").encoded(), 1, "s"),
        LAYOUT.current: Entry(value, 1),
    }
    view = view_of(LAYOUT, Reading(entries, 1))
    assert set(view.hosts) == {"good"}
    assert len(view.problems) == 2
    assert view.publication is None
    assert view.error


def test_what_a_later_netctl_has_written_is_told_apart() -> None:
    known = Publication(stack="pods", version=1, digest="0" * 64, parts=1, time=0)
    later = json.loads(known.encoded()) | {"format": FORMAT + 1, "parts": "many"}
    with pytest.raises(NewerError, match=f"format {FORMAT + 1}"):
        Publication.read("key", json.dumps(later).encode())
    added = json.loads(known.encoded()) | {"surprise": 1}
    assert Publication.read("key", json.dumps(added).encode()) == known


def test_what_another_thread_is_taking_up_outlives_what_holds_meanwhile(tmp_path: Path) -> None:
    texts = [f"stack: pods\nroutes: [{{to: 172.31.{number}.0/24, type: blackhole}}]\n" for number in range(3)]
    digests = [digest_of(text) for text in texts]
    memory = Memory(tmp_path)
    for digest, text in zip(digests, texts, strict=True):
        memory.store(digest, text)
    memory.remember(Publication(stack="pods", version=2, digest=digests[1], parts=1, time=1), seen("a"), frozenset())
    assert [memory.document(digest) is not None for digest in digests] == [False, True, True]
