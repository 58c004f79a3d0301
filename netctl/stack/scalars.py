"""The scalar types of the language. Each validator returns the canonical spelling or says what is wrong.

Checked with ``inet_pton`` rather than the ``ipaddress`` types, which cost thirty times as much.
"""

import re
import socket
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from netctl.stack.core_schema import written

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
_SETTINGS = frozenset({"all", "default"})
"""Beside the interfaces under ``/proc/sys/net/*/conf``, so the kernel takes no interface of that name."""
_INTERFACE = re.compile(r"[^\s/:%]{1,15}\Z")


def canonical_address(text: str) -> str:
    """The address as the kernel prints it. Raises ValueError."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except OSError:
        raise ValueError(f"'{text}' is not an IPv4 or IPv6 address") from None


def canonical_cidr(text: str) -> str:
    """The prefix as the kernel prints it. Raises ValueError, naming the right one where host bits are set."""
    address, slash, length = text.partition("/")
    canonical = canonical_address(address)
    bits = 128 if ":" in address else 32
    if not slash:
        raise ValueError(f"'{text}' has no prefix length, as in {canonical}/{_usual_length(canonical)}")
    if not (length.isascii() and length.isdigit() and int(length) <= bits and str(int(length)) == length):
        raise ValueError(f"'/{length}' is not a prefix length from 0 to {bits}")
    first = canonical_address(str(ip_network(f"{canonical}/{length}", strict=False).network_address))
    if first != canonical:
        raise ValueError(f"'{text}' has host bits set; the prefix is {first}/{length}")
    return f"{canonical}/{length}"


def _usual_length(address: str) -> int:
    """The length that a prefix beginning at *address* is likely to be meant with: a segment's, or one host's."""
    if ":" in address:
        return 64 if address.endswith("::") else 128
    return 24 if address.endswith(".0") else 32


def holds_cidr(outer: str, inner: str) -> bool:
    """Whether all of one canonical CIDR is within another."""
    wide, narrow = ip_network(outer), ip_network(inner)
    return wide.version == narrow.version and narrow.subnet_of(wide)  # type: ignore[arg-type]  # of one version


def address_range(text: str) -> str:
    """An address, a CIDR, or ``first-last``."""
    if "/" in text:
        return canonical_cidr(text)
    first, dash, last = text.partition("-")
    return f"{canonical_address(first.strip())}-{canonical_address(last.strip())}" if dash else canonical_address(text)


def prefix_or_default(text: str) -> str:
    """A route's destination: a CIDR, an address (taken as a host route), or ``default``."""
    if text == "default":
        return text
    if "/" not in text:
        address = canonical_address(text)
        return f"{address}/{128 if ':' in address else 32}"
    return canonical_cidr(text)


def canonical_mac(text: str) -> str:
    """A unicast MAC address in lower case. Raises ValueError."""
    lowered = text.lower()
    if not _MAC.match(lowered):
        raise ValueError(f"'{text}' is not a MAC address such as 02:00:5e:10:00:01")
    if int(lowered[1], 16) & 1 or lowered == "00:00:00:00:00:00":
        raise ValueError(f"'{text}' is a group or null address; an interface needs a unicast one")
    return lowered


def interface_name(text: str) -> str:
    """A name that the kernel takes for an interface (``dev_valid_name``). Raises ValueError."""
    if len(text.encode()) > 15:
        raise ValueError(f"'{text}' is {len(text.encode())} bytes long; the kernel allows 15 for an interface's name")
    if not _INTERFACE.match(text) or text in {".", ".."} or not text.isprintable():
        raise ValueError(
            f"'{text}' cannot be an interface's name: it is empty or has a space, '/', ':', '%' or a control character"
        )
    if text in _SETTINGS:
        raise ValueError(f"'{text}' cannot be an interface's name: the kernel's settings for interfaces use it")
    return text


def netns_name(text: str) -> str:
    """A name that can be a file in ``/run/netns``. Raises ValueError."""
    if not text or "/" in text or "\0" in text or text in {".", ".."} or len(text.encode()) > 255:
        raise ValueError(f"'{text}' cannot be the name of a network namespace")
    return text


def _listed(value: object) -> object:
    """One value stands for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


class OneOrMore:
    """Marks a list for which one value may stand; only the JSON Schema needs to be told."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        return {"anyOf": [schema["items"], schema]}


ONE_OR_MORE = OneOrMore()
LISTED = BeforeValidator(_listed)
# A number where text is wanted is taken as it is written: `netns: 1`, a label of `1.10`.
AS_WRITTEN = BeforeValidator(written)

Text = Annotated[str, AS_WRITTEN, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63), AS_WRITTEN]
Address = Annotated[str, AfterValidator(canonical_address)]
Cidr = Annotated[str, AfterValidator(canonical_cidr)]
AddressRange = Annotated[str, AfterValidator(address_range)]
Destination = Annotated[str, AfterValidator(prefix_or_default)]
Mac = Annotated[str, AfterValidator(canonical_mac)]
InterfaceName = Annotated[str, AfterValidator(interface_name), AS_WRITTEN]
NetnsName = Annotated[str, AfterValidator(netns_name), AS_WRITTEN]
Addresses = Annotated[list[Address], LISTED, ONE_OR_MORE]
Cidrs = Annotated[list[Cidr], LISTED, Field(min_length=1, max_length=2), ONE_OR_MORE]
PrefixLengths = Annotated[
    list[Annotated[int, Field(ge=1, le=128)]], LISTED, Field(min_length=1, max_length=2), ONE_OR_MORE
]
Mtu = Annotated[int, Field(ge=68, le=65535)]
Labels = dict[str, Text]
HostSelector = Annotated[list[Name], LISTED, ONE_OR_MORE] | Labels
