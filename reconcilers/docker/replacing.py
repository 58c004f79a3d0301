"""Changes to one network. The Engine cannot change one in place: whatever differs, it is made anew.

Its containers are disconnected, all of them, and connected again with the addresses, aliases and options that they had,
whoever had attached them. Where the new network is refused, the former one is made again with everything on it.
"""

import time
from collections.abc import Iterable

from netctl.engine.change import Action, Change
from netctl.engine.resource import Owner
from netctl.kinds.docker import Network, held_elsewhere
from reconcilers.answers import record, text
from reconcilers.docker import journal
from reconcilers.docker.answers import records
from reconcilers.docker.api import Api
from reconcilers.docker.attaching import network_named
from reconcilers.docker.connecting import connect_all, disconnect
from reconcilers.docker.containers import Settings, container_row, fitted
from reconcilers.docker.former import Former
from reconcilers.docker.networks import NetworkRow, completed, creation
from reconcilers.docker.refusals import RefusalError, UnreachableError
from reconcilers.docker.snapshot import settings
from reconcilers.requests import segment

_CONFLICT = 409
_HELD = "take them off it there, and apply again"
_PAUSE = 0.05


class Replacing:
    """One change."""

    def __init__(self, api: Api, former: Former, change: Change) -> None:
        self.api = api
        self.former = former
        self.change = change
        self.name = change.key.id

    def make(self, before: Network | None, after: Network | None) -> None:
        """Make it. Raises BackendError."""
        if held := held_elsewhere(self.change):  # Docker would refuse too, but with everything here disconnected
            raise RefusalError(_CONFLICT, f"others of the swarm are on it: {', '.join(held)}", _HELD)
        row = network_named(self.api, self.name)
        if row is not None and before is not None:
            self._demand_same_owner(row)
        if after is None:
            self._delete(row)
        elif row is None:
            self._create(completed(after, before) if before else after)
        elif self.change.action is Action.CREATE:
            raise RefusalError(_CONFLICT, f"network with name {self.name} already exists")
        elif self.change.action is Action.REPLACE or "owner" in self.change.fields:
            self._replace(row, after)
        else:
            self._put_back(row)

    def _demand_same_owner(self, row: NetworkRow) -> None:
        owner, expected = row.owner, self.change.owner_before
        if (owner and owner.stack) != (expected and expected.stack):
            whose = f"stack '{owner.stack}'" if owner else "someone else"
            raise RefusalError(_CONFLICT, f"the network belongs to {whose} by now", "plan again")

    # Each of the changes

    def _delete(self, row: NetworkRow | None) -> None:
        if row is not None:
            endpoints = self._endpoints(row)
            self._disconnect(row, endpoints)
            self._remove(row)
        self._erase_journal()

    def _create(self, network: Network) -> None:
        ident = self._made(network, self.change.owner, self.former.labels)
        self._reconnect(ident, network, self._waiting())
        self._erase_journal()

    def _put_back(self, row: NetworkRow) -> None:
        """Connect again what a replacement broken off, or one that is undone, has left disconnected."""
        here = {endpoint.name for endpoint in self._endpoints(row)}
        self._reconnect(row.id, row.network, [one for one in self._waiting() if one.name not in here])
        self._erase_journal()

    def _replace(self, row: NetworkRow, after: Network) -> None:
        endpoints = self._endpoints(row)
        wanted = completed(after, row.network)
        known = {endpoint.name: endpoint for endpoint in (*endpoints, *self._waiting(wanted))}
        stack = (self.change.owner or self.change.owner_before or Owner("")).stack
        entry = journal.write(self.api, stack, self.name, tuple(known.values())) if known and stack else None
        self._disconnect(row, endpoints)
        try:
            self._remove(row)
            ident = self._made(wanted, self.change.owner, row.kept_labels)
        except RefusalError:
            self._restore(row, endpoints)
            raise
        self._reconnect(ident, wanted, known.values())
        if entry is not None:
            journal.erase(self.api, entry)

    # Their parts

    def _remove(self, row: NetworkRow) -> None:
        """Remove a network. A swarm does so by and by, and refuses another of the name meanwhile."""
        self.former.labels = row.kept_labels
        self.api.delete(f"/networks/{segment(row.id)}")
        end = time.monotonic() + self.api.engine.limits.writing
        while row.scope == "swarm" and network_named(self.api, self.name) is not None:
            if time.monotonic() > end:
                raise UnreachableError(f"the swarm has not removed network {self.name} yet", "Apply again.")
            time.sleep(_PAUSE)

    def _made(self, network: Network, owner: Owner | None, labels: dict[str, str]) -> str:
        """The id of a new network."""
        return text(record(self.api.post("/networks/create", creation(network, owner, labels))).get("Id"))

    def _disconnect(self, row: NetworkRow, endpoints: Iterable[Settings]) -> None:
        for endpoint in endpoints:
            self.former.endpoints.setdefault(endpoint.name, endpoint)
            disconnect(self.api, row.id, endpoint.container)

    def _restore(self, row: NetworkRow, endpoints: Iterable[Settings]) -> None:
        """Have the former network again, with all that was on it; the network itself may still be there."""
        still = network_named(self.api, self.name)
        ident = still.id if still else self._made(row.network, None, dict(row.labels))
        self._reconnect(ident, row.network, endpoints)
        self._erase_journal()

    def _reconnect(self, ident: str, network: Network, endpoints: Iterable[Settings]) -> None:
        known = network.pools is not None
        refusals = connect_all(self.api, ident, [fitted(one, network, keep=known) for one in endpoints])
        if refusals:
            name, refusal = next(iter(refusals.items()))
            more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
            raise RefusalError(refusal.status, f"container {name}{more} cannot be connected again: {refusal.message}")

    def _endpoints(self, row: NetworkRow) -> list[Settings]:
        """What is on a network, with all that is needed to have it there again."""
        containers = map(container_row, records(self.api.get("/containers/json", all="1")))
        on_it = [container for container in containers if container.on(row.network.name, row.id) is not None]
        found = (settings(self.api, container.id, row) for container in on_it)
        return [endpoint for endpoint in found if endpoint is not None]

    def _waiting(self, network: Network | None = None) -> list[Settings]:
        """What was disconnected before: by this writer, or by one that was killed. Of those connected since, those that
        can have what they had on *network*.
        """
        entry = journal.entries(self.api).get(self.name)
        known = {endpoint.name: endpoint for endpoint in entry.endpoints} if entry else {}
        known |= self.former.endpoints
        if network is None:
            return list(known.values())
        return [one for one in known.values() if fitted(one, network, keep=True).fixed == one.addresses]

    def _erase_journal(self) -> None:
        if entry := journal.entries(self.api).get(self.name):
            journal.erase(self.api, entry)
