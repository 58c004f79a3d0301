"""Commands that are given a file and ``--consul``: the hosts that have joined are known to them, too."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netctl.cli import apply as apply_command
from netctl.cli import plan as plan_command
from netctl.cluster.records import HostRecord, Lease
from netctl.engine.store import Write
from netctl.errors import DeclarationError, NetctlError, RefusedError
from tests.cluster.test_publishing import ADDRESS, MORE, STACK, routes
from tests.cluster.watches import following, layout, publish, store
from tests.e2e.lab import Lab, describe
from tests.support.namespaces import wait_until

pytestmark = pytest.mark.usefixtures("agent")


@contextmanager
def joined(lab: Lab, number: int) -> Iterator[None]:
    """Another host, which has shown itself and leased an id, as a watch does."""
    name = f"peer{number}"
    with store(lab) as consul:
        session = consul.open_session(name)
        record = HostRecord(address=f"192.0.2.{100 + number}")
        assert consul.acquire(layout().hosts + name, record.encoded(), session)
        assert consul.write([Write(f"{layout().ids}{number}", Lease(host=name).encoded(), 0)])
        try:
            yield
        finally:
            consul.end_session(session)


def test_a_plan_of_what_is_published_is_empty_where_other_hosts_have_joined(lab: Lab) -> None:
    publish(lab, STACK)
    with following(lab, "node1", *ADDRESS), joined(lab, 2):
        wait_until(lambda: "10.42.2.0/24" in routes(lab))
        with pytest.raises(DeclarationError):
            lab.plan(STACK, "node1")
        wait_until(lambda: not lab.plan(STACK, "node1", consul=True))
        changes = describe(lab.plan(MORE, "node1", consul=True))
        assert changes
        assert all(change.startswith("create kernel/route/172.31.0.0/16") for change in changes)
    lab.destroy("pods", "node1")


def test_what_is_applied_with_the_hosts_that_have_joined_reaches_them(lab: Lab) -> None:
    publish(lab, STACK)
    with following(lab, "node1", *ADDRESS) as watcher:
        watcher.end()
    with joined(lab, 2):
        lab.apply(MORE, "node1", consul=True)
        assert {"10.42.2.0/24", "172.31.0.0/16"} <= routes(lab)
        saved = lab.directory / "plan.json"
        place = {"file": [lab.write(STACK)], "host": "node1", "netns": lab["node1"], "quiet": True}
        plan_command.run(plan_command.Options(**place, consul=True, out=saved))  # type: ignore[arg-type]
        options = apply_command.Options(saved=saved, yes=True, quiet=True, state_dir=lab.directory / "state")
        with joined(lab, 3), pytest.raises(RefusedError, match="the plan is stale"):
            apply_command.run(options)
    lab.destroy("pods", "node1")


def test_a_host_that_has_not_joined_is_told_so(lab: Lab) -> None:
    with pytest.raises(NetctlError, match="nothing is published for stack 'pods'"):
        lab.plan(STACK, "node1", consul=True)
    publish(lab, STACK)
    with pytest.raises(NetctlError, match="host 'node1' has not joined stack 'pods'"):
        lab.plan(STACK, "node1", consul=True)
