"""Changes to one attachment."""

from contextlib import suppress

from netctl.engine.change import Action, Change
from netctl.kinds.docker import Attachment
from reconcilers.answers import record
from reconcilers.docker.answers import records
from reconcilers.docker.api import Api
from reconcilers.docker.connecting import connect, disconnect
from reconcilers.docker.containers import Settings, changed, container_row, fitted
from reconcilers.docker.networks import NetworkRow, network_row
from reconcilers.docker.refusals import RefusalError
from reconcilers.docker.snapshot import inspected, settings
from reconcilers.requests import segment

_NOT_FOUND = 404


class Attaching:
    """One change."""

    def __init__(self, api: Api, change: Change) -> None:
        self.api = api
        self.change = change

    def make(self, before: Attachment | None, after: Attachment | None) -> None:
        """Make it. Raises BackendError."""
        subject = after or before
        if subject is None:
            return
        row = network_named(self.api, subject.network)
        if after is None:
            if row is not None:
                disconnect(self.api, row.id, subject.container)
        elif row is None:
            raise RefusalError(_NOT_FOUND, f"there is no Docker network {subject.network}")
        else:
            self._attach(row, after)

    def _attach(self, row: NetworkRow, wanted: Attachment) -> None:
        """Connect the container as is wanted, unless it is so; where that is refused, as it was."""
        now = settings(self.api, wanted.container, row)
        base = now or self._new(wanted.container)
        becoming = changed(base, wanted, self.change.owner)
        if now is not None:
            if self.change.action is Action.REPLACE and becoming == now:
                return
            disconnect(self.api, row.id, now.container)
        try:
            connect(self.api, row.id, becoming)
        except RefusalError as refusal:
            if now is not None:
                with suppress(RefusalError):
                    connect(self.api, row.id, fitted(now, row.network, keep=True))
            raise self._explained(refusal, row, becoming.fixed) from refusal

    def _explained(self, refusal: RefusalError, row: NetworkRow, addresses: tuple[str, ...]) -> RefusalError:
        """The refusal; where an address is in use, with the container that has it."""
        if "in use" not in refusal.message:
            return refusal
        for container in map(container_row, records(self.api.get("/containers/json", all="1"))):
            endpoint = container.on(row.network.name, row.id)
            if endpoint is not None and not set(addresses).isdisjoint(endpoint.addresses + endpoint.fixed):
                return RefusalError(
                    refusal.status, f"{refusal.message}, by container {container.name}", refusal.advised()
                )
        return refusal

    def _new(self, container: str) -> Settings:
        answer = inspected(self.api, container)
        if answer is None:
            raise RefusalError(_NOT_FOUND, f"No such container: {container}")
        return Settings(str(answer.get("Id")), container)


def network_named(api: Api, name: str) -> NetworkRow | None:
    """The network of a name; None where there is none."""
    try:
        row = network_row(record(api.get(f"/networks/{segment(name)}")))
    except RefusalError as refusal:
        if refusal.is_absence:
            return None
        raise
    # The Engine takes the beginning of an id for a name.
    return row if row.network.name == name else None
