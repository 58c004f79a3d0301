"""The making of links: where each is to be, under which index, and the request for it."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, cast

from netctl.engine.change import Change
from netctl.errors import BackendError
from netctl.kinds.link import Link, Macvlan, Veth
from netctl.system.namespaces import opened
from reconcilers.kernel.link_requests import create_link, delete_link, is_made_down, rename_link
from reconcilers.kernel.marks import unfinished_group
from reconcilers.kernel.refusals import explain
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.view import View


class Birth(NamedTuple):
    """A link about to be made."""

    position: int
    change: Change
    view: View
    """Where it will be."""
    ifindex: int
    peer: "tuple[View, str, int] | None"
    """Of a veth's far end: where it will be, its name and its index."""
    request: Request
    elsewhere: Callable[[], Request]
    """The same, with indexes of the kernel's choice."""
    disguised: Callable[[str], Request] | None = None
    """Of a macvlan in another namespace: the same, under another name. Until Linux 6.15 the kernel looks for the name
    in the namespace that it is asked in, where a parent called ``eth0`` keeps it from making an ``eth0`` elsewhere."""

    def renamed(self, disguise: str) -> "Birth":
        """The birth of what was made under the name *disguise*, given its own. Raises BackendError."""
        link = cast(Link, self.change.after)
        index = self.view.look_up(disguise)
        up = link.up is not False and not is_made_down(link)
        refusal = self.view.socket.transact([rename_link(index, link.name, up=up)])[0]
        if refusal is not None:
            self.view.socket.transact([delete_link(index)])
            raise BackendError(str(refusal), explain(self.change, refusal).advice)
        return self._replace(ifindex=index)

    def looked_up(self) -> "Birth":
        """The birth with the indexes that the kernel chose. Raises BackendError where the link is gone already."""
        name = cast(Link, self.change.after).name
        peer = self.peer and (self.peer[0], self.peer[1], self.peer[0].look_up(self.peer[1]))
        return self._replace(ifindex=self.view.look_up(name), peer=peer)

    def recorded(self) -> "Birth":
        """The birth, its links now known by name."""
        self.view.add(cast(Link, self.change.after).name, self.ifindex)
        if self.peer:
            view, name, index = self.peer
            view.add(name, index)
        return self


class Descriptors(ExitStack):
    """Open descriptors of namespaces, for as long as requests that name them are sent."""

    def __init__(self, sources: Sources) -> None:
        super().__init__()
        self._sources = sources
        self._open: dict[str, int] = {}

    def of(self, netns: str) -> int:
        """A descriptor of the namespace *netns*. Raises BackendError where there is none of that name."""
        if netns not in self._open:
            found = opened(netns) if netns else self._sources.root_descriptor()
            self._open[netns] = self.enter_context(found)
        return self._open[netns]


def expect(position: int, change: Change, sources: Sources, descriptors: Descriptors) -> Birth:
    """The birth of the link that *change* makes.

    Raises KeyError for a link that it refers to and that is not there, BackendError for a namespace that is not.
    """
    link = cast(Link, change.after)
    root, view = sources.root(), sources.view(link.netns)
    group = unfinished_group(change.owner.stack) if change.owner else link.group or 0
    peer = _peer(link, sources)
    place = _place(link, descriptors)
    index = view.reserve_index()
    return Birth(
        position, change, view, index, peer,
        create_link(link, index, (peer[2] if peer else 0, place), root.indexes, group),
        partial(create_link, link, 0, (0, place), root.indexes, group),
        _disguised(link, place, root, group),
    )  # fmt: skip


def _disguised(link: Link, place: int, root: View, group: int) -> Callable[[str], Request] | None:
    if not (isinstance(link, Macvlan) and link.netns):
        return None
    return lambda name: create_link(link._replace(name=name, up=False), 0, (0, place), root.indexes, group)


def _peer(link: Link, sources: Sources) -> tuple[View, str, int] | None:
    if not isinstance(link, Veth):
        return None
    netns, _, name = (link.peer or "").rpartition("/")
    if not name:
        raise BackendError("where its far end was is not known")
    view = sources.view(netns)
    return view, name, view.reserve_index()


def _place(link: Link, descriptors: Descriptors) -> int:
    """A descriptor of the namespace that a veth's far end, or a macvlan, is made in; 0 where that is no other one."""
    if isinstance(link, Veth):
        return descriptors.of((link.peer or "").rpartition("/")[0])
    return descriptors.of(link.netns) if isinstance(link, Macvlan) and link.netns else 0
