"""Connecting containers to a network, and disconnecting them."""

from collections.abc import Iterable
from ipaddress import ip_address

from reconcilers.docker.api import Api
from reconcilers.docker.containers import Settings, connection
from reconcilers.docker.refusals import RefusalError
from reconcilers.requests import segment

_GONE = ("no such container", "is not connected to")


def connect(api: Api, network: str, settings: Settings) -> None:
    """Connect a container to the network of this id. Raises RefusalError, UnreachableError."""
    api.post(f"/networks/{segment(network)}/connect", connection(settings))


def disconnect(api: Api, network: str, container: str) -> None:
    """Disconnect a container, running or not. One that is gone, or not connected, is no error."""
    try:
        api.post(f"/networks/{segment(network)}/disconnect", {"Container": container, "Force": True})
    except RefusalError as refusal:
        if not (refusal.is_absence or _is_gone(refusal)):
            raise


def connect_all(api: Api, network: str, endpoints: Iterable[Settings]) -> dict[str, RefusalError]:
    """Connect containers, those with an address of their own first; the refusals by the containers' names.

    A container that has been removed meanwhile is none.
    """
    refusals: dict[str, RefusalError] = {}
    for settings in sorted(endpoints, key=_turn):
        try:
            connect(api, network, settings)
        except RefusalError as refusal:
            if not _is_gone(refusal):
                refusals[settings.name] = refusal
    return refusals


def _turn(settings: Settings) -> tuple[bool, list[tuple[int, int]]]:
    """By address: with the first of its endpoints a swarm's overlay gets one for itself, the lowest that is free."""
    addresses = map(ip_address, settings.fixed)
    return not settings.fixed, [(address.version, int(address)) for address in addresses]


def _is_gone(refusal: RefusalError) -> bool:
    lowered = refusal.message.lower()
    return any(words in lowered for words in _GONE)
