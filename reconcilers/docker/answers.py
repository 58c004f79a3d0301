"""What the Engine answers, taken apart. Nothing in it is trusted to be of the type that its documentation says."""

from collections.abc import Iterator
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any

from netctl.kinds.docker import Pairs
from reconcilers.answers import Record, strings, text
from reconcilers.docker.refusals import UnreachableError


def records(answer: Any) -> Iterator[Record]:
    """The objects of a list. Raises UnreachableError where it is none."""
    if not isinstance(answer, list):
        raise UnreachableError(
            "Docker does not answer as it should: a list was expected", "See whether something else listens."
        )
    yield from (entry for entry in answer if isinstance(entry, dict))


def pairs(value: Any) -> Pairs:
    """As `strings`, sorted."""
    return tuple(sorted(strings(value).items()))


def address(value: Any) -> str:
    """An address in canonical form, without prefix length; empty where it is none."""
    if not value:
        return ""
    plain = text(value).partition("/")[0]
    family = AF_INET6 if ":" in plain else AF_INET
    try:
        return inet_ntop(family, inet_pton(family, plain))
    except (OSError, ValueError):
        return ""


def prefix(value: Any) -> str:
    """A prefix in canonical form; empty where it is none."""
    if not value:
        return ""
    try:
        return str(ip_network(text(value), strict=False))
    except ValueError:
        return ""
