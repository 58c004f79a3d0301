"""Following the kernel: notifications become the live state of the resources that they are about.

A notification holds the whole of its object, in the very form of a dump's answer, so that `observation` reads both. Of
many that arrived together the last one about an object counts. What the kernel does without telling is looked at: an
IPv4 route goes silently with its device, or with the address it is sent from.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import cast

from netctl.engine.following import Tidings
from netctl.engine.protocol import Scope
from netctl.engine.resource import Desired, Key
from netctl.errors import BackendError
from netctl.kinds.address import Address
from netctl.kinds.link import SYSTEM, VethPeer, link_key
from netctl.kinds.route import Route
from netctl.kinds.sysctl import Sysctl
from netctl.system.inotify import Inotify
from netctl.system.namespaces import DIRECTORY
from reconcilers.kernel.addresses import prefix_of
from reconcilers.kernel.links import Surroundings
from reconcilers.kernel.notices import Notices, Overrun
from reconcilers.kernel.observation import Observer
from reconcilers.kernel.programs import program
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.touches import Readers, Touches
from reconcilers.kernel.view import View


class Interests:
    """What of a desired state notifications can be about, by what they name."""

    def __init__(self, scope: Scope, sources: Sources) -> None:
        self.observer = Observer(scope, sources)
        self.desired = {key: want for key, want in scope.desired.items() if key.system == SYSTEM}
        self.contents: defaultdict[Key, list[Key]] = defaultdict(list)
        """What lives in a link."""
        self.routes: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)
        """By namespace and device, or source address."""
        self.sysctls: defaultdict[str, dict[str, str]] = defaultdict(dict)
        """By the link that bears their mark: their names, with that link."""
        self.addresses: defaultdict[tuple[str, str, str], list[Key]] = defaultdict(list)
        """By namespace, link and prefix."""
        self.namespaces: set[str] = set()
        for key, want in self.desired.items():
            self._enter(key, want)
        claims = self.observer.claims
        self.claims = frozenset(
            (want.attributes.destination, want.attributes.metric)
            for want in self.desired.values()
            if isinstance(want.attributes, Route) and want.attributes.table == claims
        )

    def _enter(self, key: Key, want: Desired) -> None:
        attributes = want.attributes
        if want.within is not None:
            self.contents[want.within].append(key)
        if isinstance(attributes, Route):
            for name in {*_devices(attributes), attributes.source or ""}:
                self.routes[attributes.netns, name].add(key)
        elif isinstance(attributes, Address):
            self.addresses[attributes.netns, attributes.link, prefix_of(attributes.address)].append(key)
        elif isinstance(attributes, Sysctl):
            self.sysctls[attributes.link][attributes.name] = attributes.link
        elif isinstance(attributes, VethPeer):
            self.namespaces.add(attributes.netns)

    def within(self, key: Key) -> Iterator[Key]:
        """What lives in *key*, and in that."""
        for inner in self.contents.get(key, ()):
            yield inner
            yield from self.within(inner)


def _devices(route: Route) -> Iterator[str]:
    """What a route leads over; an empty name where it leads nowhere."""
    yield route.device or ""
    yield from (hop.device for hop in route.nexthops or ())


class KernelFollower:
    """Follows one namespace, and those attached to it."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._readers = Readers()
        self._notices = Notices(sources.netns)
        self._names = Inotify()
        self._names.add(DIRECTORY)
        self._interests: Interests | None = None
        self._views: dict[int | None, View] = {}
        self._around: dict[str, Surroundings] = {}
        self._own_ports: frozenset[int] = frozenset()
        self._shaken: Mapping[View, set[str]] = {}
        """Whose routes are to be looked at the next time: first what they went with is put right."""

    def descriptors(self) -> Sequence[int]:
        """The socket of notifications, and the names of namespaces."""
        return self._notices.socket.fileno(), self._names.descriptor

    def close(self) -> None:
        """Stop listening."""
        self._notices.close()
        self._names.close()

    def attend(self, scope: Scope) -> None:
        """Tell of what concerns this desired state, which has just been observed whole."""
        self._interests = Interests(scope, self._sources)
        self._shaken = {}
        self._sources.renumber()
        root = self._sources.root()
        self._views = {None: root}
        for view in self._sources.opened():
            with suppress(BackendError):  # it has gone, which its name will tell
                self._views[self._sources.id_in_root(view.netns)] = view
        self._around = {view.netns: self._surroundings(view, root) for view in self._views.values()}
        self._own_ports = frozenset(view.socket.port for view in self._views.values())
        for view in self._views.values():
            view.has_unheard = self._notices.is_waiting
            ours = {index for index, owner in view.owned.items() if owner.stack == scope.stack}
            marked = {row.ifindex: row.identity for row in view.links.values() if row.ifindex in ours}
            view.followed = (view.followed or {}) | marked  # what may be foreign is known until its end is told

    def take(self) -> Tidings:
        """What has arrived; never waits."""
        if self._interests is None:
            return Tidings()
        touches = Touches(self._interests.observer, self._readers)
        lost = ""
        try:
            for number, chunk in self._notices.take():
                if (view := self._views.get(number)) is not None:
                    touches.add(view, chunk)
        except Overrun:
            lost = "notifications of the kernel were lost"
            for view in self._views.values():
                view.followed = None
        changed = {path.name for path in self._names.take()}
        known = self._interests.namespaces.union(view.netns for view in self._views.values())
        if renamed := sorted(changed & known):
            lost = lost or f"network namespace {renamed[0]} came or went"
        return self._tidings(touches, self._interests, lost)

    def _tidings(self, touches: Touches, interests: Interests, lost: str) -> Tidings:
        shaken, self._shaken = self._shaken, touches.shaken
        if not (touches or lost or shaken):
            return Tidings()
        observer, desired = interests.observer, interests.desired
        observer.live = {}
        touched = touches.observe(self._around, interests.claims, interests.sysctls, interests.addresses)
        for view, name in touches.links():
            key = link_key(name, view.netns)
            if name not in view.links:
                touched.update(dict.fromkeys(interests.within(key)))
                touched.update(dict.fromkeys(interests.routes.get((view.netns, name), ())))
            elif key in desired and isinstance(desired[key].attributes, VethPeer):
                self._observe_near_end(desired[key], observer, touched)
        touched.update(dict.fromkeys(self._routes_again(touches, shaken, interests)))
        live = {key: observer.live.get(key) for key in touched if key in desired} | observer.live
        more = any(interests.routes.get((view.netns, name)) for view, names in touches.shaken.items() for name in names)
        culprits = _Culprits(touches.ports, self._own_ports)
        return Tidings(live, everything=lost, facts=touches.surroundings, more=more, culprit=culprits)

    def _observe_near_end(self, far: Desired, observer: Observer, touched: dict[Key, None]) -> None:
        """A pair's near end tells how its far end is called, and is told nothing when that changes."""
        root = self._sources.root()
        near = far.within.id if far.within is not None else ""
        if near in root.links:
            observer.link(root.links[near], root, self._around[""])
            touched[cast(Key, far.within)] = None

    def _routes_again(self, touches: Touches, shaken: Mapping[View, set[str]], interests: Interests) -> Iterator[Key]:
        """The routes over the devices that went down or lost an address, as they are now."""
        for view, names in shaken.items():
            keys = {key for name in names for key in interests.routes.get((view.netns, name), ())}
            devices = {device for key in keys for device in _devices(cast(Route, interests.desired[key].attributes))}
            present = [view.indexes[device] for device in sorted(devices & view.indexes.keys())]
            touches.look_at_routes(view, present, interests.claims)
            yield from keys

    def _surroundings(self, view: View, root: View) -> Surroundings:
        return Surroundings(
            view.netns, view.names, root.names, self._sources.ipv6_forwarding_setting,
            self._sources.root_id(view) if view.netns else None,
            lambda row: self._far_end(row.ifindex, row.lower, row.lower_netns),
        )  # fmt: skip

    def _far_end(self, ifindex: int, lower: int, netns: int | None) -> str:
        """The other end of a pair whose near end has that index."""
        view = self._views.get(netns) if netns is not None else None
        row = view.links.get(view.names.get(lower, "")) if view is not None else None
        return f"{view.netns}/{row.name}" if view is not None and row is not None and row.lower == ifindex else ""


class _Culprits:
    """The programs that caused notifications, looked up when asked for: a short-lived one may have ended."""

    def __init__(self, ports: dict[Key, int], own: Iterable[int]) -> None:
        self._ports = ports
        self._own = frozenset(own)

    def __call__(self, key: Key) -> str:
        port = self._ports.get(key, 0)
        return "" if port in self._own else program(port)
