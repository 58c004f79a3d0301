"""A system in memory, behind the reconciler protocol: links, addresses, routes and settings, as a kernel keeps them.

What lives in a link perishes with it, what refers to something that goes is detached from it, an attribute that is
immutable cannot be set, and a setting that is given back has its former value. Faults can be injected by the number of
the step (a change that is executed) at which they strike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.diff import Kinds
from netctl.engine.facts import Facts
from netctl.engine.protocol import Capability, Context, Observation, Scope, Unread
from netctl.engine.resource import UNMARKED, Attributes, Key, Kind, Live, Owner
from netctl.errors import BackendError

MEMORY = "memory"


class Bridge(NamedTuple):
    name: str
    mtu: int | None = None
    master: str | None = None
    """Another link; empty for none."""


class Tunnel(NamedTuple):
    name: str
    mtu: int | None = None
    master: str | None = None
    vni: int | None = None
    """Immutable."""


class Address(NamedTuple):
    link: str
    address: str
    label: str | None = None


class Route(NamedTuple):
    link: str
    destination: str
    source: str | None = None
    """An address, as ``link/address``; empty for none."""
    metric: int | None = None


class Setting(NamedTuple):
    """Is there whether declared or not."""

    name: str
    value: str | None = None


_DEFAULTS: dict[str, Any] = {"mtu": 1500, "master": "", "vni": 1, "label": "", "source": "", "metric": 0, "value": "0"}
_IMMUTABLE = frozenset({"vni"})
_NAMES: dict[type, str] = {Bridge: "link", Tunnel: "link", Address: "address", Route: "route", Setting: "setting"}


def key_of(attributes: Attributes, system: str = MEMORY) -> Key:
    """The key of what has these attributes."""
    own = attributes[:2] if isinstance(attributes, Address | Route) else attributes[:1]
    return Key(system, _NAMES[type(attributes)], "/".join(own))


def container_of(attributes: Attributes, system: str = MEMORY) -> Key | None:
    """The link that something lives in."""
    return Key(system, "link", attributes[0]) if isinstance(attributes, Address | Route) else None


def references_of(attributes: Attributes, system: str = MEMORY) -> tuple[Key, ...]:
    """What must be there for these attributes to be set."""
    if isinstance(attributes, Bridge | Tunnel) and attributes.master:
        return (Key(system, "link", attributes.master),)
    if isinstance(attributes, Route) and attributes.source:
        return (Key(system, "address", attributes.source),)
    return ()


def complete(attributes: Attributes) -> Attributes:
    """The attributes with a value for each: the default where there is none."""
    names = cast(Any, attributes)._fields
    values = (_DEFAULTS[name] if value is None else value for name, value in zip(names, attributes, strict=True))
    return type(attributes)(*values)


class Stored(NamedTuple):
    """One object, whose it is, and (of a setting that a stack has changed) the value that it had before."""

    attributes: Attributes
    owner: Owner | None = None
    original: str | None = None


class Fault(Enum):
    """What goes wrong at a step."""

    REFUSE = auto()
    """The change is refused."""
    RAISE = auto()
    """The system fails before the change, ..."""
    RAISE_AFTER = auto()
    """... or after it."""
    INTERRUPT = auto()
    INTERRUPT_AFTER = auto()
    CRASH = auto()
    """The reconciler has a bug."""
    DROP = auto()
    """The change is acknowledged and not made."""
    ALTER = auto()
    """The change is acknowledged and made with another value."""
    BLIND = auto()
    """The change is made, and from then on nothing can be read."""


class RefusedError(Exception):
    """What the system says to a change that cannot be made."""


@dataclass
class Memory:
    """The state, and what befalls those who read or change it."""

    store: dict[Key, Stored] = field(default_factory=dict)
    faults: dict[int, Fault] = field(default_factory=dict)
    steps: int = 0
    calls: list[tuple[Change, ...]] = field(default_factory=list)
    """Every batch that was executed."""
    blind: bool = False
    """True where nothing can be read."""
    hidden: frozenset[str] = frozenset()
    """Links that cannot be read, with all in them."""

    def put(self, attributes: Attributes, owner: Owner | None = None, *, system: str = MEMORY) -> None:
        """Have something there from the beginning."""
        original = "0" if isinstance(attributes, Setting) and owner is not None else None
        self.store[key_of(attributes, system)] = Stored(complete(attributes), _mark(attributes, owner), original)

    def contents(self, key: Key) -> list[Key]:
        """What lives in *key*."""
        return [other for other, stored in self.store.items() if container_of(stored.attributes, key.system) == key]

    def remove(self, key: Key) -> None:
        """Remove an object, what lives in it, and every reference to it."""
        for inner in self.contents(key):
            self.remove(inner)
        self.store.pop(key, None)
        for other, stored in self.store.items():
            if key in references_of(stored.attributes, key.system):
                detached = {"source" if isinstance(stored.attributes, Route) else "master": ""}
                self.store[other] = stored._replace(attributes=_with(stored.attributes, detached))


@dataclass
class MemoryWriter:
    """Reads and changes a `Memory`."""

    memory: Memory
    name: str = MEMORY
    entered: bool = False

    def __enter__(self) -> Self:
        self.entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entered = False

    def facts(self) -> Facts:
        return Facts(namespaces=frozenset({self.name}))

    def discover(self) -> Iterable[Live]:
        return ()

    def capabilities(self) -> Sequence[Capability]:
        return ()

    def events(self) -> Iterator[frozenset[Key]]:
        return iter(())

    def observe(self, scope: Scope) -> Observation:
        if self.memory.blind:
            raise BackendError("the memory cannot be read")
        live = {
            key: self._live(key, stored, scope)
            for key, stored in self.memory.store.items()
            if not _is_hidden(key, self.memory.hidden) and (key in scope.desired or _of(scope.stack, stored.owner))
        }
        keys = frozenset(key for key in scope.desired if _is_hidden(key, self.memory.hidden))
        return Observation(live, (Unread(self.name, "hidden links", "they are hidden", keys),) if keys else ())

    def _live(self, key: Key, stored: Stored, scope: Scope) -> Live:
        attributes, owner, _ = stored
        container = container_of(attributes, self.name)
        if owner is None and container is not None and _of(scope.stack, self.memory.store[container].owner):
            owner = Owner(scope.stack, UNMARKED)
        return Live(key, attributes, owner, container, references_of(attributes, self.name))

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        self.memory.calls.append(tuple(batch))
        return [Outcome(change, self._step(change)) for change in batch]

    def _step(self, change: Change) -> Failure | None:
        if change.implied and change.action is Action.DELETE:
            return None
        fault = self.memory.faults.get(self.memory.steps)
        self.memory.steps += 1
        _before(fault)
        if fault is Fault.REFUSE:
            return Failure(f"{change.action} {change.key}", "it is refused")
        try:
            if fault is Fault.ALTER and change.after is not None:
                self._make(_altered(change))
            elif fault not in {Fault.DROP, Fault.ALTER}:
                self._make(change)
        except RefusedError as error:
            return Failure(f"{change.action} {change.key}", str(error))
        self.memory.blind = self.memory.blind or fault is Fault.BLIND
        _afterwards(fault)
        return None

    def _make(self, change: Change) -> None:
        there = change.key in self.memory.store
        if change.action is Action.DELETE:
            self._end(change)
        elif change.action is Action.UPDATE and not there:
            raise RefusedError("there is no such thing")
        elif change.action is Action.UPDATE or (there and (change.implied or change.key.kind == "setting")):
            self._set(change)
        else:
            self._create(change)

    def _create(self, change: Change) -> None:
        after = cast(Attributes, change.after)
        if change.action is Action.REPLACE:
            self.memory.remove(change.key)
        if change.key in self.memory.store:
            raise RefusedError("there is one already")
        container = container_of(after, self.name)
        self._demand(container and (container,))
        self._demand(references_of(after, self.name))
        self.memory.store[change.key] = Stored(complete(after), _mark(after, change.owner))

    def _set(self, change: Change) -> None:
        stored, after = self.memory.store[change.key], cast(Attributes, change.after)
        if type(after) is not type(stored.attributes):
            raise RefusedError("it is of another type")
        names = [name for name in change.fields or cast(Any, after)._fields if name != "owner"]
        values = {name: value for name in names if (value := getattr(after, name)) is not None}
        if any(name in _IMMUTABLE and getattr(stored.attributes, name) != values[name] for name in values):
            raise RefusedError("it cannot be changed")
        attributes = _with(stored.attributes, values)
        self._demand(references_of(attributes, self.name))
        stored = stored._replace(attributes=attributes)
        if change.key.kind == "setting":
            stored = stored._replace(original=self._original(change))
        if change.key.kind != "link" or "owner" in change.fields or not change.fields:
            stored = stored._replace(owner=_mark(after, change.owner))
        self.memory.store[change.key] = stored

    def _original(self, change: Change) -> str | None:
        """The value of a setting to remember: the one that it has when it is taken over."""
        stored = self.memory.store[change.key]
        if change.owner is None:
            return None
        return stored.original if stored.owner is not None else str(stored.attributes[1])

    def _end(self, change: Change) -> None:
        if change.key.kind != "setting":
            self.memory.remove(change.key)
            return
        stored = self.memory.store[change.key]
        value = {"value": stored.original or "0"}
        self.memory.store[change.key] = Stored(_with(stored.attributes, value))

    def _demand(self, keys: Iterable[Key] | None) -> None:
        for key in keys or ():
            if key not in self.memory.store:
                raise RefusedError(f"there is no {key}")


@dataclass
class MemorySystem:
    """The system that an entry point would name."""

    memory: Memory = field(default_factory=Memory)
    name: str = MEMORY

    kinds: tuple[Kind, ...] = field(init=False)

    def __post_init__(self) -> None:
        link, address, route, setting = (Kind(self.name, name) for name in ("link", "address", "route", "setting"))
        self.kinds = (link._replace(immutable=_IMMUTABLE), address, route, setting._replace(shared=True))

    def reader(self, context: Context) -> MemoryWriter:  # noqa: ARG002 - the protocol's
        return MemoryWriter(self.memory, self.name)

    def writer(self, context: Context) -> MemoryWriter:  # noqa: ARG002 - the protocol's
        return MemoryWriter(self.memory, self.name)


def kinds_by_name(system: str = MEMORY) -> Kinds:
    """The kinds of a memory, as the engine wants them."""
    return {kind[:2]: kind for kind in MemorySystem(name=system).kinds}


def _mark(attributes: Attributes, owner: Owner | None) -> Owner | None:
    """The mark as it can be put on: only a link's has room for a declaration."""
    return owner if owner is None or isinstance(attributes, Bridge | Tunnel) else Owner(owner.stack)


def _of(stack: str, owner: Owner | None) -> bool:
    return owner is not None and owner.stack == stack


def _is_hidden(key: Key, links: frozenset[str]) -> bool:
    return key.kind != "setting" and key.id.split("/")[0] in links


def _with(attributes: Attributes, values: Mapping[str, object]) -> Attributes:
    return cast(Attributes, cast(Any, attributes)._replace(**values))


def _altered(change: Change) -> Change:
    """The change with another value than asked for."""
    after = cast(Attributes, change.after)
    name = next(name for name in ("mtu", "label", "metric", "value") if hasattr(after, name))
    other: object = 666 if name in {"mtu", "metric"} else "666"
    return change._replace(after=_with(after, {name: other}), fields=())


def _before(fault: Fault | None) -> None:
    if fault is Fault.RAISE:
        raise BackendError("the memory has failed")
    if fault is Fault.INTERRUPT:
        raise KeyboardInterrupt
    if fault is Fault.CRASH:
        raise RuntimeError("a bug")


def _afterwards(fault: Fault | None) -> None:
    if fault is Fault.RAISE_AFTER:
        raise BackendError("the memory has failed")
    if fault is Fault.INTERRUPT_AFTER:
        raise KeyboardInterrupt
