"""What of a swarm is on its networks, as its managers know it: containers of other Engines, and services.

An Engine's own networks tell nothing of what other Engines have on them. A container there is a task of the swarm, of a
kind that is listed only where it is asked for.
"""

import json
from collections.abc import Iterator
from functools import cached_property

from reconcilers.answers import Record, entries, record, text
from reconcilers.docker.answers import records
from reconcilers.docker.api import Api
from reconcilers.docker.refusals import RefusalError
from reconcilers.docker.snapshot import Snapshot

SWARM = "swarm"
"""The scope of a network of the swarm."""
_RUNNING = {"desired-state": ["running"]}
_SHORT_ID = 12


class Swarm:
    """The swarm's own reading; nothing is asked before it has to."""

    def __init__(self, api: Api, snapshot: Snapshot) -> None:
        self._api = api
        self._here = {container.id for container in snapshot.containers.values()}

    def on_network(self, ident: str) -> tuple[str, ...]:
        """What is on the network out of this Engine's reach, by words; nothing where this Engine is no manager."""
        found = [task for task in self._tasks if ident in _networks(task)]
        return tuple(sorted({name for task in found for name in self._named(task)}))

    @cached_property
    def _tasks(self) -> list[Record]:
        attached = self._listed("/tasks", json.dumps({**_RUNNING, "runtime": ["attachment"]}))
        return [*attached, *self._listed("/tasks", json.dumps(_RUNNING))]

    @cached_property
    def _nodes(self) -> dict[str, str]:
        return {text(node.get("ID")): _hostname(node) for node in self._listed("/nodes", "{}")}

    @cached_property
    def _services(self) -> dict[str, str]:
        found = self._listed("/services", "{}")
        return {text(service.get("ID")): text(record(service.get("Spec")).get("Name")) for service in found}

    def _listed(self, path: str, filters: str) -> list[Record]:
        try:
            return list(records(self._api.get(path, filters=filters)))
        except RefusalError:  # only a manager tells, and only a manager can change the network
            return []

    def _named(self, task: Record) -> Iterator[str]:
        """The task, where another Engine has it, or the swarm would make it again."""
        container = text(record(record(task.get("Spec")).get("NetworkAttachmentSpec")).get("ContainerID"))
        if service := text(task.get("ServiceID")):
            yield f"service {self._services.get(service, service)}"
        elif container and container not in self._here:
            node = text(task.get("NodeID"))
            yield f"container {container[:_SHORT_ID]} on {self._nodes.get(node, node)}"


def _networks(task: Record) -> set[str]:
    """The ids of a task's networks."""
    return {text(record(entry.get("Network")).get("ID")) for entry in entries(task.get("NetworksAttachments"))}


def _hostname(node: Record) -> str:
    return text(record(node.get("Description")).get("Hostname"))
