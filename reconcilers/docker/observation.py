"""Live resources from a reading of the Engine."""

from collections.abc import Iterator, Mapping

from netctl.engine.protocol import Scope
from netctl.engine.resource import Desired, Key, Live, Owner
from netctl.kinds.docker import SYSTEM, Attachment, Network, Reference, attachment_key, network_key
from reconcilers.answers import Record
from reconcilers.docker.api import Api
from reconcilers.docker.containers import Endpoint, Settings, settings_of
from reconcilers.docker.journal import Entry
from reconcilers.docker.snapshot import Place, Snapshot, inspected
from reconcilers.docker.swarm import SWARM, Swarm

_ALL_BACK = "nobody any more"


Endpoints = dict[str, Settings]
"""What was learned of endpoints, by their ids. What an endpoint is made of stays as it is."""


def observe(snapshot: Snapshot, api: Api, scope: Scope, known: Endpoints) -> tuple[dict[Key, Live], Endpoints]:
    """What the stack owns, and whatever bears the key of something desired; and what is *known* of endpoints now."""
    observation = _Observation(snapshot, api, scope, known)
    return observation.run(), observation.seen


class _Observation:
    """One observation."""

    def __init__(self, snapshot: Snapshot, api: Api, scope: Scope, known: Endpoints) -> None:
        self.snapshot = snapshot
        self.api = api
        self.stack = scope.stack
        self.desired = {key: want for key, want in scope.desired.items() if key.system == SYSTEM}
        self._known = known
        self.seen: Endpoints = {}
        self._inspected: dict[str, Record | None] = {}
        self._swarm = Swarm(api, snapshot)

    def run(self) -> dict[Key, Live]:
        found = {live.key: live for live in (*self._networks(), *self._references())}
        found |= {live.key: live for place in self.snapshot.places if (live := self._attachment(place)) is not None}
        return found

    def _networks(self) -> Iterator[Live]:
        for name, row in self.snapshot.networks.items():
            key, owner = network_key(name), row.owner
            if key in self.desired or (owner is not None and owner.stack == self.stack):
                network = self._with_containers(_of_families(row.network, self.desired.get(key)))
                if row.scope == SWARM:
                    network = network._replace(elsewhere=self._swarm.on_network(row.id))
                yield Live(key, network, self._owner(key, owner))
        for name, entry in self.snapshot.journal.items():
            # Broken off with the network gone: what is left of it is the journal, which goes with the declaration.
            if (
                entry.stack == self.stack
                and name not in self.snapshot.networks
                and network_key(name) not in self.desired
            ):
                yield Live(network_key(name), Network(name), Owner(self.stack))

    def _references(self) -> Iterator[Live]:
        for key, want in self.desired.items():
            if isinstance(want.attributes, Reference) and want.attributes.name in self.snapshot.networks:
                yield Live(key, want.attributes, Owner(self.stack, want.origin.declaration))

    def _with_containers(self, network: Network) -> Network:
        on_it = tuple(sorted(container.name for container in self.snapshot.on_network.get(network.name, ())))
        entry = self.snapshot.journal.get(network.name)
        return network._replace(containers=on_it, cut_off=self._cut_off(entry, on_it) if entry else ())

    def _cut_off(self, entry: Entry, on_it: tuple[str, ...]) -> tuple[str, ...]:
        """Who is to be connected again. With nobody left, the journal is still to be erased."""
        waiting = {settings.name for settings in entry.endpoints} & self.snapshot.containers.keys() - set(on_it)
        return tuple(sorted(waiting)) or (_ALL_BACK,)

    def _owner(self, key: Key, owner: Owner | None) -> Owner | None:
        """The owner; the declaration in a mark that cannot be changed is the one that it was made by."""
        want = self.desired.get(key)
        if want is not None and owner is not None and owner.stack == self.stack:
            return Owner(owner.stack, want.origin.declaration)
        return owner

    def _attachment(self, place: Place) -> Live | None:
        network = place.network.network.name
        key = attachment_key(network, place.container.name)
        want = self.desired.get(key)
        if want is None:
            return None if place.is_original else self._left_over(key, place)
        endpoint = place.container.on(network, place.network.id)
        attributes = want.attributes
        if isinstance(attributes, Attachment) and endpoint is not None and _is_told(attributes, endpoint):
            return Live(key, attributes, Owner(self.stack, want.origin.declaration), network_key(network))
        settings = self._settings(place)
        return None if settings is None else self._compared(key, want, settings)

    def _left_over(self, key: Key, place: Place) -> Live | None:
        """An attachment that is not declared, where the stack has made it."""
        settings = self._settings(place)
        if settings is None or settings.owner is None or settings.owner.stack != self.stack:
            return None
        network = place.network.network.name
        return Live(key, _attributes(settings, network), settings.owner, network_key(network))

    def _compared(self, key: Key, want: Desired, settings: Settings) -> Live:
        """A declared attachment. Where it is as declared it counts as the stack's, whoever made it."""
        wanted = want.attributes
        live = _attributes(settings, wanted[0])
        if isinstance(wanted, Attachment):
            live = live._replace(addresses=_of_declared_families(live.addresses or (), wanted))
        own = settings.owner is not None and settings.owner.stack == self.stack
        if isinstance(wanted, Attachment) and not own:
            live = _tolerant(live, wanted)
        satisfied = all(have == value for have, value in zip(live, wanted, strict=True) if value is not None)
        owner = Owner(self.stack, want.origin.declaration) if own or satisfied else settings.owner
        return Live(key, live, owner, network_key(wanted[0]))

    def _settings(self, place: Place) -> Settings | None:
        """An endpoint's settings, which the list of containers does not tell; None where it is gone."""
        endpoint = place.container.on(place.network.network.name, place.network.id)
        ident = endpoint.id if endpoint is not None else ""
        known = self._known.get(ident)
        found = known._replace(name=place.container.name) if known is not None else self._asked(place)
        if ident and found is not None:
            self.seen[ident] = found
        return found

    def _asked(self, place: Place) -> Settings | None:
        container = place.container
        if container.id not in self._inspected:
            self._inspected[container.id] = inspected(self.api, container.id)
        answer = self._inspected[container.id]
        return settings_of(answer, place.network.network.name, place.network.id) if answer is not None else None


def _of_families(network: Network, want: Desired | None) -> Network:
    """The network, less what the Engine has chosen for a family of which nothing is declared: it always adds IPv4."""
    wanted = want.attributes if want is not None else None
    if not isinstance(wanted, Network) or not wanted.pools:
        return network
    families = {":" in pool.subnet for pool in wanted.pools}
    return network._replace(pools=tuple(pool for pool in network.pools or () if (":" in pool.subnet) in families))


def _is_told(wanted: Attachment, endpoint: Endpoint) -> bool:
    """Whether the list of containers tells that an endpoint is as wanted."""
    unlisted = wanted.aliases, wanted.link_local, wanted.options
    return all(part is None for part in unlisted) and (
        wanted.addresses is None or wanted.addresses == _of_declared_families(endpoint.fixed, wanted)
    )


def _attributes(settings: Settings, network: str) -> Attachment:
    return Attachment(
        network, settings.name, settings.fixed, settings.aliases, settings.link_local, settings.own_options
    )


def _of_declared_families(addresses: tuple[str, ...], wanted: Attachment) -> tuple[str, ...]:
    """The addresses of the families of which one is declared: what it has of the other is not managed."""
    families = {":" in text for text in wanted.addresses or ()}
    return tuple(text for text in addresses if not families or (":" in text) in families)


def _tolerant(live: Attachment, wanted: Attachment) -> Attachment:
    """Someone else's attachment, less the aliases and options that it has besides those wanted."""
    aliases = live.aliases if wanted.aliases is None else tuple(a for a in live.aliases or () if a in wanted.aliases)
    options = live.options if wanted.options is None else tuple(o for o in live.options or () if o in wanted.options)
    return live._replace(aliases=aliases, options=options)


def discover(snapshot: Snapshot) -> Iterator[Live]:
    """Every network that could be declared, and the containers on it."""
    for name, row in snapshot.networks.items():
        containers = snapshot.on_network.get(name, [])
        attributes = row.network._replace(containers=tuple(sorted(container.name for container in containers)))
        yield Live(network_key(name), attributes, row.owner)
        for container in containers:
            endpoint = container.on(name, row.id)
            fixed = endpoint.fixed if endpoint is not None else ()
            yield Live(
                attachment_key(name, container.name),
                Attachment(name, container.name, fixed or None),
                None,
                network_key(name),
            )


def mapping_of(found: Mapping[Key, Live], keys: frozenset[Key] | None) -> dict[Key, Live]:
    """Only the live resources of these keys, where any are named."""
    return dict(found) if keys is None else {key: live for key, live in found.items() if key in keys}
