"""The kernel's writer: a batch of changes becomes as few sends as possible, in phases.

A batch's changes need nothing of one another, so they can be taken by kind of operation: what is cheap for the kernel
in one go (creating links, deleting a group of them) is done in one go. Within a send, links are created and marked
together: a process killed between two sends leaves nothing unmarked behind.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self, cast

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.resource import Attributes
from netctl.errors import PrivilegeError
from netctl.kinds.address import Address
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.route import Route, stack_number
from netctl.kinds.rule import Rule
from reconcilers.kernel.addresses import delete_address, set_address
from reconcilers.kernel.capabilities import CAP_NET_ADMIN, effective
from reconcilers.kernel.link_writer import LinkWriter
from reconcilers.kernel.loans import give_back, take_over
from reconcilers.kernel.neighbours import delete_fdb, delete_neighbour, set_fdb, set_neighbour
from reconcilers.kernel.reader import KernelReader
from reconcilers.kernel.refusals import explain, is_done
from reconcilers.kernel.routes import delete_route, set_route
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.rules import delete_rule, set_rule
from reconcilers.kernel.view import View

Failures = dict[int, Failure]
"""The first failure of a change, by the change's position in the batch."""


class KernelWriter(KernelReader):
    """Reads, and makes changes."""

    def __enter__(self) -> Self:
        if not effective(CAP_NET_ADMIN):
            raise PrivilegeError(
                "changing the network needs the capability CAP_NET_ADMIN, which this process has not got",
                "run as root; `netctl plan` shows what would change without it",
                "NC302",
            )
        return super().__enter__()

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes; one outcome for each, in order."""
        failures: Failures = {}
        changes = list(enumerate(batch))
        links = LinkWriter(self.sources, failures)
        self._send(_removals(changes), failures)
        for position, change in changes:
            if change.key.kind in {"port", "sysctl"} and change.action is Action.DELETE:
                self._fail(failures, position, give_back(change, self.sources))
        links.delete(changes)
        links.create(changes)
        links.update(changes)
        for position, change in changes:
            if change.key.kind in {"port", "sysctl"} and change.action is not Action.DELETE:
                self._fail(failures, position, take_over(change, self.sources))
        self._send(_settings(changes), failures)
        return [Outcome(change, failures.get(position)) for position, change in changes]

    def _fail(self, failures: Failures, position: int, failure: Failure | None) -> None:
        if failure is not None:
            failures.setdefault(position, failure)

    def _send(self, steps: Iterable["_Step"], failures: Failures) -> None:
        """Send requests to the namespaces that they concern, as many as possible at a time."""
        by_namespace: dict[str, list[tuple[int, Change, Request]]] = {}
        views: dict[str, View] = {}
        for position, change, encode in steps:
            netns = _netns_of(change)
            view = views.get(netns) or views.setdefault(netns, self.sources.view(netns))
            try:
                by_namespace.setdefault(netns, []).extend((position, change, request) for request in encode(view))
            except KeyError as missing:
                failure = Failure(f"{change.action} {change.key}", f"there is no interface {missing.args[0]}")
                failures.setdefault(position, failure)
        for netns, sent in by_namespace.items():
            for (position, change, _), error in zip(
                sent, views[netns].socket.transact([r for _, _, r in sent]), strict=True
            ):
                if error is not None and not is_done(change, error):
                    failures.setdefault(position, explain(change, error))


_Encode = Callable[[View], Iterable[Request]]
_Step = tuple[int, Change, _Encode]


def _netns_of(change: Change) -> str:
    """The namespace that a change is made in; the first attribute of the kinds that can be elsewhere."""
    attributes = cast(Attributes, change.after or change.before)
    return str(attributes[0]) if change.key.kind in {"address", "route"} else ""


def _removals(changes: Iterable[tuple[int, Change]]) -> Iterator[_Step]:
    """Deletions of everything but links; also of rules, and of addresses, that must be replaced."""
    for position, change in changes:
        if change.implied or change.before is None:
            continue
        if change.action is Action.DELETE or change.action is Action.REPLACE:
            encode = _removal(change, change.before)
            if encode is not None:
                yield position, change, encode


def _removal(change: Change, before: Attributes) -> _Encode | None:
    match before:
        case Address():
            return lambda view: [delete_address(before, view.index_of(before.link))]
        case Route():
            return lambda _view: [delete_route(before)]
        case Rule():
            mark = stack_number(change.owner_before.stack) if change.owner_before else 0
            return lambda _view: [delete_rule(before, mark)]
        case Neighbour():
            return lambda view: [delete_neighbour(before, view.index_of(before.link))]
        case FdbEntry():
            return lambda view: [delete_fdb(before, view.index_of(before.link))]
        case _:
            return None


def _settings(changes: Iterable[tuple[int, Change]]) -> Iterator[_Step]:
    """Creations and changes of everything but links, ports and sysctls."""
    for position, change in changes:
        if change.action is not Action.DELETE and change.after is not None:
            encode = _setting(change, change.after)
            if encode is not None:
                yield position, change, encode


def _setting(change: Change, after: Attributes) -> _Encode | None:
    match after:
        case Address():
            return lambda view: [set_address(after, view.index_of(after.link), owned=change.owner is not None)]
        case Route():
            exclusive = change.action is Action.CREATE
            return lambda view: [set_route(after, view.indexes, exclusive=exclusive)]
        case Rule():
            return lambda _view: _set_rule(change, after)
        case Neighbour():
            return lambda view: [set_neighbour(after, view.index_of(after.link))]
        case FdbEntry():
            return lambda view: _set_fdb(change, after, view)
        case _:
            return None


def _set_rule(change: Change, rule: Rule) -> Iterator[Request]:
    """A rule cannot be changed: one that is taken over, or given back, is deleted and made with the other mark."""
    if change.action is Action.UPDATE:
        yield delete_rule(rule, stack_number(change.owner_before.stack) if change.owner_before else 0)
    yield set_rule(rule, stack_number(change.owner.stack) if change.owner else 0)


def _set_fdb(change: Change, entry: FdbEntry, view: View) -> Iterator[Request]:
    if entry.mac == FLOOD_MAC and change.action is Action.UPDATE:
        yield delete_fdb(entry, view.index_of(entry.link))
    yield set_fdb(entry, view.index_of(entry.link))
