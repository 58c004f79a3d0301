"""Where the kernel is read from: a view of each namespace, opened when first asked for."""

import platform
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from netctl.engine.protocol import Context
from netctl.engine.resource import Key
from netctl.errors import BackendError
from netctl.kinds.route import PROTOCOL
from netctl.system.namespaces import current, identity, inside, opened
from netctl.system.open_files import make_room
from reconcilers.kernel.addresses import AddressRow
from reconcilers.kernel.if_link import DEVCONF_FORCE_FORWARDING, DEVCONF_FORWARDING
from reconcilers.kernel.rtnetlink import Rtnetlink
from reconcilers.kernel.sysctls import sysctl_path
from reconcilers.kernel.view import View


class Sources:
    """The sockets and views of one reader, all read anew after `invalidate`."""

    def __init__(self, context: Context) -> None:
        self.netns = context.netns
        self._timeout = context.timeout
        self._views: dict[str, View] = {}
        self._fresh: set[str] = set()
        self._root_ids: dict[str, int | None] = {}
        self._files: dict[str, tuple[int, int]] = {}
        self.originals: dict[Key, str | int] = {}
        """What foreign objects bore in place of netctl's mark (an alias, a protocol number) when last seen as such:
        where taking one over is undone, it is put back."""
        self.addresses_have_protocol = _kernel_release() >= (5, 18)
        self.ipv6_exists = sysctl_path("net.ipv6").exists()
        self.ipv6_per_device = sysctl_path("net.ipv6.conf.all.force_forwarding").exists()
        self.ipv6_forwarding_setting = DEVCONF_FORCE_FORWARDING if self.ipv6_per_device else DEVCONF_FORWARDING
        self.ipv6_forwarding_name = "force_forwarding" if self.ipv6_per_device else "forwarding"

    def close(self) -> None:
        """Close every socket."""
        for netns in list(self._files):
            self._let_go(netns)
        self.invalidate()

    def invalidate(self) -> None:
        """The links of every view are to be read again.

        A namespace that has lost its name, or whose name another one has now, is let go: a socket keeps it alive.
        """
        self._fresh.clear()
        self._root_ids.clear()
        for netns in [netns for netns, file in self._files.items() if not self._is_still(netns, file)]:
            self._let_go(netns)

    def root(self) -> View:
        """The namespace that netctl acts in."""
        return self.view("")

    def view(self, netns: str) -> View:
        """The namespace *netns* with its links. Raises BackendError where there is none of that name."""
        if netns not in self._fresh:
            self._open(netns).read_links()
            self._fresh.add(netns)
        return self._views[netns]

    def opened(self) -> list[View]:
        """Every namespace that is being read, but the one that netctl acts in."""
        return [view for netns, view in self._views.items() if netns]

    def is_marked(self, address: AddressRow) -> bool:
        """Whether an address bears netctl's mark; on a kernel that has none for addresses, all do."""
        return address.protocol == PROTOCOL or not self.addresses_have_protocol

    def id_in_root(self, netns: str) -> int | None:
        """The number by which the namespace that netctl acts in knows *netns*; it is given one where it has none."""
        root = self.root()
        with opened(netns) as descriptor:
            found = root.id_of(descriptor)
            return root.give_id(descriptor) if found is None else found

    def _open(self, netns: str) -> View:
        """The view of a namespace."""
        if netns not in self._views:
            make_room(len(self._views))
            self._files[netns] = identity(netns or self.netns)
            self._views[netns] = View(netns, Rtnetlink(netns or self.netns, self._timeout))
        return self._views[netns]

    def _is_still(self, netns: str, file: tuple[int, int]) -> bool:
        try:
            return identity(netns or self.netns) == file
        except BackendError:
            return False

    def _let_go(self, netns: str) -> None:
        del self._files[netns]
        if netns in self._views:
            self._views.pop(netns).socket.close()

    def is_tied(self, netns: str) -> bool:
        """Whether a link of the namespace *netns* can be tied to one of this host's, as an attachment's is.

        The kernel gives one namespace a number in another when the first link between them is announced. Without
        such a number there is no such link, and nothing need be read there.
        """
        tied = self.root_id(self._open(netns)) is not None
        if not tied:
            self._let_go(netns)
        return tied

    def root_id(self, view: View) -> int | None:
        """The number by which the namespace of *view* knows the one that netctl acts in."""
        if view.netns not in self._root_ids:
            with self.root_descriptor() as descriptor:
                self._root_ids[view.netns] = view.id_of(descriptor)
        return self._root_ids[view.netns]

    def renumber(self) -> None:
        """The numbers of namespaces are to be asked for again: one gets its own when it is first attached."""
        self._root_ids.clear()

    @contextmanager
    def root_descriptor(self) -> Iterator[int]:
        """A descriptor of the namespace that netctl acts in."""
        with ExitStack() as stack:
            with inside(self.netns):
                descriptor = stack.enter_context(current())
            yield descriptor


def far_ends(sources: Sources, others: Iterable[View]) -> dict[tuple[int, int], str]:
    """The links of other namespaces that are tied to one of this host's, as ``netns/name``.

    By the index of the link here, and the index of the far end there: as both ends of a veth pair know each other.
    """
    return {
        (row.lower, row.ifindex): f"{view.netns}/{row.name}"
        for view in others
        for row in view.links.values()
        if row.lower_netns is not None and row.lower_netns == sources.root_id(view)
    }


def _kernel_release() -> tuple[int, ...]:
    numbers = platform.release().split("-")[0].split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())
