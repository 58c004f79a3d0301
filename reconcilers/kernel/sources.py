"""Where the kernel is read from: a view of each namespace, opened when first asked for."""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from netctl.engine.protocol import Context
from netctl.engine.resource import Key
from reconcilers.kernel.if_link import DEVCONF_FORCE_FORWARDING, DEVCONF_FORWARDING
from reconcilers.kernel.namespaces import identity, inside
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
        for view in self._views.values():
            view.socket.close()
        self._views.clear()
        self.invalidate()

    def invalidate(self) -> None:
        """The links of every view are to be read again."""
        self._fresh.clear()
        self._root_ids.clear()

    def root(self) -> View:
        """The namespace that netctl acts in."""
        return self.view("")

    def view(self, netns: str) -> View:
        """The namespace *netns* with its links. Raises BackendError where there is none of that name."""
        if netns not in self._fresh:
            self._open(netns).read_links()
            self._fresh.add(netns)
        return self._views[netns]

    def _open(self, netns: str) -> View:
        """The view of a namespace; a new one where another namespace has the name now."""
        file = identity(netns or self.netns)
        view = self._views.get(netns)
        if view is not None and self._files[netns] != file:
            view.socket.close()
            view = None
        if view is None:
            view = self._views[netns] = View(netns, Rtnetlink(netns or self.netns, self._timeout))
            self._files[netns] = file
        return view

    def is_tied(self, netns: str) -> bool:
        """Whether a link of the namespace *netns* can be tied to one of this host's, as an attachment's is.

        The kernel gives one namespace a number in another when the first link between them is announced. Without
        such a number there is no such link, and nothing need be read there.
        """
        return self.root_id(self._open(netns)) is not None

    def root_id(self, view: View) -> int | None:
        """The number by which the namespace of *view* knows the one that netctl acts in."""
        if view.netns not in self._root_ids:
            with self.root_descriptor() as descriptor:
                self._root_ids[view.netns] = view.id_of(descriptor)
        return self._root_ids[view.netns]

    @contextmanager
    def root_descriptor(self) -> Iterator[int]:
        """A descriptor of the namespace that netctl acts in."""
        with inside(self.netns):
            descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


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
