"""One line for one resource of the memory: ``bridge br0 mtu=1450 by it``, ``address br0/10.0.0.1 of other``.

Desired, an attribute that is not named is not managed; live, it has its default. A live resource is the stack's, with
the mark that its declaration wants, unless the line says ``foreign``, or ``of`` whom. Planned changes are written
``update bridge br0 mtu owner``, or ``adopt`` where it is taken over; in parentheses where another change brings them
about.
"""

from collections.abc import Iterable
from typing import NamedTuple, cast

from netctl.engine.change import Action, Change, Reason
from netctl.engine.resource import Attributes, Desired, Key, Origin, Owner
from tests.engine.memory_system import (
    Address,
    Bridge,
    Memory,
    Route,
    Setting,
    Tunnel,
    container_of,
    key_of,
    references_of,
)

STACK = "shop"
DECLARATION = "it"

_TYPES: dict[str, type] = {"bridge": Bridge, "tunnel": Tunnel, "address": Address, "route": Route, "setting": Setting}
_NUMBERS = frozenset({"mtu", "vni", "metric"})


class Line(NamedTuple):
    """A line, parsed."""

    attributes: Attributes
    words: dict[str, str]
    """What follows the attributes: ``of``, ``by``, ``needs``, each with its word; ``foreign`` with itself."""


def parse(text: str) -> Line:
    """The attributes and the words that follow them. Raises ValueError."""
    name, identity, *rest = text.split()
    values = dict(word.split("=", 1) for word in rest if "=" in word)
    plain = [word for word in rest if "=" not in word]
    words = {"foreign": "foreign"} if plain == ["foreign"] else dict(zip(plain[::2], plain[1::2], strict=True))
    identities = identity.split("/", 1) if name in {"address", "route"} else [identity]
    typed = {key: int(value) if key in _NUMBERS else value for key, value in values.items()}
    return Line(cast(Attributes, _TYPES[name](*identities, **typed)), words)


def desired_from(lines: Iterable[str]) -> dict[Key, Desired]:
    """The desired resources, in the order of the lines."""
    return {want.key: want for want in map(_desired, lines)}


def _desired(text: str) -> Desired:
    attributes, words = parse(text)
    within = container_of(attributes)
    named = (key_from(word) for word in words.get("needs", "").split(",") if word)
    needs = (*([within] if within else []), *references_of(attributes), *named)
    return Desired(key_of(attributes), attributes, Origin(words.get("by", DECLARATION)), needs, within)


def memory_from(lines: Iterable[str]) -> Memory:
    """A memory that holds what the lines say."""
    memory = Memory()
    for text in lines:
        attributes, words = parse(text)
        memory.put(attributes, owner_from(words))
    return memory


def owner_from(words: dict[str, str]) -> Owner | None:
    """The owner that the words of a live resource name."""
    if "foreign" in words:
        return None
    return Owner(words.get("of", STACK), words.get("by", DECLARATION))


def key_from(word: str) -> Key:
    """The key that ``link.br0`` names."""
    kind, _, identity = word.partition(".")
    return Key("memory", kind, identity)


def text_of(change: Change) -> str:
    """A planned change as a line."""
    attributes = change.after if change.after is not None else change.before
    names = {cls: name for name, cls in _TYPES.items()}
    fields = list(change.fields) or (["everything"] if change.action is Action.UPDATE else [])
    verb = "adopt" if change.reason is Reason.ADOPTED else change.action.value
    text = " ".join([verb, names[type(attributes)], change.key.id, *fields])
    return f"({text})" if change.implied else text
