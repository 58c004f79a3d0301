"""Following the store on one host: a thread waits for changes there, and works out what is to hold here.

What it works out is an `Offer`: a version, completed with who is there. It stays as it is while the store cannot be
asked, or says what cannot be used; `trouble` then tells why.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import uniform
from threading import Condition, Event, Thread
from time import monotonic
from typing import NamedTuple

from netctl.cluster.completion import declared_ids, highest_id, needs_lease
from netctl.cluster.layout import Layout
from netctl.cluster.leases import lease
from netctl.cluster.membership import Absence, View, view_of
from netctl.cluster.memory import Memory
from netctl.cluster.offer import Offer, offer_of
from netctl.cluster.presence import Presence
from netctl.cluster.publication import fetch
from netctl.cluster.records import ContainersRecord, HostRecord, Publication
from netctl.cluster.rollout import take_slot
from netctl.cluster.telling import Telling
from netctl.engine.facts import ContainerFact
from netctl.engine.store import Store
from netctl.errors import BackendError, NetctlError, described
from netctl.stack.loader import LoadedStack

_SHORTEST_WAIT, _LONGEST_WAIT = 5.0, 60.0
"""Seconds that a query may wait: as long as the grace, within these. A host that is cut off hears of it no sooner."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
"""Seconds between attempts to ask a store that does not answer."""


class Settings(NamedTuple):
    """This host, and how it follows."""

    layout: Layout
    host: str
    address: str
    """Empty: the one that the store's agent advertises."""
    labels: dict[str, str]
    grace: float
    """Seconds without a session after which another host is gone."""
    directory: Path
    """Where it is remembered what held."""


class Follower:
    """Follows one stack for one host."""

    def __init__(
        self, settings: Settings, connect: Callable[[], Store], warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable when there is another offer, or another trouble."""
        self.offer: Offer | None = None
        self.trouble = ""
        self._connect = connect
        self._warn = warn
        self._warned: set[str] = set()
        self._changed = Condition()
        self._ended = Event()
        self._memory = Memory(settings.directory)
        recalled = self._memory.recall()
        self._recalled = recalled
        self._absence = Absence(settings.grace, recalled.gone if recalled else frozenset())
        self._telling = Telling(settings.layout, settings.host, connect)
        self._presence: Presence | None = None
        self._version: tuple[Publication, LoadedStack] | None = None
        """What is on offer, or to be: as it was published."""
        self._index = 0
        self._id = recalled.view.leases.get(settings.host, 0) if recalled else 0
        """The id that this host has, or had; 0 for none."""
        self._unanswered = False
        """Whether the store could not be asked the last time."""
        self._threads = [
            Thread(target=self._follow, name="cluster", daemon=True),
            Thread(target=self._telling.run, name="cluster state", daemon=True),
        ]

    def begin(self) -> Offer:
        """The first offer, once there is one: the store's, or where that cannot be asked, the last that held.

        Raises NetctlError where there is neither.
        """
        self._begin_from_memory()
        for thread in self._threads:
            thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self.offer or self.trouble)
            if self.offer is None:
                self.offer = self._last_good()
                if self.offer is None:
                    raise NetctlError(self.trouble, "See whether Consul works: consul members.")
            return self.offer

    def after(self, offer: Offer, seconds: float) -> Offer:
        """The offer of another version than this one's; the same offer where none comes within so many seconds."""

        def is_another() -> bool:
            return self.offer is not None and self.offer.publication.digest != offer.publication.digest

        with self._changed:
            return self.offer or offer if self._changed.wait_for(is_another, seconds) else offer

    def take(self) -> None:
        """Have the descriptor wait for the next change."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)

    def holds(self, offer: Offer) -> None:
        """What was offered holds on this host."""
        self._memory.remember(offer.publication, offer.view, offer.gone)
        self._telling.holds(offer.publication.version)

    def shows(self, containers: Mapping[str, ContainerFact]) -> None:
        """What this host has on the stack's networks."""
        self._telling.shows(ContainersRecord.of(containers))

    def told(self, trouble: str) -> None:
        """How the host is; empty where all is as declared."""
        self._telling.told(trouble)

    def close(self) -> None:
        """Stop following. The session stays: this host's network does, too."""
        self._ended.set()
        self._telling.end()

    # ------------------------------------------------------------------------------------------------ in the thread

    def _follow(self) -> None:
        store = self._connect()
        pause = 0.0
        while not self._ended.is_set():
            try:
                self._step(store)
            except BackendError as error:
                # What it says changes with every attempt; that it cannot be asked is to be told once.
                trouble = self.trouble if self._unanswered else error.message
                self._unanswered = True
                self._absence.interrupt(monotonic())
            except NetctlError as error:
                trouble = described(error)
                self._unanswered = False
            except Exception as bug:  # noqa: BLE001 - whatever it was, what is kept must be kept on
                trouble = f"netctl has a bug: {bug!r}"
            else:
                pause = 0.0
                self._unanswered = False
                continue
            self._tell(None, trouble)
            store.close()
            self._index = 0
            pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._ended.wait(uniform(pause / 2, pause))  # noqa: S311 - no secret
        store.close()

    def _step(self, store: Store) -> None:
        """Wait for a change, and work out what comes of it."""
        due = self._absence.next_due(monotonic())
        longest = min(max(self.settings.grace, _SHORTEST_WAIT), _LONGEST_WAIT)
        wait = longest if due is None else min(max(due, 0.05), longest)
        reading = store.read(self.settings.layout.live, self._index, wait)
        self._index = reading.at
        seen = view_of(self.settings.layout, reading)
        now = monotonic()
        view = self._absence.hold(seen, now)
        gone = self._absence.see(view, now) - {self.settings.host}
        try:
            self._show(store, seen)
            self._choose(store, seen)
        except NetctlError as error:
            # Who is there is heeded, whatever is wrong with the rest.
            self._tell(self._offer(view, gone), self.trouble if isinstance(error, BackendError) else described(error))
            raise
        is_first = self.offer is None
        self._tell(self._offer(view, gone), "")
        if is_first and self.offer is not None:  # there may be a newer version already
            self._index = 0

    def _show(self, store: Store, view: View) -> None:
        """See to it that the others know of this host."""
        if self._presence is None:
            self._presence = self._introduce(store)
        self._presence.keep(store, view)
        self._presence.lead(store, view)

    def _introduce(self, store: Store) -> Presence:
        settings = self.settings
        place = store.place()
        address = settings.address or place.address
        try:
            record = HostRecord(address=address, labels=settings.labels, node=place.node)
        except ValueError:
            raise NetctlError(
                f"Consul's node '{place.node}' advertises {address or 'no address'}, by which no peer reaches it",
                "Name the host's address on the underlay with --address.",
            ) from None
        return Presence(settings.layout, settings.host, record)

    def _choose(self, store: Store, view: View) -> None:
        """Which version is to hold, and this host's id in it."""
        # What held before this process comes first: it is kept even if the newest version fails here.
        is_first = self.offer is None and self._version is not None
        if view.publication is not None and not is_first:
            self._take_up(store, view.publication)
        if self._version is not None and needs_lease(self._version[1].stack, self.settings.host):
            stack = self._version[1].stack
            if self.settings.host not in view.leases:
                here = self.settings.layout, self.settings.host
                lease(store, *here, declared_ids(stack), highest_id(stack), self._id)
            else:
                self._id = view.leases[self.settings.host]
        if view.error:
            raise NetctlError(view.error)

    def _take_up(self, store: Store, wanted: Publication) -> None:
        """Make a published version the one to hold, as soon as it is this host's turn."""
        known = self._version
        if known is not None and known[0] == wanted:
            return
        if known is not None and known[0].digest == wanted.digest:
            self._telling.waits("")
            self._version = wanted, known[1]
            return
        loaded = self._memory.document(wanted.digest)
        if loaded is None:
            loaded = self._memory.store(wanted.digest, fetch(store, self.settings.layout, wanted))
        if loaded.stack.stack != self.settings.layout.stack:
            raise NetctlError(
                f"version {wanted.version} is of stack '{loaded.stack.stack}', and '{self.settings.layout.stack}' is "
                "followed here",
                "Publish the right one: netctl publish.",
            )
        if known is not None and not take_slot(store, self.settings.layout, self.settings.host, wanted):
            self._telling.waits(f"other hosts are taking up version {wanted.version}, or have failed to")
            return
        self._telling.waits("")
        self._version = wanted, loaded

    def _offer(self, view: View, gone: frozenset[str]) -> Offer | None:
        """What comes of what was read; None as long as it has no place for this host."""
        if self._version is None:
            if view.publication is None and not view.error:
                self._warn_once(f"nothing is published for stack '{self.settings.layout.stack}' yet; waiting for it")
            return None
        if self._presence is not None:  # whatever someone else may have made of it
            view = view._replace(hosts={**view.hosts, self.settings.host: self._presence.record})
        leads = self._presence is not None and self._presence.leads(view)
        offer = offer_of(self._version, view, self.settings.host, gone, leads=leads)
        for problem in offer.problems:
            self._warn_once(problem)
        return offer if self.settings.host in offer.loaded.stack.hosts else None

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def _tell(self, offer: Offer | None, trouble: str) -> None:
        """Pass on what has changed."""
        with self._changed:
            is_new = offer is not None and not offer.is_like(self.offer)
            if not is_new and trouble == self.trouble:
                return
            self.offer = offer if is_new else self.offer
            self.trouble = trouble
            self._changed.notify_all()
        os.eventfd_write(self.descriptor, 1)

    # ------------------------------------------------------------------------------------------------- from memory

    def _begin_from_memory(self) -> None:
        """Begin with the version that held: a newer one is taken up in its turn."""
        recalled = self._recalled
        if recalled is not None:
            loaded = self._memory.document(recalled.publication.digest)
            self._version = (recalled.publication, loaded) if loaded is not None else None

    def _last_good(self) -> Offer | None:
        if self._recalled is None or self._version is None:
            return None
        return offer_of(self._version, self._recalled.view, self.settings.host, self._recalled.gone, leads=False)
