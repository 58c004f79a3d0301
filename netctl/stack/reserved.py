"""What the language has a place for and this version does not implement yet."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel

from netctl.stack.models import (
    BridgeNetwork,
    InterfaceAttachment,
    NamespaceAttachment,
)

_ENDPOINT = {
    "container": "Attaching containers is",
    "containers": "Attaching containers is",
    "aliases": "Aliases of endpoints are",
}

KEYS: Mapping[type[BaseModel], Mapping[str, str]] = MappingProxyType(
    {
        NamespaceAttachment: _ENDPOINT,
        InterfaceAttachment: {**_ENDPOINT, "ports": "Named ports of attached interfaces are"},
        BridgeNetwork: {"overlay": "A network that is a leg of an overlay is"},
    }
)
"""Keys of each record, and the beginning of the sentence that says so."""

WORDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("backend", "wireguard"): "WireGuard overlays are",
        ("backend", "ipip"): "IP-in-IP overlays are",
        ("backend", "docker"): "Docker overlays are",
    }
)
"""Values of keys, and the beginning of the sentence that says so."""
