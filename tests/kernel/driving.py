"""Drives the kernel reconciler without the language: desired states written by hand, planned and applied."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from netctl.engine.apply import Report, apply_plan
from netctl.engine.change import Action
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Scope, Writer
from netctl.engine.resource import Attributes, Desired, Key, Live, Origin
from netctl.engine.session import Session, write_session
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Link, Port, link_key, port_key
from netctl.kinds.neighbour import FdbEntry, Neighbour, fdb_key, neighbour_key
from netctl.kinds.route import Route, claim_metric, route_key, stack_number
from netctl.kinds.rule import Rule, rule_key
from netctl.kinds.sysctl import Sysctl, sysctl_key
from reconcilers.kernel import SYSTEM
from tests.support.snapshots import Snapshot

STACK = "shop"
DECLARATION = "networks.a"


class Declared(dict[Key, Desired]):
    """A stack's desired resources, each added with what it needs."""

    def __init__(self, stack: str = STACK, declaration: str = DECLARATION) -> None:
        super().__init__()
        self.stack = stack
        self.declaration = declaration

    def add(self, key: Key, attributes: Attributes, *needs: Key, within: Key | None = None) -> Key:
        """Declare a resource; its key."""
        self[key] = Desired(key, attributes, Origin(self.declaration, "stack.yaml", 3), needs, within)
        return key

    def link(self, link: Link, *needs: Key, within: Key | None = None) -> Key:
        return self.add(link_key(link.name, link.netns), link, *needs, within=within)

    def port(self, port: Port, *needs: Key) -> Key:
        return self.add(port_key(port.name), port, *needs)

    def address(self, address: Address, link: Key) -> Key:
        return self.add(address_key(address.link, address.address, address.netns), address, link, within=link)

    def neighbour(self, entry: Neighbour, link: Key) -> Key:
        return self.add(neighbour_key(entry.link, entry.address), entry, link, within=link)

    def fdb(self, entry: FdbEntry, link: Key) -> Key:
        return self.add(fdb_key(entry.link, entry.mac, entry.destination or ""), entry, link, within=link)

    def route(self, route: Route, link: Key, *needs: Key) -> Key:
        """A route over a link of the stack's."""
        key = route_key(route.destination, route.table, route.metric, route.netns)
        return self.add(key, route, link, *needs, within=link)

    def claimed(self, route: Route, *needs: Key) -> Key:
        """A route over anything else, and its claim."""
        claims = stack_number(self.stack)
        claim = Route("", route.destination, claims, claim_metric(route.table, route.metric), "blackhole", "", "")
        claim_key = self.add(route_key(claim.destination, claims, claim.metric), claim)
        return self.add(route_key(route.destination, route.table, route.metric), route, claim_key, *needs)

    def rule(self, rule: Rule) -> Key:
        return self.add(rule_key(rule), rule)

    def sysctl(self, sysctl: Sysctl) -> Key:
        return self.add(sysctl_key(sysctl.name), sysctl)

    def change(self, key: Key, **attributes: Any) -> None:
        """Declare other values for some attributes of a resource."""
        self[key] = self[key]._replace(attributes=self[key].attributes._replace(**attributes))  # type: ignore[attr-defined]  # attributes are NamedTuples

    def without(self, *keys: Key) -> "Declared":
        """The same stack with some resources fewer."""
        rest = Declared(self.stack, self.declaration)
        rest.update((key, want) for key, want in self.items() if key not in keys)
        return rest


@contextmanager
def writing(ns: str) -> Iterator[Session[Writer]]:
    """A session that may change *ns*."""
    with write_session([SYSTEM], Context(ns)) as session:
        yield session


def plan(ns: str, declared: Declared, *, adopt: bool = False) -> Plan:
    """What would change in *ns*."""
    with writing(ns) as session:
        return session.plan(declared, stack=declared.stack, host=ns, adopt=adopt)


def apply(ns: str, declared: Declared, *, adopt: bool = False) -> Report:
    """Make *ns* as declared. Raises ApplyError; a conflict, or a part that could not be read, fails the test."""
    with writing(ns) as session:
        made = session.plan(declared, stack=declared.stack, host=ns, adopt=adopt)
        assert not made.conflicts, made.conflicts
        assert not made.unread, made.unread
        return apply_plan(made, declared, session)


def destroy(ns: str, stack: str = STACK) -> Report:
    """Remove from *ns* what the stack owns."""
    return apply(ns, Declared(stack))


def observe(ns: str, declared: Declared) -> dict[Key, Live]:
    """The live resources of the stack in *ns*, and what bears the key of a declared one."""
    with writing(ns) as session:
        seen = session.observe(Scope(declared.stack, declared))
    assert not seen.unread, seen.unread
    return seen.live


def converged(ns: str, declared: Declared) -> None:
    """Fail unless there is nothing left to do."""
    left = plan(ns, declared)
    assert not left, (named(left), left.conflicts, left.unread)


def named(found: Plan) -> dict[str, tuple[Action, tuple[str, ...]]]:
    """The plan's changes: action and fields by the key's text without its system."""
    return {f"{change.key.kind}/{change.key.id}": (change.action, change.fields) for change in found.changes}


def conflicting(found: Plan) -> set[str]:
    """The keys, as in `named`, of desired resources that are foreign."""
    return {f"{conflict.desired.key.kind}/{conflict.desired.key.id}" for conflict in found.conflicts}


def answers(report: Report) -> str:
    """Everything that failed in an apply, as one text."""
    return "\n".join(str(outcome.failure) for outcome in report.failed)


def same(now: Snapshot, before: Snapshot) -> None:
    """Fail, naming each value that differs, unless two snapshots are equal."""
    if now != before:
        raise AssertionError("\n".join(_differences("", before, now)))


def _differences(path: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before.keys() | now.keys():
            yield from _differences(f"{path}.{name}", before.get(name), now.get(name))
    elif isinstance(before, list) and isinstance(now, list):
        was, has = ({_identity(entry, i): entry for i, entry in enumerate(entries)} for entries in (before, now))
        yield from _differences(path, was, has)
    elif before != now:
        yield f"{path}: {before} -> {now}"


def _identity(entry: Any, position: int) -> str:
    """What an entry of a list is about, so that one that is missing does not shift the others."""
    known = ("ifname", "dst", "local", "mac", "priority", "table", "metric", "dev")
    return " ".join(str(entry[name]) for name in known if name in entry) if isinstance(entry, dict) else str(position)
