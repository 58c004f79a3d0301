"""How a host shows that it is there: a key of its own, held by a session that ends when its Consul node dies.

The session outlives the process: while netctl is being restarted, the host's network is as it was, and so it is there.
"""

from netctl.cluster.layout import Layout
from netctl.cluster.membership import View
from netctl.cluster.records import HostRecord
from netctl.engine.store import Store
from netctl.errors import NetctlError


class Presence:
    """One host's key and session."""

    def __init__(self, layout: Layout, host: str, record: HostRecord) -> None:
        self.host = host
        self._layout = layout
        self._record = record
        self.session = ""
        self._was_there = False
        """Whether this process has held the key."""

    def keep(self, store: Store, view: View) -> None:
        """See that the key is held and says what it should. Raises NetctlError where another machine holds it."""
        holder = view.sessions.get(self.host, "")
        if self.session and holder == self.session and view.hosts[self.host] == self._record:
            return
        if not self.session or not store.session_node(self.session):
            self.session = store.open_session(f"netctl {self._layout.stack}/{self.host}")
        if holder not in {"", self.session}:
            self._succeed(store, holder)
        if not store.acquire(self._layout.hosts + self.host, self._record.encoded(), self.session):
            raise NetctlError(
                f"the place of host '{self.host}' was taken by another machine at this instant", "Look at both."
            )
        self._was_there = True

    def lead(self, store: Store, view: View) -> None:
        """Take the lock for what is cluster-wide, where nobody has it."""
        if not view.writer and self.session:
            store.acquire(self._layout.writer, self.host.encode(), self.session)

    def leads(self, view: View) -> bool:
        """Whether this host writes what is cluster-wide."""
        return bool(self.session) and view.writer == self.session

    def _succeed(self, store: Store, holder: str) -> None:
        """End the session of an earlier process of this host: one of the same node. Only once: two would fight."""
        node = store.session_node(holder)
        if node and (node != self._record.node or self._was_there):
            raise NetctlError(
                f"host '{self.host}' of stack '{self._layout.stack}' is another machine already, or another watch: "
                f"Consul's node '{node}'",
                "Give each host a name of its own with --host; there is one watch for each.",
            )
        store.end_session(holder)
