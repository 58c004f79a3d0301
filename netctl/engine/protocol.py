"""The one protocol between the engine and the systems it reconciles.

A *system* (the kernel, nftables, Docker) is found through the entry-point group ``netctl.reconcilers``. It gives
a `Reader`, which has no method that writes (all that a plan gets), and a `Writer`. Calls are synchronous and
take batches; each is bounded by the context's timeout. Both are context managers that release sockets.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from netctl.engine.change import Change, Outcome
from netctl.engine.facts import Facts
from netctl.engine.resource import Desired, Key, Kind, Live


class Context(NamedTuple):
    """Where a system is to act."""

    netns: str = ""
    """A named network namespace; empty for the caller's own."""
    timeout: float = 30.0
    """Seconds that a single call may wait for the system."""
    patient: bool = True
    """Whether a system that has answered before is waited for, for longer than that, while it restarts."""


class Scope(NamedTuple):
    """What an observation must answer for."""

    stack: str
    desired: Mapping[Key, Desired]
    """Every desired resource, of all systems; a reader picks its own."""
    keys: frozenset[Key] | None = None
    """Only these keys (after an event); None for everything the stack owns or desires."""
    known: frozenset[str] = frozenset()
    """Systems in which the stack is known to have had something: one that is not there now is unread, not empty."""


class Unread(NamedTuple):
    """A part of the live state that could not be read. Unknown is not empty: nothing in it is changed or deleted."""

    system: str
    part: str
    reason: str
    keys: frozenset[Key] = frozenset()
    """The desired resources in it."""
    needed: frozenset[Key] = frozenset()
    """What is in it and is no desired resource: what needs it is left as it is, too."""


class Observation(NamedTuple):
    """Live state: what the stack owns, and whatever bears the key of a desired resource."""

    live: dict[Key, Live]
    unread: tuple[Unread, ...] = ()


class Capability(NamedTuple):
    """One thing that a system can or cannot do here, for ``netctl doctor``."""

    name: str
    available: bool
    detail: str = ""
    advice: str = ""
    """What to do where it is not available; empty where nothing needs doing."""
    required: bool = True


class Reader(Protocol):
    """Reads one system; cannot change it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def facts(self) -> Facts:
        """This system's share of what the compiler may know of the host."""
        ...

    def observe(self, scope: Scope) -> Observation:
        """The live state within *scope*, in canonical form."""
        ...

    def discover(self) -> Iterable[Live]:
        """Everything here that could be declared, whoever owns it: what ``netctl import`` prints."""
        ...

    def capabilities(self) -> Sequence[Capability]:
        """What this system can do on this host."""
        ...

    def events(self) -> Iterator[frozenset[Key]]:
        """Keys that may have changed, as the system reports them; an empty set for all of its own, and for its facts.

        The first is empty, as soon as it listens: what happened before is not known. Raises BackendError where
        it cannot listen, or not any more.
        """
        ...


class Writer(Reader, Protocol):
    """Reads and changes one system."""

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes, which need nothing of one another; one outcome for each, in order.

        A failure of one does not keep the others from being tried. Raises nothing for what the system refuses.
        """
        ...


class System(Protocol):
    """What an entry point of the group ``netctl.reconcilers`` names."""

    name: str
    kinds: tuple[Kind, ...]

    def reader(self, context: Context) -> Reader:
        """A reader; nothing is opened before it is entered."""
        ...

    def writer(self, context: Context) -> Writer:
        """A writer; raises `netctl.errors.PrivilegeError` on entering where changes are not permitted."""
        ...
