"""One network namespace as last read: its socket, and its links by name and by index."""

import sys
from collections.abc import Callable, Iterable

from netctl.engine.resource import Owner
from netctl.errors import BackendError
from reconcilers.kernel import wire
from reconcilers.kernel.addresses import AddressRow, dump_addresses
from reconcilers.kernel.link_requests import get_link
from reconcilers.kernel.links import Identity, Row, dump_links, read_links
from reconcilers.kernel.rtnetlink import KernelError, Request, Rtnetlink

_NETNSA_NSID, _NETNSA_FD = 1, 3


class View:
    """A namespace, by name (empty: the one that netctl acts in)."""

    def __init__(self, netns: str, socket: Rtnetlink) -> None:
        self.netns = netns
        self.socket = socket
        self.links: dict[str, Row] = {}
        self.names: dict[int, str] = {}
        self.indexes: dict[str, int] = {}
        self.owned: dict[int, Owner] = {}
        """Who owns a link, by its index; foreign links are left out."""
        self.followed: dict[int, Identity] | None = None
        """What the stack's links were, by index, when they bore their marks last; None where notifications about them
        have not all been taken."""
        self.has_unheard: Callable[[], bool] = lambda: False
        """Whether notifications have arrived that have not been taken."""
        self._next_index = 0
        self._addresses: dict[int, list[AddressRow]] | None = None

    def read_links(self) -> None:
        """Read every link anew."""
        rows = dump_links(self.socket)
        self.links = {row.name: row for row in rows}
        self.names = {row.ifindex: row.name for row in rows}
        self.indexes = {row.name: row.ifindex for row in rows}
        self._next_index = max(self.names, default=0)
        self._addresses = None

    def read_link(self, name: str) -> Row | None:
        """One link, as it is now; None where there is none of that name. What is known of all links stays."""
        answer = self.socket.ask(get_link(name))
        return None if isinstance(answer, KernelError) else next(read_links(answer), None)

    def addresses(self) -> dict[int, list[AddressRow]]:
        """Every address by the link's index, as it was when first asked for since the links were read."""
        if self._addresses is None:
            self._addresses = {}
            for row in dump_addresses(self.socket):
                self._addresses.setdefault(row.ifindex, []).append(row)
        return self._addresses

    def reserve_index(self) -> int:
        """An index that no link has: chosen here, so that what refers to the link can be sent along with it."""
        self._next_index += 1
        return self._next_index

    def add(self, name: str, ifindex: int) -> None:
        """Remember a link that has just been made."""
        self.names[ifindex] = name
        self.indexes[name] = ifindex

    def forget(self, names: Iterable[str]) -> None:
        """Forget links that have just been deleted."""
        for name in names:
            self.links.pop(name, None)
            self.names.pop(self.indexes.pop(name, 0), None)

    def look_up(self, name: str) -> int:
        """The index of a link, asked of the kernel. Raises BackendError where there is none of that name."""
        answer = self.socket.ask(get_link(name))
        if isinstance(answer, KernelError):
            raise BackendError(f"interface {name} has gone as soon as it was made: {answer}", "plan again")
        return int(wire.IFINFO.unpack_from(answer, wire.HEADER.size)[2])

    def index_of(self, name: str) -> int:
        """The index of a link. Raises KeyError where there is none of that name."""
        return self.indexes[name]

    def update(self, row: Row) -> Row | None:
        """Take in how a link is now; what was known of it before."""
        name = self.names.get(row.ifindex)
        before = self.links.get(name) if name is not None else None
        if name is not None and name != row.name:
            self.forget([name])
        self.links[row.name] = row
        self.add(row.name, row.ifindex)
        self._next_index = max(self._next_index, row.ifindex)
        self._addresses = None
        return before

    def give_id(self, descriptor: int) -> int | None:
        """Have the kernel number the namespace of *descriptor* here; None where it may not be."""
        wanted = wire.number(_NETNSA_FD, descriptor) + wire.number(_NETNSA_NSID, 0xFFFFFFFF)
        self.socket.transact([Request(wire.RTM_NEWNSID, 0, bytes(4) + wanted)])
        return self.id_of(descriptor)

    def id_of(self, descriptor: int) -> int | None:
        """The number by which this namespace knows the one of *descriptor*; None where it knows it by none."""
        answer = self.socket.ask(Request(wire.RTM_GETNSID, 0, bytes(4) + wire.number(_NETNSA_FD, descriptor)))
        if isinstance(answer, KernelError):
            return None
        found = wire.attributes(answer, wire.HEADER.size + 4, len(answer)).get(_NETNSA_NSID)
        number = -1 if found is None else int.from_bytes(found, sys.byteorder, signed=True)
        return None if number < 0 else number
