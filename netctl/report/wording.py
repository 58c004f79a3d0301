"""Attributes and their changes in words: ``mtu: 1500 -> 1450``, ``veth to app/eth0, port of nc-backend``."""

from collections.abc import Callable
from typing import Any

from netctl.engine.change import Action, Change, Reason
from netctl.engine.resource import Attributes, Live, Owner
from netctl.kinds.address import Address
from netctl.kinds.consul import Check, External, KeyValue, Service, spelled_address
from netctl.kinds.consul_mesh import ConfigEntry, Intention, Query
from netctl.kinds.docker import Attachment, Pool, Reference
from netctl.kinds.docker import Network as DockerNetwork
from netctl.kinds.link import Bridge, Macvlan, OtherLink, Port, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FdbEntry, Neighbour
from netctl.kinds.nftables import ForeignRule, Table, differences
from netctl.kinds.route import NextHop, Route
from netctl.kinds.rule import Rule
from netctl.kinds.sysctl import Sysctl
from netctl.report.pools import pool_changes

LONGEST_VALUE = 60
"""Characters of a value that a line shows; a longer one is cut."""


def value_text(value: Any) -> str:
    """One attribute's value in words."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, NextHop):
        return _next_hop(value)
    if isinstance(value, Pool | Check):
        return str(value)
    if isinstance(value, tuple | list | frozenset):
        return _several(value)
    text = str(value)
    if "\n" in text:
        return f"{text.count(chr(10)) + 1} lines"
    return text or "none"


def field_changes(change: Change) -> list[str]:
    """What an update or a replacement changes, one phrase for each attribute."""
    if change.before is None or change.after is None:
        return []
    if inner := inner_changes(change):
        return [f"{len(inner)} {'line differs' if len(inner) == 1 else 'lines differ'}"]
    before, after = attribute_map(change.before), attribute_map(change.after)
    return [_field_change(name, change, before, after) for name in change.fields]


def summary(attributes: Attributes) -> str:
    """What a resource is, in a phrase; what its key says already is left out. Empty where there is none."""
    if not attributes:
        return ""
    describe = _SUMMARIES.get(type(attributes))
    return describe(attributes) if describe else _generic(attributes)


def type_name(attributes: Attributes) -> str:
    """``bridge``, ``veth``, ``route``: what kind of thing this is, in a word."""
    if isinstance(attributes, OtherLink):
        return attributes.type or "physical device"
    return _TYPE_NAMES.get(type(attributes), type(attributes).__name__.lower())


def attribute_map(attributes: Attributes) -> dict[str, Any]:
    """The attributes by name, in their order."""
    return dict(zip(_field_names(attributes), attributes, strict=True))


def declared_map(attributes: Attributes) -> dict[str, Any]:
    """The attributes that are managed, by name."""
    return {name: value for name, value in attribute_map(attributes).items() if value is not None}


def owner_text(owner: Owner | None) -> str:
    """Whose something is: ``shop/networks.frontend``, ``shop``, or ``foreign``."""
    if owner is None:
        return "foreign"
    return f"{owner.stack}/{owner.declaration}" if owner.declaration else owner.stack


def live_text(live: Live) -> str:
    """What a live resource is and whose: ``a bridge, foreign``."""
    name = type_name(live.attributes)
    article = "an" if name[:1] in "aeiou" else "a"
    return f"{article} {name}, {'foreign' if live.owner is None else 'of stack ' + live.owner.stack}"


def inner_changes(change: Change) -> list[str]:
    """What changes within a table of nftables, a line each; nothing for other kinds."""
    if not (isinstance(change.before, Table) and isinstance(change.after, Table)):
        return []
    return list(differences(change.before, change.after))


def reason_text(change: Change) -> str:
    """Why a change without differing attributes is in the plan."""
    if change.reason is Reason.CONTAINER and change.action is Action.UPDATE:
        return "made again with what it needs"
    return change.reason.value


def _field_names(attributes: Attributes) -> tuple[str, ...]:
    names: tuple[str, ...] = attributes._fields  # type: ignore[attr-defined]  # attributes are NamedTuples
    return names


def _field_change(name: str, change: Change, before: dict[str, Any], after: dict[str, Any]) -> str:
    if name == "type" and type(change.before) is not type(change.after):
        return f"type: {type_name(change.before or ())} -> {type_name(change.after or ())}"
    if name == "owner":
        return f"owner: {owner_text(change.owner_before)} -> {owner_text(change.owner)}"
    have, want = before.get(name), after.get(name)
    if isinstance(have, tuple | frozenset) and isinstance(want, tuple | frozenset):
        if all(isinstance(value, Pool) for value in (*have, *want)):
            return f"{name}: {pool_changes(tuple(have), tuple(want))}"
        if all(map(_is_pair, (*have, *want))):
            return f"{name}: {_cut(_entry_changes(dict(have), dict(want)))}"
        return f"{name}: {_membership(tuple(have), tuple(want))}"
    return f"{name}: {_cut(value_text(have))} -> {_cut(value_text(want))}"


def _entry_changes(have: dict[str, str], want: dict[str, str]) -> str:
    """What changes in a mapping: ``mtu 1500 -> 1400``. Of Docker's long names of options, the end says enough."""
    changed = sorted(key for key in have.keys() | want.keys() if have.get(key) != want.get(key))
    names = (key.rpartition(".")[2] if key.startswith("com.docker.network.") else key for key in changed)
    return ", ".join(
        f"{name} {value_text(have.get(key))} -> {value_text(want.get(key))}"
        for name, key in zip(names, changed, strict=True)
    )


def _is_pair(value: Any) -> bool:
    """Whether this is an entry of a mapping, which is shown as such: the options and labels of Docker networks."""
    return type(value) is tuple and len(value) == 2 and all(isinstance(part, str) for part in value)


def _membership(have: tuple[Any, ...], want: tuple[Any, ...]) -> str:
    """What joins and what leaves a collection, or both whole where they are short."""
    whole = f"{_several(have)} -> {_several(want)}"
    if len(whole) <= LONGEST_VALUE:
        return whole
    old, new = set(have), set(want)
    joins, leaves = len(new - old), len(old - new)
    return f"{joins} added, {leaves} removed" if joins or leaves else "in another order"


def _several(values: tuple[Any, ...] | list[Any] | frozenset[Any]) -> str:
    return ", ".join(f"{v[0]}={v[1]}" if _is_pair(v) else value_text(v) for v in values) or "none"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _next_hop(hop: NextHop) -> str:
    return _join(
        f"via {hop.gateway}" if hop.gateway else "",
        f"dev {hop.device}" if hop.device else "",
        f"weight {hop.weight}" if hop.weight != 1 else "",
        separator=" ",
    )


def _join(*parts: str, separator: str = ", ") -> str:
    return separator.join(part for part in parts if part)


def _link_rest(link: Bridge | Veth | VethPeer | Vxlan | Macvlan) -> str:
    return _join(f"mtu {link.mtu}" if link.mtu else "", "down" if link.up is False else "")


def _bridge(link: Bridge) -> str:
    return _join("bridge", _link_rest(link))


def _veth(link: Veth) -> str:
    return _join(
        f"veth to {link.peer}" if link.peer else "veth",
        f"port of {link.master}" if link.master else "",
        _link_rest(link),
    )


def _veth_peer(link: VethPeer) -> str:
    return _join("veth", _link_rest(link))


def _vxlan(link: Vxlan) -> str:
    over = _join(link.local or "", f"dev {link.underlay}" if link.underlay else "", separator=" ")
    return _join(
        f"vxlan {link.vni}" + (f" over {over}" if over else ""),
        f"port of {link.master}" if link.master else "",
        _link_rest(link),
    )


def _macvlan(link: Macvlan) -> str:
    return _join(f"macvlan on {link.parent}", f"mode {link.mode}" if link.mode else "", _link_rest(link))


def _other_link(link: OtherLink) -> str:
    return type_name(link)


def _port(port: Port) -> str:
    return f"port of {port.master}" if port.master else "port of nothing"


def _address(address: Address) -> str:
    return "" if address.permanent in {None, True} else "temporary"


def _route(route: Route) -> str:
    if route.type not in {None, "unicast"}:
        return str(route.type)
    if route.nexthops:
        return _cut(_several(route.nexthops))
    return _join(
        f"via {route.gateway}" if route.gateway else "",
        f"dev {route.device}" if route.device else "",
        "onlink" if route.onlink else "",
        f"src {route.source}" if route.source else "",
        f"mtu {route.mtu}" if route.mtu else "",
        separator=" ",
    )


def _rule(rule: Rule) -> str:
    return f"lookup {rule.table}" if rule.action == "lookup" else str(rule.action)


def _neighbour(neighbour: Neighbour) -> str:
    return f"at {neighbour.mac}"


def _fdb(entry: FdbEntry) -> str:
    return f"to {entry.destination}"


def _sysctl(sysctl: Sysctl) -> str:
    return f"= {sysctl.value}"


def _table(table: Table) -> str:
    rules = sum(len(chain.rules) for chain in table.chains)
    parts = ((len(table.chains), "chain"), (rules, "rule"), (len(table.sets), "set"))
    return _join(*(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in parts if count))


def _docker_network(network: DockerNetwork) -> str:
    return _join(
        network.driver or "network",
        "internal" if network.internal else "",
        ", ".join(pool.subnet for pool in network.pools or ()),
    )


def _reference(_reference: Reference) -> str:
    return "referred to"


def _attachment(attachment: Attachment) -> str:
    return _join(
        f"at {_several(attachment.addresses)}" if attachment.addresses else "",
        f"as {_several(attachment.aliases)}" if attachment.aliases else "",
    )


def _service(service: Service) -> str:
    checks = len(service.checks or ())
    return _join(
        f"{service.name} at {spelled_address(service.address or '', service.port or 0)}",
        f"tags {_several(service.tags)}" if service.tags else "",
        f"{checks} check{'' if checks == 1 else 's'}" if checks else "",
    )


def _external(external: External) -> str:
    return f"{external.service} at {spelled_address(external.address or '', external.port or 0)}"


def _key_value(pair: KeyValue) -> str:
    said = "" if pair.value is None else f"= {_cut(value_text(pair.value))}"
    return _join(said, f"flags {pair.flags}" if pair.flags else "")


def _config_entry(entry: ConfigEntry) -> str:
    return _cut(_join(*(f"{name} {value}" for name, value in entry.settings or ())))


def _query(query: Query) -> str:
    return _join(
        f"of {query.service}",
        f"tags {_several(query.tags)}" if query.tags else "",
        f"nearest {query.nearest}" if query.nearest else "",
        f"failover {_several(query.failover)}" if query.failover else "",
    )


def _intention(intention: Intention) -> str:
    return _join(str(intention.action), intention.description or "")


def _foreign_rule(entry: ForeignRule) -> str:
    return _cut(str(entry.rule))


def _generic(attributes: Attributes) -> str:
    """A kind that a third party brought: its managed attributes."""
    return _cut(
        _join(*(f"{name} {value_text(value)}" for name, value in declared_map(attributes).items() if value != ""))
    )


_SUMMARIES: dict[type, Callable[[Any], str]] = {
    Bridge: _bridge,
    Veth: _veth,
    VethPeer: _veth_peer,
    Vxlan: _vxlan,
    Macvlan: _macvlan,
    OtherLink: _other_link,
    Port: _port,
    Address: _address,
    Route: _route,
    Rule: _rule,
    Neighbour: _neighbour,
    FdbEntry: _fdb,
    Sysctl: _sysctl,
    Table: _table,
    ForeignRule: _foreign_rule,
    DockerNetwork: _docker_network,
    Reference: _reference,
    Attachment: _attachment,
    Service: _service,
    External: _external,
    KeyValue: _key_value,
    ConfigEntry: _config_entry,
    Query: _query,
    Intention: _intention,
}

_TYPE_NAMES: dict[type, str] = {
    VethPeer: "veth",
    FdbEntry: "fdb entry",
    Sysctl: "kernel parameter",
    Port: "bridge port",
    ForeignRule: "rule",
    DockerNetwork: "Docker network",
    Reference: "Docker network",
    External: "external service",
    KeyValue: "key",
    ConfigEntry: "config entry",
    Query: "prepared query",
}
