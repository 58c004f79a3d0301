"""A fault at any step of a plan over the kernel and nftables: all is as before, or the report says what is not."""

from collections.abc import Mapping

import pytest

from netctl.cli.options import Planning
from netctl.cli.terminal import Terminal
from netctl.cli.workspace import reading
from netctl.engine.apply import ApplyError, Report, apply_plan
from netctl.engine.change import Change
from netctl.engine.protocol import Scope
from netctl.engine.resource import Desired, Key, Origin
from tests.e2e.faults import Fault, LastAndUndoing, NthChange, faulty_session
from tests.e2e.lab import Lab
from tests.support.snapshots import Snapshot, snapshot, unnumbered

FIRST = """\
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    attach: [{netns: "${web}", address: 10.10.0.20}, {netns: "${db}", labels: {app: db}}]
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{from: [{network: front}], ports: [5432/tcp]}]}
routes:
  - {to: 172.31.0.0/16, via: 192.0.2.254}
"""
SECOND = """\
stack: shop
networks:
  front:
    subnet: {cidr: [10.11.0.0/24, "fd00:10::/64"]}
    mtu: 1400
    attach: [{netns: "${web}", address: 10.11.0.20, mac: "02:00:00:00:00:77"}, {interface: spare}]
  back: {subnet: {cidr: 10.20.0.0/24}, attach: [{netns: "${db}", labels: {app: db}}], nat: none}
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{ports: [5432/tcp, 80/tcp]}]}
  web: {applies_to: {network: front}, ingress: []}
routes:
  - {to: 172.31.0.0/16, via: 192.0.2.253}
rules: [{priority: 1000, from: 10.20.0.0/24, table: 100}]
"""
NOTHING = "stack: shop\n"
SITUATIONS = {"create": (NOTHING, FIRST), "change": (FIRST, SECOND), "destroy": (FIRST, NOTHING)}


class Situation:
    """A host in a certain state, and what is to be made of it."""

    def __init__(self, lab: Lab, before: str, after: str) -> None:
        self.lab = lab
        lab.add("host", "wire", "web", "db")
        lab.join("wire", "eth0", "host", "eth0")
        lab.join("wire", "spare", "host", "spare")
        lab.ip("host", "address add 192.0.2.11/24 dev eth0")
        self.after = after
        self.reach(before)
        self.before = self.look()
        self.changes = tuple(lab.plan(after, "host").changes)

    def reach(self, text: str) -> None:
        """Apply *text* without faults."""
        if text == NOTHING:
            self.lab.destroy("shop", "host")
        else:
            self.lab.apply(text, "host")

    def finish(self) -> None:
        """The apply that has failed so often succeeds, and everything goes."""
        self.reach(self.after)
        self.reach(NOTHING)

    def look(self) -> dict[str, Snapshot]:
        """How all is, but for what the kernel numbers by itself."""
        labels = ("host", "web", "db")
        self.lab.settle(*labels)
        return {label: unnumbered(snapshot(self.lab[label])) for label in labels}

    def desired(self, text: str) -> Mapping[Key, Desired]:
        """What *text* declares."""
        with reading(Planning(file=[self.lab.write(text)], netns=self.lab["host"]), Terminal(quiet=True)) as work:
            return work.desired

    def fail(self, fault: Fault, *, crash: bool) -> Report:
        """The report of an apply in which that fails."""
        desired = self.desired(self.after)
        with faulty_session(self.lab["host"], fault, crash=crash) as session:
            plan = session.plan(desired, stack="shop", host="host")
            with pytest.raises(ApplyError) as caught:
                apply_plan(plan, desired, session)
        return caught.value.report

    def observed(self) -> dict[Key, tuple[object, ...]]:
        """What of the plan is there, as the systems tell it."""
        known = {change.key: _as_desired(change) for change in self.changes}
        with faulty_session(self.lab["host"], NthChange(-1), crash=False) as session:
            live = session.observe(Scope("shop", known)).live
        return {key: (live[key].attributes, live[key].owner) for key in known if key in live}


def _as_desired(change: Change) -> Desired:
    attributes = change.after or change.before
    assert attributes is not None
    return Desired(change.key, attributes, Origin(""), change.needs, change.within)


@pytest.mark.parametrize("crash", [False, True], ids=["refused", "unanswered"])
@pytest.mark.parametrize("name", SITUATIONS)
def test_whichever_change_fails_all_is_as_it_was(lab: Lab, name: str, crash: bool) -> None:
    situation = Situation(lab, *SITUATIONS[name])
    assert {change.key.system for change in situation.changes} == {"kernel", "nftables"}
    for number in range(len(situation.changes)):
        report = situation.fail(NthChange(number), crash=crash)
        assert report.not_undone == ()
        assert situation.look() == situation.before, situation.changes[number].key
    situation.finish()


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_cannot_be_undone_is_reported_and_nothing_else(lab: Lab, name: str) -> None:
    """The last change fails, and then one other cannot be brought back, each in its turn."""
    situation = Situation(lab, *SITUATIONS[name])
    executed = [change for change in situation.changes if not change.implied]
    for stubborn in executed[:-1]:
        before = situation.observed()
        report = situation.fail(LastAndUndoing(len(executed), stubborn.key), crash=False)
        reported = {outcome.change.key for outcome in report.not_undone}
        now = situation.observed()
        assert reported == {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        assert stubborn.key in reported or now == before
        situation.reach(SITUATIONS[name][0])
    situation.finish()
