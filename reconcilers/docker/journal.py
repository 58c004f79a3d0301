"""What a replacement has to put back, kept in the Engine while it is under way.

Netctl keeps no state, and a container that someone else has connected is in no declaration: with netctl killed between
disconnecting and connecting it again, nothing would tell where it was. So a volume of the Engine, empty but for its
labels, holds the settings of all endpoints for as long as they are not back. The next apply finds it.
"""

import json
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from netctl.kinds.docker import STACK_LABEL
from reconcilers.answers import Record, record, strings, text, texts
from reconcilers.answers import entries as listed
from reconcilers.docker.answers import pairs
from reconcilers.docker.api import Api
from reconcilers.docker.containers import Settings
from reconcilers.docker.refusals import RefusalError
from reconcilers.requests import segment

NETWORK_LABEL = "io.netctl.replacing"
ENDPOINTS_LABEL = "io.netctl.endpoints"


class Entry(NamedTuple):
    """An unfinished replacement."""

    volume: str
    stack: str
    network: str
    """Its name."""
    endpoints: tuple[Settings, ...]


def entries(api: Api) -> dict[str, Entry]:
    """All unfinished replacements, by the network's name."""
    answer = api.get("/volumes", filters=json.dumps({"label": [NETWORK_LABEL]}))
    found = (
        _entry(text(volume.get("Name")), strings(volume.get("Labels")))
        for volume in listed(record(answer).get("Volumes"))
    )
    return {entry.network: entry for entry in found if entry is not None}


def _entry(volume: str, labels: dict[str, str]) -> Entry | None:
    """None for a volume under another name than the one that netctl gives: a copy of a mark."""
    stack, network = labels.get(STACK_LABEL, ""), labels.get(NETWORK_LABEL, "")
    if volume != _volume(stack, network):
        return None
    return Entry(volume, stack, network, tuple(_decoded(labels.get(ENDPOINTS_LABEL, ""))))


def write(api: Api, stack: str, network: str, endpoints: tuple[Settings, ...]) -> Entry:
    """Keep the settings of the endpoints of a network."""
    entry = Entry(_volume(stack, network), stack, network, endpoints)
    labels = {STACK_LABEL: stack, NETWORK_LABEL: network, ENDPOINTS_LABEL: _encoded(endpoints)}
    api.post("/volumes/create", {"Name": entry.volume, "Driver": "local", "Labels": labels})
    return entry


def erase(api: Api, entry: Entry) -> None:
    """Forget what is done."""
    try:
        api.delete(f"/volumes/{segment(entry.volume)}")
    except RefusalError as refusal:
        if not refusal.is_absence:
            raise


def _volume(stack: str, network: str) -> str:
    return f"netctl-{stack}-{sha256(network.encode()).hexdigest()[:12]}"


def _decoded(content: str) -> list[Settings]:
    """The endpoints that a label holds; none where it was altered."""
    with suppress(ValueError, TypeError):
        return [_settings(record(written)) for written in json.loads(content)]
    return []


def _settings(written: Record) -> Settings:
    return Settings(
        text(written.get("container")),
        text(written.get("name")),
        texts(written.get("addresses")),
        texts(written.get("fixed")),
        texts(written.get("aliases")),
        texts(written.get("link_local")),
        texts(written.get("links")),
        pairs(written.get("options")),
    )


def _encoded(endpoints: tuple[Settings, ...]) -> str:
    return json.dumps([endpoint._asdict() | {"options": dict(endpoint.options)} for endpoint in endpoints])
