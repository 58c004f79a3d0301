"""Making, changing and deleting links by the batch."""

import errno
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from netctl.engine.change import Action, Change, Failure
from netctl.engine.resource import Owner
from netctl.errors import BackendError
from netctl.kinds.link import Bridge, Link, Veth, VethPeer
from netctl.system.namespaces import inside
from reconcilers.kernel.births import Birth, Descriptors, expect
from reconcilers.kernel.link_requests import (
    configure_link,
    delete_group,
    delete_link,
    down_group,
    is_made_down,
    set_altnames,
    set_group,
    set_up,
    without_link_local,
)
from reconcilers.kernel.marks import doomed_group, is_passing, link_mark
from reconcilers.kernel.refusals import explain, is_done
from reconcilers.kernel.rtnetlink import Request, Rtnetlink
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.sysctls import sysctl_path, write_sysctl
from reconcilers.kernel.view import View

_LINKS_A_SEND = 64
"""Descriptors of that many namespaces may have to be open at a time."""
_TAKEN = frozenset({errno.EEXIST, errno.EBUSY})
"""The kernel's answer where a link has the name, or the index, of the one that is to be made."""

Numbered = tuple[int, Change]
Sent = tuple[int, Change, Request]


class LinkWriter:
    """The share of a batch that concerns links. Failures are entered into *failures* by position."""

    def __init__(self, sources: Sources, failures: dict[int, Failure]) -> None:
        self.sources = sources
        self.failures = failures

    def delete(self, changes: Iterable[Numbered]) -> None:
        """Delete the links that are to be deleted or replaced; several at a time as a group."""
        by_netns: dict[str, list[Numbered]] = {}
        for position, change in _of_links(changes):
            ends = change.action in {Action.DELETE, Action.REPLACE} and not change.implied
            if ends and not isinstance(change.before, VethPeer) and not isinstance(change.after, VethPeer):
                by_netns.setdefault(cast(Link, change.before).netns, []).append((position, change))
        for netns, victims in by_netns.items():
            view = self._view(netns, victims)
            if view is not None:
                self._delete_in(view, victims)

    def _delete_in(self, view: View, victims: Sequence[Numbered]) -> None:
        present = [(position, change) for position, change in victims if _name(change) in view.indexes]
        if len(present) > 1:
            self._delete_as_group(view, present)
        else:
            self._transact(view, [(p, c, delete_link(view.index_of(_name(c)))) for p, c in present])
        view.forget(_name(change) for _, change in present)

    def _delete_as_group(self, view: View, victims: Sequence[Numbered]) -> None:
        """Put the victims into a group that nothing else is in, and delete the group."""
        taken = {row.group for row in view.links.values()}
        while (group := doomed_group()) in taken:
            pass
        self._transact(view, [(p, c, set_group(view.index_of(_name(c)), group)) for p, c in victims])
        # Links that are down already are deleted in half the time.
        _, error = view.socket.transact([down_group(group), delete_group(group)])
        if error is not None:
            self._transact(view, [(p, c, delete_link(view.index_of(_name(c)))) for p, c in victims])

    def create(self, changes: Iterable[Numbered]) -> None:
        """Make links and mark them, a number of them in each send."""
        wanted = [
            (position, change)
            for position, change in _of_links(changes)
            if change.action in {Action.CREATE, Action.REPLACE} and not isinstance(change.after, VethPeer)
        ]
        self._make_way(wanted)
        for start in range(0, len(wanted), _LINKS_A_SEND):
            self._create_some(wanted[start : start + _LINKS_A_SEND])
        self._ipv6_forwarding(wanted)
        self._bring_up(wanted)

    def _make_way(self, wanted: Sequence[Numbered]) -> None:
        """Delete the stack's macvlans that have the place of the far end of a veth pair: they are replaced, but the far
        end comes with its pair, before what it replaces would go.
        """
        for position, change in wanted:
            netns, _, name = (change.after.peer or "").rpartition("/") if isinstance(change.after, Veth) else ("",) * 3
            view = self._view(netns, [(position, change)]) if name else None
            row = view.links.get(name) if view else None
            if view and row and row.kind == "macvlan" and _is_of_one_stack(row.owner, change.owner):
                self._transact(view, [(position, change, delete_link(row.ifindex))])
                view.forget([name])

    def _create_some(self, wanted: Sequence[Numbered]) -> None:
        """Two sends: what completes a link goes to its index, so the link must be known to have been made."""
        births: list[Birth] = []
        with Descriptors(self.sources) as descriptors:
            for position, change in wanted:
                try:
                    births.append(expect(position, change, self.sources, descriptors))
                except KeyError as missing:
                    self._fail(position, change, f"there is no interface {missing.args[0]}", "plan again")
                except BackendError as error:
                    self._fail(position, change, error.message, error.advice)
            made = list(self._request(births))
        self._complete(made)

    def _request(self, births: Sequence[Birth]) -> Iterator[Birth]:
        """Have the links made; those that were. Where an index is taken already, the kernel chooses another."""
        socket = self.sources.root().socket
        again: list[Birth] = []
        for birth, error in zip(births, socket.transact([birth.request for birth in births]), strict=True):
            if error is None:
                yield birth.recorded()
            elif error.errno in _TAKEN:
                again.append(birth)
            else:
                self.failures.setdefault(birth.position, explain(birth.change, error))
        errors = socket.transact([birth.elsewhere() for birth in again])
        for birth, error in zip(again, errors, strict=True):
            if error is None:
                yield birth.looked_up().recorded()
            elif birth.disguised is not None and error.errno in _TAKEN:
                yield from self._disguise(birth, socket)
            else:
                self.failures.setdefault(birth.position, explain(birth.change, error))

    def _disguise(self, birth: Birth, socket: Rtnetlink) -> Iterator[Birth]:
        """Have a link made under a name that nothing bears, and renamed where it is."""
        name = f"nct-{secrets.token_hex(4)}"
        error = socket.transact([birth.disguised(name)])[0] if birth.disguised else None
        if error is not None:
            self.failures.setdefault(birth.position, explain(birth.change, error))
            return
        try:
            yield birth.renamed(name).recorded()
        except BackendError as refusal:
            self._fail(birth.position, birth.change, refusal.message, refusal.advice)

    def _complete(self, made: Sequence[Birth]) -> None:
        """Give new links what they need beyond the request that creates them: their mark, forwarding, further names."""
        root = self.sources.root()
        by_view: dict[str, list[Sent]] = {}
        for position, change, view, index, *_ in made:
            link = cast(Link, change.after)
            fields = {"owner", "group", "ipv4_forwarding"}
            fields |= {"mtu"} if isinstance(link, Bridge) else set()
            fields |= {"hairpin"} if isinstance(link, Veth) and link.hairpin else set()
            fields |= {"addr_gen_mode"} if without_link_local(link) and self.sources.ipv6_exists else set()
            alias = link_mark(change.owner, link.name)
            ungrouped = link._replace(group=link.group or 0)
            sent = by_view.setdefault(view.netns, [])
            sent += ((position, change, r) for r in configure_link(ungrouped, index, alias, fields, root.indexes))
            if link.altnames:
                sent.append((position, change, set_altnames(index, link.altnames, present=True)))
        for netns, requests in by_view.items():
            self._transact(self.sources.view(netns), requests)

    def _bring_up(self, wanted: Iterable[Numbered]) -> None:
        """Set up the links that were made down so that their IPv6 settings come first."""
        by_view: dict[str, list[Sent]] = {}
        for position, change in wanted:
            link = cast(Link, change.after)
            if is_made_down(link) and link.up is not False and position not in self.failures:
                request = set_up(self.sources.view(link.netns).index_of(link.name))
                by_view.setdefault(link.netns, []).append((position, change, request))
        for netns, requests in by_view.items():
            self._transact(self.sources.view(netns), requests)

    def update(self, changes: Iterable[Numbered]) -> None:
        """Change links in place; configure the far ends of new veth pairs."""
        by_netns: dict[str, list[Numbered]] = {}
        for position, change in _of_links(changes):
            if change.action is not Action.DELETE and _in_place(change):
                by_netns.setdefault(cast(Link, change.after).netns, []).append((position, change))
        for netns, changed in by_netns.items():
            view = self._view(netns, changed)
            if view is not None:
                self._update_in(view, changed)

    def _update_in(self, view: View, changed: Sequence[Numbered]) -> None:
        root = self.sources.root()
        sent: list[Sent] = []
        for position, change in changed:
            original = self.sources.originals.get(change.key, "")
            try:
                requests = list(_alteration(change, view.index_of(_name(change)), root, str(original)))
            except KeyError as missing:
                self._fail(position, change, f"there is no interface {missing.args[0]}", "plan again")
                continue
            sent += ((position, change, request) for request in requests)
        self._transact(view, sent)
        self._ipv6_forwarding(changed)

    def _ipv6_forwarding(self, changes: Iterable[Numbered]) -> None:
        """Netlink can tell this setting, but not set it."""
        by_netns: dict[str, list[Numbered]] = {}
        for position, change in changes:
            link = cast(Link, change.after)
            concerned = change.action is not Action.UPDATE or not change.fields or "ipv6_forwarding" in change.fields
            # A new link forwards only where the namespace's default says so, and then has to be told not to.
            if link.ipv6_forwarding is not None and concerned and position not in self.failures:
                by_netns.setdefault(link.netns, []).append((position, change))
        for netns, concerned_there in by_netns.items():
            try:
                with inside(netns or self.sources.netns):
                    self._write_ipv6_forwarding(concerned_there)
            except BackendError as error:
                self._fail_all(concerned_there, error)

    def _write_ipv6_forwarding(self, changes: Sequence[Numbered]) -> None:
        for position, change in changes:
            link = cast(Link, change.after)
            for name, value in _ipv6_settings(link, self.sources.ipv6_forwarding_name, new=_is_new(change)):
                failure = write_sysctl(name, value)
                if failure is not None:
                    self.failures.setdefault(position, failure)

    def _transact(self, view: View, sent: Sequence[Sent]) -> None:
        errors = view.socket.transact([request for _, _, request in sent])
        for (position, change, request), error in zip(sent, errors, strict=True):
            if error is not None and not is_done(change, request, error):
                self.failures.setdefault(position, explain(change, error))

    def _view(self, netns: str, changes: Iterable[Numbered]) -> View | None:
        """The namespace; None, with a failure of all *changes*, where there is none."""
        try:
            return self.sources.view(netns)
        except BackendError as error:
            self._fail_all(changes, error)
            return None

    def _fail_all(self, changes: Iterable[Numbered], error: BackendError) -> None:
        for position, change in changes:
            self._fail(position, change, error.message, error.advice)

    def _fail(self, position: int, change: Change, answer: str, advice: str) -> None:
        self.failures.setdefault(position, Failure(f"{change.action} {change.key}", answer, advice))


def _of_links(changes: Iterable[Numbered]) -> Iterator[Numbered]:
    return ((position, change) for position, change in changes if change.key.kind == "link")


def _is_of_one_stack(one: Owner | None, other: Owner | None) -> bool:
    return one is not None and other is not None and one.stack == other.stack


def _name(change: Change) -> str:
    return cast(Link, change.before or change.after).name


def _in_place(change: Change) -> bool:
    """Whether a change is made to a link that is there: an update, or the far end that has come with its pair."""
    return change.action is Action.UPDATE or isinstance(change.after, VethPeer)


def _is_new(change: Change) -> bool:
    return change.action is not Action.UPDATE


def _alteration(change: Change, index: int, root: View, original: str) -> Iterator[Request]:
    """What brings a link that is there to the attributes wanted: those that differ, or all where none is named.

    *original* is the alias that a foreign link had before it was taken over.
    """
    link, before = cast(Link, change.after), cast(Link | None, change.before)
    fields = set(change.fields)
    if _is_new(change) or not fields:
        fields = {"owner", *link._fields}
    if change.owner != change.owner_before:
        fields.add("owner")
    if before is not None and is_passing(before.group or 0):
        link = link._replace(group=link.group or 0)
        fields.add("group")
    yield from configure_link(link, index, link_mark(change.owner, link.name, original), fields, root.indexes)
    if "altnames" in fields and link.altnames is not None:
        yield from _rename(index, before.altnames or () if before else (), link.altnames)


def _rename(index: int, before: Sequence[str], after: Sequence[str]) -> Iterator[Request]:
    """What gives a link the alternative names that it lacks; when that is undone, what takes them away."""
    if missing := [name for name in after if name not in before]:
        yield set_altnames(index, missing, present=True)
    if surplus := [name for name in before if name not in after]:
        yield set_altnames(index, surplus, present=False)


def _ipv6_settings(link: Link, forwarding: str, *, new: bool) -> Iterator[tuple[str, str]]:
    """The settings by name.

    A link that forwards looks for no duplicates of its own addresses either: for the second or two that this takes,
    it has no usable link-local address, cannot ask for its neighbours, and drops what it should forward.
    """
    base = f"net.ipv6.conf.{link.name.replace('.', '/')}"
    if link.ipv6_forwarding:
        yield f"{base}.{forwarding}", "1"
        if new:
            yield f"{base}.accept_dad", "0"
    elif sysctl_path(base).exists():
        yield f"{base}.{forwarding}", "0"
