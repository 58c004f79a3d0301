"""One reading of the Engine: its networks, its containers, and what a replacement broken off has left to be done."""

from functools import cached_property
from typing import NamedTuple

from netctl.engine.facts import ContainerNetworkFact, EngineFacts
from reconcilers.answers import Record
from reconcilers.docker.answers import records
from reconcilers.docker.api import Api
from reconcilers.docker.containers import ContainerRow, Settings, container_row, settings_of
from reconcilers.docker.journal import Entry, entries
from reconcilers.docker.networks import NetworkRow, network_row
from reconcilers.docker.refusals import RefusalError
from reconcilers.requests import segment


class Snapshot:
    """What three requests tell."""

    def __init__(self, api: Api) -> None:
        self.networks: dict[str, NetworkRow] = {}
        """By name; of several with one name, the one with a mark, else the one whose id sorts first."""
        for row in sorted(map(network_row, records(api.get("/networks"))), key=_precedence):
            self.networks.setdefault(row.network.name, row)
        rows = map(container_row, records(api.get("/containers/json", all="1")))
        self.containers: dict[str, ContainerRow] = {row.name: row for row in rows if row.name}
        self.journal: dict[str, Entry] = entries(api)

    @cached_property
    def places(self) -> list["Place"]:
        """Every container on every network."""
        by_id = {row.id: row for row in self.networks.values()}
        return [
            Place(network, container)
            for container in self.containers.values()
            for endpoint in container.endpoints
            if (network := by_id.get(endpoint.network_id) or self.networks.get(endpoint.network)) is not None
        ]

    @cached_property
    def on_network(self) -> dict[str, list[ContainerRow]]:
        """The containers on each network, by its name."""
        found: dict[str, list[ContainerRow]] = {}
        for place in self.places:
            found.setdefault(place.network.network.name, []).append(place.container)
        return found

    @property
    def facts(self) -> EngineFacts:
        """What the compiler may know."""
        networks = {
            name: ContainerNetworkFact(
                name,
                row.network.driver or "",
                tuple(pool.subnet for pool in row.network.pools or ()),
                row.interface,
                owner.stack if (owner := row.owner) else "",
            )
            for name, row in self.networks.items()
        }
        return EngineFacts({name: row.fact for name, row in self.containers.items()}, networks)


class Place(NamedTuple):
    """A container on a network."""

    network: NetworkRow
    container: ContainerRow

    @property
    def is_original(self) -> bool:
        """Whether the container was made on this network, so that nobody has attached it."""
        mode = "bridge" if self.container.mode == "default" else self.container.mode
        return mode in {self.network.network.name, self.network.id}


def _precedence(row: NetworkRow) -> tuple[bool, str]:
    return row.owner is None, row.id


def inspected(api: Api, container: str) -> Record | None:
    """All about one container; None where it is gone."""
    try:
        answer = api.get(f"/containers/{segment(container)}/json")
    except RefusalError as refusal:
        if refusal.is_absence:
            return None
        raise
    return answer if isinstance(answer, dict) else None


def settings(api: Api, container: str, network: NetworkRow) -> Settings | None:
    """A container's endpoint on a network; None where it has none, or is gone."""
    answer = inspected(api, container)
    return settings_of(answer, network.network.name, network.id) if answer is not None else None
