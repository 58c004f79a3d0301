"""Observing: the rows of the kernel's dumps become live resources, with their owners.

What belongs to the stack is told by marks (`reconcilers.kernel.marks`): a link by its alias; an address, a route, a
neighbour or a forwarding entry by netctl's protocol number (or flag) on a link of the stack's; a route elsewhere by
its claim; a rule by its suppressed group. Under a *desired* key, whatever is on a link of the stack's is the stack's.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, cast

from netctl.engine.protocol import Observation, Scope, Unread
from netctl.engine.resource import UNMARKED, Desired, Key, Live, Owner
from netctl.errors import BackendError, PrivilegeError
from netctl.kinds.address import address_key
from netctl.kinds.docker import ENGINE
from netctl.kinds.link import SYSTEM, Link, Port, Veth, VethPeer, link_key, port_key
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour, fdb_key, neighbour_key
from netctl.kinds.route import PROTOCOL, Route, claim_metric, route_key, stack_number
from netctl.kinds.rule import rule_key
from netctl.kinds.sysctl import Sysctl, is_bridge_setting, sysctl_key
from netctl.system.namespaces import named_namespaces
from reconcilers.kernel.addresses import AddressRow, decode_address
from reconcilers.kernel.bridge_settings import read_bridge_settings
from reconcilers.kernel.links import Row, Surroundings, decode_link
from reconcilers.kernel.marks import is_passing, link_alias, read_loans, unfinished_group
from reconcilers.kernel.neighbours import NTF_EXT_LEARNED, NUD_PERMANENT, dump_fdb, dump_neighbours
from reconcilers.kernel.neighbours import Row as NeighbourRow
from reconcilers.kernel.prefix_routes import PrefixRoutes
from reconcilers.kernel.routes import RouteRow, dump_routes
from reconcilers.kernel.rules import RuleRow, dump_rules
from reconcilers.kernel.sources import Sources, far_ends
from reconcilers.kernel.stacks import Stacks, is_claim
from reconcilers.kernel.sysctls import read_sysctls
from reconcilers.kernel.view import View
from reconcilers.kernel.wire import read_address

_PROTOCOL = bytes([PROTOCOL])
_FEW = 8
"""So many names are listed in a message."""

_Owners = tuple[Owner | None, Owner | None]
"""Of what is not marked, and of what is."""


def observe(scope: Scope, sources: Sources) -> Observation:
    """The live state of the kernel within *scope*."""
    return Observer(scope, sources).run()


class Observer:
    """One observation under way; also of single rows, as events bring them."""

    def __init__(self, scope: Scope, sources: Sources) -> None:
        self.stack = scope.stack
        self.claims = stack_number(scope.stack)
        self.marked, self.unmarked = Owner(scope.stack), Owner(scope.stack, UNMARKED)
        self.sources = sources
        self.nothing_desired = not scope.desired
        self.desired: defaultdict[str, dict[Key, Desired]] = defaultdict(dict)
        for key, want in scope.desired.items():
            if key.system == SYSTEM:
                self.desired[key.kind][key] = want
        self.live: dict[Key, Live] = {}
        self.unread: list[Unread] = []

    def run(self) -> Observation:
        root = self.sources.root()
        others = list(self._other_namespaces())
        self._mark_owned(root, others)
        self._links(root, others)
        self._loans(root)
        for view in [root, *others]:
            if self._concerned(view):
                self._addresses(view)
                self._routes(view)
        self._neighbours(root)
        self._fdb(root)
        self._rules(root)
        return Observation(self.live, tuple(self.unread))

    def _other_namespaces(self) -> Iterator[View]:
        """The namespaces that the desired resources are in, and others where leftovers may be."""
        wanted = {want.attributes[0] for kind in ("link", "address", "route") for want in self.desired[kind].values()}
        wanted |= {_far_netns(want) for want in self.desired["link"].values()}
        closed: list[str] = []
        for netns in sorted((wanted | named_namespaces()) - {"", self.sources.netns}):
            try:
                if netns in wanted or self.sources.is_tied(netns):
                    yield self.sources.view(netns)
            except BackendError as error:
                if keys := frozenset(self._desired_in(netns)):
                    self.unread.append(Unread(SYSTEM, f"network namespace {netns}", error.message, keys))
                elif isinstance(error, PrivilegeError):
                    closed.append(netns)
        if closed and self.nothing_desired:  # of something desired, the namespaces that it needs are enough
            self.unread.append(Unread(SYSTEM, _namespaces(closed), "entering these needs CAP_SYS_ADMIN: run as root"))

    def _desired_in(self, netns: str) -> Iterator[Key]:
        """The desired resources of a namespace, with the near ends of pairs whose far end is there."""
        for kind in self.desired.values():
            for key, want in kind.items():
                if key.id.startswith(f"{netns}/") or _far_netns(want) == netns:
                    yield key

    def _mark_owned(self, root: View, others: Iterable[View]) -> None:
        """Find the owner of every link. Elsewhere only links tied to one of this host's can be ours.

        The far end of a pair of the stack's is the stack's even before it has been given its mark.
        """
        unfinished = unfinished_group(self.stack)
        root.owned = owners(root.links.values(), self.unmarked, unfinished)
        self._keep_owners(root.links.values(), root, unheard=root.has_unheard())
        ours = self._ours(root)
        for view in others:
            here = self.sources.root_id(view)
            tied = [row for row in view.links.values() if here is not None and row.lower_netns == here]
            view.owned = owners(tied, self.unmarked, unfinished)
            for row in tied:
                if row.lower in ours and row.kind == "veth" and link_key(row.name, view.netns) in self.desired["link"]:
                    view.owned.setdefault(row.ifindex, self.unmarked)

    def find_owner(self, row: Row, view: View) -> None:
        """Whose a link is by how it is now."""
        view.owned.pop(row.ifindex, None)
        here = self.sources.root_id(view) if view.netns else None
        if view.netns and (here is None or row.lower_netns != here):
            return
        view.owned |= owners([row], self.unmarked, unfinished_group(self.stack))
        if view.netns and row.kind == "veth" and link_key(row.name, view.netns) in self.desired["link"]:
            near = self.sources.root().owned.get(row.lower)
            if near is not None and near.stack == self.stack:
                view.owned.setdefault(row.ifindex, self.unmarked)
        self._keep_owners([row], view, unheard=False)

    def _keep_owners(self, rows: Iterable[Row], view: View, *, unheard: bool) -> None:
        """A link that has been the stack's all the time stays so when its mark is taken away, unless it gets another's.

        Nobody but who has followed it since it bore the mark can know that. Where notifications are *unheard* yet, it
        may have been made anew under the same index: with another MAC address it is foreign until they tell.
        """
        known = view.followed
        if known is None:
            return
        for row in rows:
            owner = view.owned.get(row.ifindex)
            if owner is not None and owner.stack == self.stack:
                known[row.ifindex] = row.identity
            elif owner is None and row.ifindex in known and row.is_still(known[row.ifindex], by_mac=unheard):
                view.owned[row.ifindex] = self.unmarked
            elif not unheard:
                known.pop(row.ifindex, None)

    def ours_of(self, view: View, ifindex: int) -> tuple[int, ...]:
        """The link with that index, where it is the stack's own."""
        owner = view.owned.get(ifindex)
        return (ifindex,) if owner is not None and owner.stack == self.stack else ()

    def _concerned(self, view: View) -> bool:
        return (
            not view.netns
            or bool(view.owned)
            or any(want.attributes[0] == view.netns for want in self.desired["address"].values())
        )

    def _links(self, root: View, others: list[View]) -> None:
        peers = far_ends(self.sources, others)
        for view in [root, *others]:
            around = Surroundings(
                view.netns, view.names, root.names, self.sources.ipv6_forwarding_setting,
                self.sources.root_id(view) if view.netns else None,
                lambda row: peers.get((row.ifindex, row.lower), ""),
            )  # fmt: skip
            for row in view.links.values():
                self.link(row, view, around)

    def link(self, row: Row, view: View, around: Surroundings) -> None:
        key = link_key(row.name, view.netns)
        owner = view.owned.get(row.ifindex)
        want = self.desired["link"].get(key)
        if want is None and (owner is None or owner.stack != self.stack):
            return
        if want is not None:
            owner = _whole_owner(owner, want, row)
            if owner is None or owner.declaration == UNMARKED:
                self.sources.originals[key] = row.alias
        attributes = decode_link(row, around)
        if want is not None and type(attributes) is type(want.attributes):
            attributes = _only_declared_altnames(cast(Link, attributes), cast(Link, want.attributes))
        within = None
        if isinstance(attributes, VethPeer) and owner is not None:
            within = link_key(around.root_names.get(row.lower, ""))
        self.live[key] = Live(key, attributes, owner, within)

    def _loans(self, root: View) -> None:
        """Ports and sysctls: the desired ones, and those that an altname says the stack has changed.

        A sysctl that only other stacks have changed counts as what it was before: to be sure of it when they go, this
        one must ask for it too.
        """
        wanted = {
            cast(Sysctl, want.attributes).name: cast(Sysctl, want.attributes).link
            for want in self.desired["sysctl"].values()
        }
        self.loans(root.links.values(), wanted, root)

    def loans(self, rows: Iterable[Row], wanted: dict[str, str], root: View) -> None:
        """What is borrowed of the interfaces *rows*; *wanted* are their desired sysctls: by name, the link."""
        borrowed: set[str] = set()
        before_others: dict[str, str] = {}
        for row in rows:
            everyone = read_loans(row.altnames, row.name)
            before_others |= {loan.what: loan.before for loan in everyone if loan.stack != self.stack}
            loans = [loan for loan in everyone if loan.stack == self.stack]
            for loan in loans:
                if loan.what != "port":
                    wanted.setdefault(loan.what, row.name)
                    borrowed.add(loan.what)
            owners = sorted({Owner(loan.stack) for loan in everyone if loan.what == "port"}, key=self._is_other)
            key = port_key(row.name)
            if key in self.desired["port"] or self.marked in owners:
                port = Port("", row.name, root.names.get(row.master, ""), row.up)
                self.live[key] = Live(key, port, owners[0] if owners else None)
        of_bridges = dict(read_bridge_settings(filter(is_bridge_setting, wanted), root.links))
        plain = sorted(name for name in wanted if not is_bridge_setting(name))
        for name, value in (of_bridges | read_sysctls(plain, self.sources.netns)).items():
            key, ours = sysctl_key(name), name in borrowed
            seen = value if ours else before_others.get(name, value)
            needs = (ENGINE,) if name in of_bridges else ()
            self.live[key] = Live(
                key, Sysctl(name, wanted[name], seen), Owner(self.stack) if ours else None, None, needs
            )

    def _is_other(self, owner: Owner) -> bool:
        return owner != self.marked

    def _ours(self, view: View) -> frozenset[int]:
        """The indexes of the links that are the stack's own."""
        return frozenset(index for index, owner in view.owned.items() if owner.stack == self.stack)

    def _addresses(self, view: View) -> None:
        rows = chain.from_iterable(view.addresses().values())
        self.addresses(rows, view, self._ours(view), PrefixRoutes(view))

    def addresses(self, rows: Iterable[AddressRow], view: View, ours: Container[int], prefixes: PrefixRoutes) -> None:
        """The addresses *rows* of a namespace, in which *ours* are the stack's links."""
        desired = self.desired["address"]
        for row in rows:
            if row.link_local or row.peer:
                continue
            name = view.names.get(row.ifindex, "")
            key = address_key(name, row.address, view.netns)
            here = row.ifindex in ours
            marked = self.sources.is_marked(row)
            if key in desired or (marked and here):
                within = link_key(name, view.netns)
                attributes = decode_address(row, name, view.netns, prefix_route=prefixes.has(row))
                self._remember(key, here=here, original=row.protocol)
                owner = self._owners(here=here)[marked] if here else _other_stack(view, row.ifindex, marked=marked)
                self.live[key] = Live(key, attributes, owner, within)

    def _owners(self, *, here: bool) -> _Owners:
        """The owners of what is on a link of the stack's (*here*); of anything else it is nobody known."""
        return (self.unmarked, self.marked) if here else (None, None)

    def _remember(self, key: Key, *, here: bool, original: str | int) -> None:
        """What an object that is foreign (not *here*) bears in place of a mark."""
        if not here:
            self.sources.originals[key] = original

    def _routes(self, view: View) -> None:
        wanted = {key: want for key, want in self.desired["route"].items() if want.attributes[0] == view.netns}
        rows = list(dump_routes(view.socket, view.names, view.netns, protocol=PROTOCOL))
        claims = frozenset((row.route.destination, row.route.metric) for row in rows if row.route.table == self.claims)
        judge = self.judge(claims, self._ours(view), view)
        judge.others = {(row.route.destination, row.route.metric): row.route.table for row in rows if is_claim(row)}
        for row in rows:
            self.route(row, judge, wanted)
        missing = {cast("Route", want.attributes).table for key, want in wanted.items() if key not in self.live}
        for table in sorted(missing):
            for row in dump_routes(view.socket, view.names, view.netns, table=table):
                # Beside a route of ours there may be foreign ones of the same key, which are none of ours.
                if row.protocol != PROTOCOL and _key_of(row.route) not in self.live:
                    self.route(row, judge, wanted)

    def judge(self, claims: frozenset[tuple[str, int]], ours: Iterable[int], view: View) -> "_RouteJudge":
        """Who tells whose a route of a namespace is."""
        return _RouteJudge(self.claims, claims, self._owners(here=True), ours, view)

    def route(self, row: RouteRow, judge: "_RouteJudge", wanted: Mapping[Key, Desired]) -> None:
        """One route."""
        route, ifindex, protocol = row
        key = _key_of(route)
        within, needs = judge.links.get(ifindex), judge.claim_of(route, ifindex) if judge.claims else ()
        ours = within is not None or bool(needs) or route.table == self.claims
        marked = protocol == PROTOCOL
        if (ours and marked) or key in wanted:
            if not ours:
                self.sources.originals[key] = protocol
            owner = judge.owners[marked] if ours else self._other_stack(row, judge)
            self.live[key] = Live._make((key, route, owner, within, needs))

    def _tunnels(self, root: View, kind: str) -> "dict[int, _Tunnel]":
        """By index, the links whose neighbours or forwarding entries matter: VXLAN devices of the stack's."""
        named = {want.attributes[0] for want in self.desired[kind].values()}
        ours = self._ours(root)
        return {
            row.ifindex: self.tunnel(row.name, ours=row.ifindex in ours)
            for row in root.links.values()
            if row.name in named or (row.ifindex in ours and row.kind == "vxlan")
        }

    def tunnel(self, name: str, *, ours: bool) -> "_Tunnel":
        """A device whose neighbours or forwarding entries are looked at."""
        return _Tunnel(name, link_key(name), self._owners(here=ours))

    def _neighbours(self, root: View) -> None:
        tunnels = self._tunnels(root, "neighbour")
        self.neighbours(dump_neighbours(root.socket, tunnels), tunnels)

    def neighbours(self, rows: Iterable[NeighbourRow], tunnels: "Mapping[int, _Tunnel]") -> None:
        """The neighbours *rows*, all on one of *tunnels*."""
        desired = self.desired["neighbour"]
        for _, ifindex, state, _, _, packed, mac, protocol in rows:
            name, link, owners = tunnels[ifindex]
            marked, permanent = protocol == _PROTOCOL, state & NUD_PERMANENT != 0
            address = read_address(packed)
            key = neighbour_key(name, address)
            if (marked and owners[True]) or (key in desired and (permanent or marked)):
                entry = Neighbour._make((name, address, mac.hex(":"), permanent))
                self.live[key] = Live._make((key, entry, owners[marked], link, ()))

    def _fdb(self, root: View) -> None:
        tunnels = self._tunnels(root, "fdb")
        self.entries(dump_fdb(root.socket, tunnels), tunnels)

    def entries(self, rows: Iterable[NeighbourRow], tunnels: "Mapping[int, _Tunnel]") -> None:
        """The forwarding entries *rows*, all on one of *tunnels*."""
        desired = self.desired["fdb"]
        entries = [_read_entry(row, tunnels) for row in rows]
        shared = {entry.link for key, entry, _, _ in entries if entry.mac == FLOOD_MAC and key not in desired}
        for key, entry, (_, link, owners), flagged in entries:
            want = desired.get(key)
            if want is None and not (flagged and owners[True]):
                continue
            # The destinations of `FLOOD_MAC` have one mark in common, which a foreign one keeps them from having.
            marked = flagged or (entry.link in shared and entry.mac == FLOOD_MAC)
            # Of several destinations for one MAC the one that differs counts, so that it is seen and replaced.
            known = self.live.get(key)
            if known is None or (want is not None and known.attributes == want.attributes):
                self.live[key] = Live._make((key, entry, owners[marked], link, ()))

    def _rules(self, root: View) -> None:
        self.rules(dump_rules(root.socket))

    def rules(self, rows: Iterable[RuleRow]) -> None:
        """The rules *rows*."""
        for row in rows:
            key = rule_key(row.rule)
            ours = row.protocol == PROTOCOL and row.suppressed_group == self.claims
            if ours or (key in self.desired["rule"] and key not in self.live):
                self._remember(key, here=ours, original=row.protocol)
                self.live[key] = Live(key, row.rule, self.marked if ours else self._stack_of(row))

    def _stack_of(self, row: RuleRow) -> Owner | None:
        """The stack that a rule which is not this one's is of; None where none is known."""
        return Stacks(self.sources.root()).named(row.suppressed_group) if row.protocol == PROTOCOL else None

    def _other_stack(self, row: RouteRow, judge: "_RouteJudge") -> Owner | None:
        """As `_stack_of`, of a route."""
        if row.protocol != PROTOCOL:
            return None
        claim = judge.others.get((row.route.destination, claim_metric(row.route.table, row.route.metric)), 0)
        known = _other_stack(judge.view, row.ifindex, marked=True)
        return known or Stacks(self.sources.root()).named(claim)


class _Tunnel(NamedTuple):
    """A VXLAN device."""

    name: str
    key: Key
    owners: _Owners


def _read_entry(row: NeighbourRow, tunnels: Mapping[int, _Tunnel]) -> tuple[Key, FdbEntry, _Tunnel, bool]:
    """A forwarding entry by key, its device, and whether it is marked."""
    _, ifindex, state, flags, _, packed, mac, _ = row
    tunnel = tunnels[ifindex]
    text, destination = mac.hex(":"), read_address(packed)
    entry = FdbEntry._make((tunnel.name, text, destination, bool(state & NUD_PERMANENT)))
    return fdb_key(tunnel.name, text, destination), entry, tunnel, bool(flags & NTF_EXT_LEARNED)


class _RouteJudge:
    """Tells, within one namespace, whose a route is: by its interface, or by its claim."""

    def __init__(
        self, table: int, claims: frozenset[tuple[str, int]], owners: _Owners, ours: Iterable[int], view: View
    ) -> None:
        self._table = table
        self.view = view
        self.claims = claims
        """Destinations and metrics of the stack's claims."""
        self.others: Mapping[tuple[str, int], int] = {}
        """The claim tables that destinations and metrics of claims are in, whichever stack's."""
        self.owners = owners
        self.links = {ifindex: link_key(view.names[ifindex], view.netns) for ifindex in ours}
        """The stack's links, that a route may lead over."""

    def claim_of(self, route: Route, ifindex: int) -> tuple[Key, ...]:
        """The claim on a route, if there is one; a claim itself has none, nor what is on another stack's link."""
        metric = claim_metric(route.table, route.metric)
        is_anothers = ifindex in self.view.owned and ifindex not in self.links
        if route.table == self._table or is_anothers or (route.destination, metric) not in self.claims:
            return ()
        return (route_key(route.destination, self._table, metric),)


def _key_of(route: Route) -> Key:
    return route_key(route.destination, route.table, route.metric, route.netns)


def _other_stack(view: View, ifindex: int, *, marked: bool) -> Owner | None:
    """The stack that owns what is on a link which is not this one's; None where it bears no mark."""
    owner = view.owned.get(ifindex) if marked else None
    return None if owner is None else Owner(owner.stack)


def _namespaces(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"network namespace{'s'[: len(names) > 1]} {', '.join(names[:_FEW])}{more}"


def _far_netns(want: Desired) -> str:
    """The namespace that the far end of a veth pair is wanted in; empty for anything else."""
    return (want.attributes.peer or "").rpartition("/")[0] if isinstance(want.attributes, Veth) else ""


def owners(rows: Iterable[Row], unmarked: Owner, unfinished: int) -> dict[int, Owner]:
    """Whose the links are, by index: by their alias, or as *unmarked* where they have not been given one yet."""
    found: dict[int, Owner] = {}
    for row in rows:
        owner = unmarked if row.group == unfinished else row.owner
        if owner is not None:
            found[row.ifindex] = owner._replace(declaration=UNMARKED) if is_passing(row.group) else owner
    return found


def _whole_owner(owner: Owner | None, want: Desired, row: Row) -> Owner | None:
    """The owner with the whole declaration, of which the alias may have had room for a part only."""
    if owner is None or owner.declaration in {UNMARKED, want.origin.declaration}:
        return owner
    whole = Owner(owner.stack, want.origin.declaration)
    return whole if row.alias == link_alias(whole, row.name) else owner


def _only_declared_altnames(live: Link, want: Link) -> Link:
    """Names that others gave the link are left alone, so they do not count."""
    if want.altnames is None:
        return live
    return live._replace(altnames=tuple(name for name in want.altnames if name in (live.altnames or ())))
