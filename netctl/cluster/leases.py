"""Ids, each leased by one host: its key is created only where there is none, and bound to no session.

So a host keeps its id, and with it its blocks of addresses, while it is away; a host that comes back takes its own.
"""

from collections.abc import Collection

from netctl.cluster.layout import Layout
from netctl.cluster.membership import view_of
from netctl.cluster.records import Lease, RecordError
from netctl.engine.store import Entry, Store, Write
from netctl.errors import NetctlError


def lease(store: Store, layout: Layout, host: str, avoid: Collection[int], highest: int, former: int = 0) -> int:
    """The host's id: its own, or else the *former* one if that is free, or the lowest that is free and not to be
    avoided. Raises NetctlError where none is.
    """
    wanted = Lease(host=host).encoded()
    while True:
        view = view_of(layout, store.read(layout.ids))
        if host in view.leases:
            return view.leases[host]
        taken = view.taken.union(avoid)
        candidates = (former, *range(1, highest + 1)) if 1 <= former <= highest else range(1, highest + 1)
        free = next((number for number in candidates if number not in taken), None)
        if free is None:
            raise NetctlError(
                f"no id is left for host '{host}': the stack's subnets have blocks for {highest} hosts",
                "Publish larger subnets, or take ids from hosts that are no more: netctl publish --forget HOST.",
            )
        # Where somebody else was faster, there is one less to choose from.
        store.write([Write(f"{layout.ids}{free}", wanted, 0)])


def forget(store: Store, layout: Layout, host: str, *, alive: bool = False) -> bool:
    """Take a host's ids from it, its record and its state; False where there was none of them.

    Raises NetctlError where its node is alive, unless *alive* says that this is known. A watch that runs comes back.
    """
    reading = store.read(layout.live)
    if session := view_of(layout, reading).sessions.get(host):
        if not alive:
            raise NetctlError(
                f"the Consul node of host '{host}' is alive", "If its watch has been stopped for good, say --yes."
            )
        store.end_session(session)
        reading = store.read(layout.live)
    ids = [key for key in reading.entries if key.startswith(layout.ids) and _is_of(host, key, reading.entries[key])]
    state = store.get(layout.states + host)
    live = (*ids, layout.hosts + host, layout.containers + host)
    found = {key: reading.entries[key] for key in live if key in reading.entries}
    found |= {layout.states + host: state} if state else {}
    return bool(found) and store.write([Write(key, None, entry.modified) for key, entry in found.items()])


def _is_of(host: str, key: str, entry: Entry) -> bool:
    try:
        return Lease.read(key, entry.value).host == host
    except RecordError:
        return False
