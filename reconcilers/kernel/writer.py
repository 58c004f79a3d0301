"""The kernel's writer: a batch of changes becomes as few sends as possible, in phases.

A batch's changes need nothing of one another, so they can be taken by kind of operation: what is cheap for the kernel
in one go (creating links, deleting a group of them) is done in one go. Within a send, links are created and marked
together: a process killed between two sends leaves nothing unmarked behind.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Self, cast

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.resource import Attributes
from netctl.errors import BackendError, PrivilegeError
from netctl.kinds.address import Address
from netctl.kinds.neighbour import FdbEntry, Neighbour
from netctl.kinds.route import PROTOCOL, Route, stack_number
from netctl.kinds.rule import Rule
from reconcilers.kernel.addresses import delete_address, prefix_of, set_address
from reconcilers.kernel.announcements import announce
from reconcilers.kernel.bridge_filter import make_bridges_filter
from reconcilers.kernel.capabilities import CAP_NET_ADMIN, effective
from reconcilers.kernel.link_requests import promote_secondaries
from reconcilers.kernel.link_writer import LinkWriter
from reconcilers.kernel.loans import give_back, take_over
from reconcilers.kernel.neighbours import delete_fdb, delete_neighbour, set_fdb, set_neighbour
from reconcilers.kernel.prefix_routes import set_prefix_route
from reconcilers.kernel.reader import KernelReader
from reconcilers.kernel.refusals import explain, is_done
from reconcilers.kernel.route_writer import RouteWriter
from reconcilers.kernel.routes import delete_route
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.rules import delete_rule, set_rule
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.view import View

_AGAIN = "plan again"
_UNSPECIFIED, _BY_HAND = 0, 3
"""The protocol numbers that ``ip`` gives addresses and routes (IFAPROT_UNSPEC, RTPROT_BOOT)."""

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
        self._facts_fresh = False  # what was read before is not so any more
        changes = list(enumerate(batch))
        failures: Failures = dict(make_bridges_filter(changes, self.context.netns))
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
        self._send(_prefix_routes(changes), failures)
        self._send(_settings(changes, self.sources), failures)
        announce((change for position, change in changes if position not in failures), self.sources)
        return [Outcome(change, failures.get(position)) for position, change in changes]

    def _fail(self, failures: Failures, position: int, failure: Failure | None) -> None:
        if failure is not None:
            failures.setdefault(position, failure)

    def _send(self, steps: Iterable["_Step"], failures: Failures) -> None:
        """Send requests to the namespaces that they concern, as many as possible at a time."""
        by_netns: dict[str, list[tuple[int, Change, Request]]] = {}
        for position, change, encode in steps:
            netns = _netns_of(change)
            try:
                requests = [(position, change, request) for request in encode(self.sources.view(netns))]
            except KeyError as missing:
                failure = Failure(f"{change.action} {change.key}", f"there is no interface {missing.args[0]}", _AGAIN)
                failures.setdefault(position, failure)
            except BackendError as error:
                failures.setdefault(position, Failure(f"{change.action} {change.key}", error.message, error.advice))
            else:
                by_netns.setdefault(netns, []).extend(requests)
        for netns, sent in by_netns.items():
            errors = self.sources.view(netns).socket.transact([request for _, _, request in sent])
            for (position, change, request), refusal in zip(sent, errors, strict=True):
                if refusal is not None and not is_done(change, request, refusal):
                    failures.setdefault(position, explain(change, refusal))


_Encode = Callable[[View], Iterable[Request]]
_Step = tuple[int, Change, _Encode]


def _netns_of(change: Change) -> str:
    """The namespace that a change is made in; the first attribute of the kinds that can be elsewhere."""
    attributes = cast(Attributes, change.after or change.before)
    return str(attributes[0]) if change.key.kind in {"address", "route"} else ""


def _removals(changes: Iterable[tuple[int, Change]]) -> Iterator[_Step]:
    """Deletions of everything but links; also of what must be deleted to be changed."""
    for position, change in changes:
        if change.implied or change.before is None:
            continue
        if change.action in {Action.DELETE, Action.REPLACE} or isinstance(change.before, FdbEntry):
            encode = _removal(change, change.before)
            if encode is not None:
                yield position, change, encode


def _removal(change: Change, before: Attributes) -> _Encode | None:
    match before:
        case Address():
            return lambda view: _delete_address(before, view)
        case Route():
            return lambda _view: [delete_route(before)]
        case Rule():
            mark = stack_number(change.owner_before.stack) if change.owner_before else 0
            return lambda _view: [delete_rule(before, mark)]
        case Neighbour():
            return lambda view: [delete_neighbour(before, view.index_of(before.link))]
        case FdbEntry():
            # The kernel lets an entry that others have set neither become ours nor permanent: it is made anew. All go
            # before any comes, since the destinations of one MAC have their mark in common.
            return lambda view: [delete_fdb(before, view.index_of(before.link))]
        case _:
            return None


def _delete_address(address: Address, view: View) -> Iterator[Request]:
    """An IPv4 address takes the later ones of its prefix with it, foreign ones too, unless these are promoted."""
    index, row = view.index_of(address.link), view.links.get(address.link)
    promote = ":" not in address.address and row is not None and not row.promotes_secondaries
    if promote:
        yield promote_secondaries(index, on=True)
    yield delete_address(address, index)
    if promote:
        yield promote_secondaries(index, on=False)


def _prefix_routes(changes: Iterable[tuple[int, Change]]) -> Iterator[_Step]:
    """The routes to prefixes that are missing, once for all addresses of a prefix."""
    made: set[tuple[str, str, str]] = set()
    for position, change in changes:
        after = change.after
        if isinstance(after, Address) and "prefix_route" in change.fields and after.prefix_route:
            place = after.netns, after.link, prefix_of(after.address)
            if place not in made:
                made.add(place)
                yield position, change, partial(_prefix_route, after)


def _prefix_route(address: Address, view: View) -> list[Request]:
    return [set_prefix_route(address, view)]


def _settings(changes: Iterable[tuple[int, Change]], sources: Sources) -> Iterator[_Step]:
    """Creations and changes of everything but links, ports and sysctls."""
    routes = RouteWriter()
    for position, change in changes:
        if change.action is not Action.DELETE and change.after is not None:
            encode = _setting(change, change.after, sources.originals.get(change.key), routes)
            if encode is not None:
                yield position, change, encode


def _setting(change: Change, after: Attributes, original: str | int | None, routes: RouteWriter) -> _Encode | None:
    """*original* is the protocol number that a foreign object had before it was taken over."""
    match after:
        case Address() if change.fields != ("prefix_route",):
            protocol = _protocol(change, original, _UNSPECIFIED)
            return lambda view: [set_address(after, view.index_of(after.link), protocol)]
        case Route():
            protocol = _protocol(change, original, _BY_HAND)
            return lambda view: routes.requests(change, after, view, protocol)
        case Rule():
            protocol = _protocol(change, original, _UNSPECIFIED)
            return lambda _view: _set_rule(change, after, protocol)
        case Neighbour():
            return lambda view: _set_neighbour(change, after, view)
        case FdbEntry():
            return lambda view: [set_fdb(after, view.index_of(after.link), owned=change.owner is not None)]
        case _:
            return None


def _protocol(change: Change, original: str | int | None, unmarked: int) -> int:
    """The protocol number of what is made: netctl's where it is owned, else what it had, or what others give it."""
    if change.owner is not None:
        return PROTOCOL
    return original if isinstance(original, int) else unmarked


def _set_rule(change: Change, rule: Rule, protocol: int) -> Iterator[Request]:
    """A rule cannot be changed: one that is taken over, or given back, is deleted and made with the other mark."""
    if change.action is Action.UPDATE:
        yield delete_rule(rule, stack_number(change.owner_before.stack) if change.owner_before else 0)
    yield set_rule(rule, stack_number(change.owner.stack) if change.owner else 0, protocol)


def _set_neighbour(change: Change, neighbour: Neighbour, view: View) -> Iterator[Request]:
    """A mark once given stays: one that is given back is deleted and made without."""
    index, owned = view.index_of(neighbour.link), change.owner is not None
    if not owned:
        yield delete_neighbour(neighbour, index)
    yield set_neighbour(neighbour, index, owned=owned)
