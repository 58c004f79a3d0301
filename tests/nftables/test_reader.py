"""What the reader tells, and what it says where it may not or cannot look."""

import errno
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from queue import SimpleQueue

import pytest

from netctl.engine.protocol import Context, Reader, Scope, System, Writer
from netctl.engine.resource import Key
from netctl.errors import BackendError, PrivilegeError
from netctl.kinds.nftables import Set, Verdict, rule
from reconcilers.nftables import SYSTEM
from reconcilers.nftables.messages import Reply, RequestError
from reconcilers.nftables.transport import Connection
from reconcilers.nftables.uapi import Message
from tests.nftables.conftest import TABLE, Host, desired_table, forward, table, without_capabilities
from tests.support.namespaces import existing, run_in

CONTENT = desired_table(table([Set("s", ("ifname",))], [forward(rule(Verdict("accept")))]))


def test_it_implements_the_protocol() -> None:
    system: System = SYSTEM
    reader: Reader = system.reader(Context())
    writer: Writer = system.writer(Context())
    assert (type(reader).__name__, type(writer).__name__) == ("Reader", "Writer")
    assert not hasattr(reader, "execute")


def test_without_the_capability_live_state_is_unknown_rather_than_empty() -> None:
    def look() -> tuple[object, object]:
        with SYSTEM.reader(Context()) as reader:
            return reader.facts().forward_drops, unread(reader)

    drops, parts = without_capabilities(look)
    assert drops == ()
    assert parts == [("nftables", frozenset({TABLE}))]


def unread(reader: Reader) -> list[tuple[str, frozenset[Key]]]:
    observation = reader.observe(Scope("shop", {CONTENT.key: CONTENT}))
    assert observation.live == {}
    assert all("CAP_NET_ADMIN" in part.reason for part in observation.unread)
    return [(part.system, part.keys) for part in observation.unread]


def test_a_writer_without_the_capability_says_which_it_needs() -> None:
    def write() -> None:
        with SYSTEM.writer(Context()):
            pass

    with pytest.raises(PrivilegeError, match="CAP_NET_ADMIN"):
        without_capabilities(write)


def test_a_namespace_that_does_not_exist_is_an_error_and_is_not_made() -> None:
    with pytest.raises(BackendError, match="no network namespace 'nct-nowhere'"), SYSTEM.reader(Context("nct-nowhere")):
        pass
    assert "nct-nowhere" not in existing()


def test_a_namespace_may_not_be_entered_without_privilege(host: Host) -> None:
    def enter() -> None:
        with SYSTEM.reader(host.context):
            pass

    with pytest.raises(PrivilegeError):
        without_capabilities(enter)


def test_a_socket_stays_in_its_namespace_and_the_thread_does_not(host: Host) -> None:
    host.apply(CONTENT)
    with SYSTEM.reader(host.context), SYSTEM.reader(Context()) as here:
        assert here.observe(Scope("shop", {})).live == {}
        assert TABLE in host.observe().live


def test_a_closed_reader_is_an_error() -> None:
    reader = SYSTEM.reader(Context())
    with pytest.raises(BackendError, match="not open"):
        reader.facts()


def test_reading_goes_on_while_others_write(host: Host) -> None:
    """Each observation is of one generation: never half of another's transaction."""
    host.nft("table inet netctl-shop { set a { type ifname; }; set b { type ifname; }; }")
    stop = threading.Event()

    def toggle() -> None:
        while not stop.is_set():
            both = 'add element inet netctl-shop a { "x" }; add element inet netctl-shop b { "x" }'
            run_in(host.ns, ["nft", "-f", "-"], stdin=f"{both}\n{both.replace('add', 'delete')}\n{both}")
            run_in(host.ns, ["nft", "-f", "-"], stdin=both.replace("add", "delete"))

    with ThreadPoolExecutor(1) as executor:
        writing = executor.submit(toggle)
        try:
            seen = [host.live_table().sets for _ in range(100)]
        finally:
            stop.set()
        writing.result()
    assert all(a.elements == b.elements for a, b in seen)


def test_a_rule_set_that_never_rests_is_an_error_after_the_timeout(host: Host) -> None:
    class Restless(Connection):
        """Every look finds another generation."""

        number = 0

        def generation(self) -> int:
            self.number += 1
            return self.number

    reader = SYSTEM.reader(host.context._replace(timeout=0.05))
    reader.connection = Restless(host.ns)
    with reader, pytest.raises(BackendError, match="kept changing"):
        reader.facts()


class Lossy(Connection):
    """Its first dump of elements misses all: as the kernel's do while it resizes a hash table."""

    lost = False

    def dump(self, kind: Message, family: int = 0, payload: bytes = b"") -> Iterator[Reply]:
        replies = list(super().dump(kind, family, payload))
        if kind is Message.GETSETELEM and not self.lost:
            self.lost = True
            return
        yield from replies


def test_a_set_whose_dump_misses_elements_is_read_again(host: Host) -> None:
    content = desired_table(table([Set("s", ("ipv4_addr",), elements=frozenset({"10.0.0.1", "10.0.0.2"}))]))
    host.apply(content)
    reader = SYSTEM.reader(host.context)
    reader.connection = connection = Lossy(host.ns)
    with reader:
        live = reader.observe(Scope("shop", {})).live
    assert connection.lost
    assert live[TABLE].attributes == content.attributes


def test_a_large_hash_set_is_read_whole_right_after_it_was_written(host: Host) -> None:
    elements = frozenset(f"10.{n >> 8}.{n & 255}.1" for n in range(30_000))
    content = desired_table(table([Set("s", ("ipv4_addr",), elements=elements)]))
    for _ in range(3):
        host.apply(content)
        host.apply()


class Absent(Connection):
    """A kernel without nf_tables."""

    def generation(self) -> int:
        raise RequestError("read nftables (GETGEN)", errno.EINVAL)


def test_without_nf_tables_nothing_is_known_and_a_stack_without_a_firewall_is_applied_all_the_same(host: Host) -> None:
    writer = SYSTEM.writer(host.context)
    writer.connection = Absent(host.ns)
    with writer:
        assert writer.facts().forward_drops == ()
        (part,) = writer.observe(Scope("shop", {CONTENT.key: CONTENT})).unread
        assert part.keys == {TABLE}
        nf_tables = writer.capabilities()[1]
    assert (nf_tables.name, nf_tables.available) == ("nf_tables", False)


def test_the_doctor_hears_of_the_kernel_the_privilege_and_who_drops(host: Host) -> None:
    run_in(host.ns, ["iptables-nft", "-P", "FORWARD", "DROP"])
    with SYSTEM.reader(host.context) as reader:
        found = {capability.name: capability for capability in reader.capabilities()}
    assert found["CAP_NET_ADMIN"].available
    assert found["nf_tables"].available
    assert not found["forwarded traffic"].available
    assert not found["forwarded traffic"].required
    assert "ip filter FORWARD" in found["forwarded traffic"].detail


def test_the_doctor_says_what_to_do_without_the_privilege() -> None:
    def look() -> list[tuple[str, bool, str]]:
        with SYSTEM.reader(Context()) as reader:
            return [(one.name, one.available, one.advice) for one in reader.capabilities()]

    assert without_capabilities(look) == [("CAP_NET_ADMIN", False, "run as root")]


def test_there_is_nothing_to_import(host: Host) -> None:
    host.apply(CONTENT)
    with SYSTEM.reader(host.context) as reader:
        assert list(reader.discover()) == []


def test_events_name_what_is_the_stack_s_and_ask_for_a_full_look_where_chains_come(host: Host) -> None:
    seen: SimpleQueue[frozenset[Key]] = SimpleQueue()

    def listen() -> None:
        with SYSTEM.reader(host.context) as reader, closing(reader.events()) as events:
            for keys in islice(events, 6):
                seen.put(keys)

    comment = "netctl:shop/web ip filter FORWARD in:nc-web"
    chain = "chain FORWARD { type filter hook forward priority 0; policy drop; }"
    with ThreadPoolExecutor(1) as executor:
        executor.submit(listen)
        assert seen.get(timeout=60) == frozenset()
        host.nft(f"table ip filter {{ {chain}; }}")
        host.nft("add rule ip filter FORWARD counter")
        host.apply(CONTENT)
        host.nft("add element inet netctl-shop s { eth0 }")
        host.nft(f'add rule ip filter FORWARD iifname nc-web accept comment "{comment}"')
        host.nft("delete table ip filter")
        rule_key = Key("nftables", "rule", "ip filter FORWARD netctl:shop:in:nc-web")
        expected: list[set[Key]] = [set(), {TABLE}, {TABLE}, {rule_key}, set()]
        assert [seen.get(timeout=60) for _ in expected] == expected


def test_a_request_that_the_kernel_refuses_is_named(host: Host) -> None:
    with Connection(host.ns) as connection, pytest.raises(BackendError, match=r"GETCHAIN.*EINVAL"):
        connection.get(Message.GETCHAIN, 1, b"")
