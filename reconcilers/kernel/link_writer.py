"""Making, changing and deleting links by the batch."""

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import cast

from netctl.engine.change import Action, Change, Failure
from netctl.kinds.link import Link, Macvlan, Veth, VethPeer
from reconcilers.kernel.link_requests import (
    configure_link,
    create_link,
    delete_group,
    delete_link,
    is_made_down,
    set_altnames,
    set_group,
    set_up,
)
from reconcilers.kernel.namespaces import DIRECTORY, inside
from reconcilers.kernel.refusals import explain, is_done
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.sysctls import write_sysctl
from reconcilers.kernel.view import View

_LINKS_A_SEND = 64
"""Each link takes up to three requests (create, configure, name), and they belong in one send."""
_COMPLETED_WITH = ("owner", "ipv4_forwarding")
"""What the request to create a link cannot set: its mark, and forwarding."""

Numbered = tuple[int, Change]


class LinkWriter:
    """The share of a batch that concerns links. Failures are entered into *failures* by position."""

    def __init__(self, sources: Sources, failures: dict[int, Failure]) -> None:
        self.sources = sources
        self.failures = failures

    def delete(self, changes: Iterable[Numbered]) -> None:
        """Delete the links that are to be deleted or replaced; several at a time as a group."""
        by_view: dict[str, list[Numbered]] = {}
        for position, change in _of_links(changes):
            ends = change.action in {Action.DELETE, Action.REPLACE} and not change.implied
            if ends and not isinstance(change.before, VethPeer):
                by_view.setdefault(cast(Link, change.before).netns, []).append((position, change))
        for netns, victims in by_view.items():
            self._delete_in(self.sources.view(netns), victims)

    def _delete_in(self, view: View, victims: Sequence[Numbered]) -> None:
        present = [(position, change) for position, change in victims if _name(change) in view.indexes]
        if len(present) > 1:
            self._delete_as_group(view, present)
        else:
            self._transact(view, [(p, c, delete_link(view.index_of(_name(c)))) for p, c in present])
        view.forget(_name(change) for _, change in present)

    def _delete_as_group(self, view: View, victims: Sequence[Numbered]) -> None:
        """Put the victims into a group that nothing else is in, and delete the group."""
        group = _unused_group(view)
        self._transact(view, [(p, c, set_group(view.index_of(_name(c)), group)) for p, c in victims])
        error = view.socket.transact([delete_group(group)])[0]
        if error is not None:
            self._transact(view, [(p, c, delete_link(view.index_of(_name(c)))) for p, c in victims])

    def create(self, changes: Iterable[Numbered]) -> None:
        """Make links and mark them, a number of them in each send."""
        made = [
            (position, change)
            for position, change in _of_links(changes)
            if change.action in {Action.CREATE, Action.REPLACE} and not isinstance(change.after, VethPeer)
        ]
        for start in range(0, len(made), _LINKS_A_SEND):
            self._create_some(made[start : start + _LINKS_A_SEND])
        self._ipv6_forwarding(made)
        self._bring_up(made)

    def _bring_up(self, made: Iterable[Numbered]) -> None:
        """Set up the links that were made down so that their IPv6 settings come first."""
        root = self.sources.root()
        links = [(position, change, cast(Link, change.after)) for position, change in made]
        self._transact(
            root,
            [
                (position, change, set_up(root.index_of(link.name)))
                for position, change, link in links
                if is_made_down(link) and link.up is not False and position not in self.failures
            ],
        )

    def _create_some(self, made: Sequence[Numbered]) -> None:
        root = self.sources.root()
        creations: list[tuple[int, Change, Request]] = []
        configurations: list[tuple[int, Change, Request]] = []
        elsewhere: list[tuple[View, int, Change, int]] = []
        with _Descriptors() as descriptors:
            for position, change in made:
                link = cast(Link, change.after)
                try:
                    view, index = self._place(link)
                    peer = self._peer(link, descriptors)
                    creations.append((position, change, create_link(link, index, peer, root.indexes)))
                except KeyError as missing:
                    self._fail(position, change, f"there is no interface {missing.args[0]}")
                    continue
                if view is root:
                    configurations += ((position, change, request) for request in _completion(change, index, root))
                else:
                    elsewhere.append((view, position, change, index))
                view.add(link.name, index)
            self._transact(root, [*creations, *configurations])
        for view, position, change, index in elsewhere:
            self._transact(view, [(position, change, request) for request in _completion(change, index, root)])

    def _place(self, link: Link) -> tuple[View, int]:
        """Where a new link will be, and the index chosen for it there."""
        view = self.sources.view(link.netns)
        return view, view.reserve_index()

    def _peer(self, link: Link, descriptors: "_Descriptors") -> tuple[int, int]:
        """The index and the namespace of what is made elsewhere: a veth's other end, or a macvlan itself."""
        if isinstance(link, Veth):
            netns, _, name = (link.peer or "").rpartition("/")
            view = self.sources.view(netns)
            index = view.reserve_index()
            view.add(name, index)
            return index, descriptors.of(netns)
        if isinstance(link, Macvlan) and link.netns:
            return 0, descriptors.of(link.netns)
        return 0, 0

    def update(self, changes: Iterable[Numbered]) -> None:
        """Change links in place; configure the far ends of new veth pairs."""
        changed: list[Numbered] = []
        by_view: dict[str, list[tuple[int, Change, Request]]] = {}
        root = self.sources.root()
        for position, change in _of_links(changes):
            if change.action is Action.DELETE or not _in_place(change):
                continue
            link = cast(Link, change.after)
            view = self.sources.view(link.netns)
            changed.append((position, change))
            try:
                requests = list(_alteration(change, view.index_of(link.name), root))
            except KeyError as missing:
                self._fail(position, change, f"there is no interface {missing.args[0]}")
                continue
            by_view.setdefault(link.netns, []).extend((position, change, request) for request in requests)
        for netns, requests_there in by_view.items():
            self._transact(self.sources.view(netns), requests_there)
        self._ipv6_forwarding(changed)

    def _ipv6_forwarding(self, changes: Iterable[Numbered]) -> None:
        """Netlink can tell this setting, but not set it.

        A link that forwards looks for no duplicates of its own addresses either: for the second or two that this
        takes, it has no usable link-local address, cannot ask for its neighbours, and drops what it should forward.
        """
        name = self.sources.ipv6_forwarding_name
        by_view: dict[str, list[tuple[int, Change]]] = {}
        for position, change in changes:
            wanted = cast(Link, change.after).ipv6_forwarding
            concerned = change.action is not Action.UPDATE or not change.fields or "ipv6_forwarding" in change.fields
            # A new link forwards only where the namespace's default says so, and then has to be told not to.
            if wanted is not None and concerned and position not in self.failures:
                by_view.setdefault(cast(Link, change.after).netns, []).append((position, change))
        for netns, concerned_there in by_view.items():
            with inside(netns or self.sources.netns):
                for position, change in concerned_there:
                    link = cast(Link, change.after)
                    escaped = link.name.replace(".", "/")
                    settings = {name: "1", "accept_dad": "0"} if link.ipv6_forwarding else {name: "0"}
                    for setting, value in settings.items():
                        failure = write_sysctl(f"net.ipv6.conf.{escaped}.{setting}", value)
                        if failure is not None:
                            self.failures.setdefault(position, failure)

    def _transact(self, view: View, sent: Sequence[tuple[int, Change, Request]]) -> None:
        errors = view.socket.transact([request for _, _, request in sent])
        for (position, change, _), error in zip(sent, errors, strict=True):
            if error is not None and not is_done(change, error):
                self.failures.setdefault(position, explain(change, error))

    def _fail(self, position: int, change: Change, answer: str) -> None:
        self.failures.setdefault(position, Failure(f"{change.action} {change.key}", answer, "plan again"))


class _Descriptors(ExitStack):
    """Open descriptors of namespaces, for as long as requests that name them are sent."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, int] = {}

    def of(self, netns: str) -> int:
        """A descriptor of the namespace *netns*."""
        if netns not in self._open:
            descriptor = os.open(DIRECTORY / netns, os.O_RDONLY | os.O_CLOEXEC)
            self.callback(os.close, descriptor)
            self._open[netns] = descriptor
        return self._open[netns]


def _of_links(changes: Iterable[Numbered]) -> Iterator[Numbered]:
    return ((position, change) for position, change in changes if change.key.kind == "link")


def _name(change: Change) -> str:
    return cast(Link, change.before).name


def _in_place(change: Change) -> bool:
    """Whether a change is made to a link that is there: an update, or the far end that has come with its pair."""
    return change.action is Action.UPDATE or isinstance(change.after, VethPeer)


def _completion(change: Change, index: int, root: View) -> Iterator[Request]:
    """What a new link needs beyond the request that creates it: its mark, forwarding, further names."""
    link = cast(Link, change.after)
    yield from configure_link(link, index, change.owner, _COMPLETED_WITH, root.indexes)
    if link.altnames:
        yield set_altnames(index, link.altnames, present=True)


def _alteration(change: Change, index: int, root: View) -> Iterator[Request]:
    """What brings a link that is there to the attributes wanted: those that differ, or all where none is named."""
    link = cast(Link, change.after)
    everything = change.action is not Action.UPDATE or not change.fields
    fields: Sequence[str] = ["owner", *link._fields] if everything else change.fields
    yield from configure_link(link, index, change.owner, fields, root.indexes)
    before = cast(Link, change.before).altnames or () if change.before else ()
    missing = [name for name in link.altnames or () if name not in before]
    if missing and "altnames" in fields:
        yield set_altnames(index, missing, present=True)


def _unused_group(view: View) -> int:
    taken = {row.group for row in view.links.values()}
    while (group := secrets.randbelow(1 << 30) + (1 << 30)) in taken:
        pass
    return group
