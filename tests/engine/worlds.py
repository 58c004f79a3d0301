"""Random worlds for property tests: what is desired, and what is live in a memory, consistent each in itself.

Links refer to earlier links only, routes to addresses that are there. Nothing foreign lives in, or refers to, what is
the stack's: that would perish or be detached when the stack replaces its own, which no plan can tell or undo.
"""

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from netctl.engine.resource import Attributes, Desired, Key, Origin, Owner
from tests.engine.memory_system import (
    Address,
    Bridge,
    Fault,
    Memory,
    Route,
    Setting,
    Stored,
    Tunnel,
    complete,
    container_of,
    key_of,
    references_of,
)
from tests.engine.notation import STACK

OURS = Owner(STACK)
_LINKS = ("a", "b", "c", "d", "e")
_DECLARATIONS = ("it", "other")
_FOREIGN = (None, Owner("other", "it"))


class World(NamedTuple):
    """What is to be, and what is."""

    desired: dict[Key, Desired]
    memory: Memory


@st.composite
def attributes(draw: st.DrawFn, *, managed: bool) -> list[Attributes]:
    """A set of resources that could all be live together; where *managed*, some attributes are not declared."""

    def pick(*values: object) -> object:
        return draw(st.sampled_from((None, *values) if managed else values))

    links: list[Attributes] = []
    for name in draw(st.lists(st.sampled_from(_LINKS), unique=True)):
        master = pick("", *(link[0] for link in links))
        mtu = pick(1400, 1500)
        tunnel = draw(st.booleans())
        link = Tunnel(name, mtu, master, pick(1, 2)) if tunnel else Bridge(name, mtu, master)  # type: ignore[arg-type]
        links.append(link)
    places = [(link[0], number) for link in links for number in ("1", "2")]
    chosen = draw(st.lists(st.sampled_from(places), unique=True)) if places else []
    addresses = [Address(*place, pick("", "x")) for place in chosen]  # type: ignore[arg-type]
    sources = ["", *("/".join(place) for place in chosen)]
    targets = draw(st.lists(st.sampled_from(places), unique=True, max_size=4)) if places else []
    routes = [Route(*place, pick(*sources), pick(0, 1)) for place in targets]  # type: ignore[arg-type]
    settings = [Setting(name, draw(st.sampled_from("01"))) for name in draw(st.sets(st.sampled_from("st")))]
    return [*links, *addresses, *routes, *settings]


@st.composite
def desires(draw: st.DrawFn) -> dict[Key, Desired]:
    """Desired resources, in any order."""
    wanted = draw(attributes(managed=True))
    declaration = draw(st.sampled_from(_DECLARATIONS))
    return {key_of(one): _desired(one, declaration) for one in draw(st.permutations(wanted))}


def _desired(one: Attributes, declaration: str) -> Desired:
    within = container_of(one)
    needs = (*([within] if within else []), *references_of(one))
    return Desired(key_of(one), one, Origin(declaration), needs, within)


@st.composite
def worlds(draw: st.DrawFn, *, conflicts: bool = False) -> World:
    """A world. Unless *conflicts* are allowed, whatever is desired and there is the stack's."""
    desired = draw(desires())
    memory = Memory({key_of(setting): Stored(setting) for setting in (Setting("s", "0"), Setting("t", "1"))})
    for one in draw(attributes(managed=False)):
        owner = _owner(draw, one, desired, memory, conflicts=conflicts)
        original = draw(st.sampled_from("01")) if isinstance(one, Setting) and owner else None
        memory.store[key_of(one)] = Stored(complete(_unentangled(one, owner, desired, memory)), owner, original)
    return World(desired, memory)


def _owner(
    draw: st.DrawFn, one: Attributes, desired: Mapping[Key, Desired], memory: Memory, *, conflicts: bool
) -> Owner | None:
    ours = [Owner(STACK, name) for name in _DECLARATIONS]
    if isinstance(one, Setting):
        return draw(st.sampled_from((None, OURS)))
    container = container_of(one)
    if container is not None:
        return OURS if (owner := memory.store[container].owner) and owner.stack == STACK else None
    if key_of(one) in desired and not conflicts:
        return draw(st.sampled_from(ours))
    return draw(st.sampled_from((*ours, *_FOREIGN)))


def _unentangled(one: Attributes, owner: Owner | None, desired: Mapping[Key, Desired], memory: Memory) -> Attributes:
    """What nothing would restore is not there: a foreign reference to what is ours, or one that is not managed."""
    want = desired.get(key_of(one))
    for name in ("master", "source"):
        if not hasattr(one, name):
            continue
        foreign = (owner is None or owner.stack != STACK) and any(
            (other := memory.store[key].owner) and other.stack == STACK for key in references_of(one)
        )
        unmanaged = want is not None and getattr(want.attributes, name, None) is None
        if foreign or unmanaged:
            one = one._replace(**{name: ""})  # type: ignore[attr-defined]  # attributes are NamedTuples
    return one


def faults(*, at_most: int) -> st.SearchStrategy[dict[int, Fault]]:
    """Faults by step, of every sort but blindness."""
    sorts = st.sampled_from([fault for fault in Fault if fault is not Fault.BLIND])
    return st.dictionaries(st.integers(0, 12), sorts, min_size=1, max_size=at_most)
