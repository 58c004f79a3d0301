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
        self.record = record
        self.session = ""
        self._opened: set[str] = set()
        """All sessions that this process has opened."""
        self._was_there = False
        """Whether this process has held the key."""

    def keep(self, store: Store, view: View) -> None:
        """See that the key is held and says what it should. Raises NetctlError where another machine holds it."""
        holder = view.sessions.get(self.host, "")
        if holder in self._opened:
            self.session = holder
        if self.session and holder == self.session and view.hosts[self.host] == self.record:
            return
        if not self.session or not store.session_node(self.session):
            self.session = store.open_session(self._name)
            self._opened.add(self.session)
        earlier = "" if holder == self.session else holder
        if earlier:
            self._demand_mine(store, earlier)
        if not store.acquire(self._layout.hosts + self.host, self.record.encoded(), self.session, earlier):
            return  # another one was faster, or the session has just ended: the next look tells which
        if not self._was_there:
            self._end_others(store)
        self._was_there = True

    def lead(self, store: Store, view: View) -> None:
        """Take the lock for what is cluster-wide, where nobody has it."""
        if not view.writer and self.session:
            store.acquire(self._layout.writer, self.host.encode(), self.session)

    def leads(self, view: View) -> bool:
        """Whether this host writes what is cluster-wide."""
        return bool(self.session) and view.writer == self.session

    @property
    def _name(self) -> str:
        return f"netctl {self._layout.stack}/{self.host}"

    def _end_others(self, store: Store) -> None:
        """End the sessions of earlier processes, also of those that were killed before they held anything."""
        for session in store.sessions(self.record.node, self._name):
            if session != self.session:
                store.end_session(session)

    def _demand_mine(self, store: Store, holder: str) -> None:
        """Raise NetctlError unless the session is of an earlier process of this host: one of the same node. Once this
        process has been there itself, no other one is an earlier one: two would fight for ever.
        """
        node = store.session_node(holder)
        if node and (node != self.record.node or self._was_there):
            raise NetctlError(
                f"host '{self.host}' of stack '{self._layout.stack}' is another machine already, or another watch: "
                f"Consul's node '{node}'",
                "Give each host a name of its own with --host; there is one watch for each.",
            )
