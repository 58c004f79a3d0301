"""The meaning of policies, once more and as plainly as it can be said: no index, no cache, one connection at a time."""

from ipaddress import ip_address, ip_network

from netctl.policy.model import Connection, Endpoint, PolicySet, PortRange, Rule


def allows(policies: PolicySet, connection: Connection) -> bool:
    """Whether a connection between two endpoints is allowed."""
    source, destination = policies.endpoints[connection.source], policies.endpoints[connection.destination]
    if source is destination or (source.netns and (source.netns, source.host) == (destination.netns, destination.host)):
        return True
    if not _address(source, connection.family) or not _address(destination, connection.family):
        return False
    if not _admits(policies, "egress", source, destination, destination, connection):
        return False
    return _admits(
        policies, "ingress", destination, _seen(policies, source, destination, connection), destination, connection
    )


def _address(endpoint: Endpoint, family: int) -> str:
    return next((text for text in endpoint.addresses if ip_address(text).version == family), "")


def _seen(policies: PolicySet, source: Endpoint, destination: Endpoint, connection: Connection) -> Endpoint:
    """Whom the destination takes for the source."""
    host = policies.endpoints.get(f"host/{source.host}")
    if not source.masqueraded or not destination.host or destination.host == source.host:
        return source
    if host is None:
        return source
    own = ip_address(_address(destination, connection.family))
    near = any(own in ip_network(prefix) for prefix in policies.inside.get(source.host, ()))
    overlay = any(own in ip_network(prefix) for prefix in policies.overlays.get(source.host, ()))
    return source if near and (source.spans_hosts or not overlay) else host


def _sender(policies: PolicySet, endpoint: Endpoint, destination: Endpoint, family: int) -> str:
    """The address that an endpoint sends from: a host, that of the narrowest prefix that the other end is in.

    Empty where it is not known.
    """
    other = ip_address(_address(destination, family))
    if endpoint.kind == "host":
        known = policies.sources.get(endpoint.host, ())
        for prefix, address in known:
            if other in ip_network(prefix):
                return address
        if known:
            return ""
    return _address(endpoint, family)


def _admits(
    policies: PolicySet,
    direction: str,
    local: Endpoint,
    remote: Endpoint,
    destination: Endpoint,
    connection: Connection,
) -> bool:
    governing = [
        policy
        for policy in policies.policies
        if local.name in policy.selected and getattr(policy, direction) is not None and not policy.staged
    ]
    if not governing:
        return True
    if local.kind == "host" and any(_port(part, connection) for part in getattr(policies.failsafe, direction)):
        return True
    address = _address(remote, connection.family)
    if remote is not destination:
        address = _sender(policies, remote, destination, connection.family)
    for tier in policies.tiers:
        rules = [getattr(policy, direction) for policy in governing if policy.tier == tier]
        outcome = _tier(rules, remote.name if address else "", address, destination, connection)
        if outcome in {"allow", "deny"}:
            return outcome == "allow"
    return True


def _tier(
    tier: list[tuple[Rule, ...]], remote: str, address: str, destination: Endpoint, connection: Connection
) -> str:
    """``allow``, ``deny``, or ``pass`` to the next one."""
    if not tier:
        return "pass"
    for rule in (rule for rules in tier for rule in rules):
        if rule.action != "log" and _peer(rule, remote, address) and _service(rule, destination, connection):
            return str(rule.action)
    return "deny"


def _peer(rule: Rule, remote: str, address: str) -> bool:
    if rule.peers is None or remote in rule.peers.endpoints:
        return True
    if not address:
        return False  # no prefix here is of what is outside
    return any(ip_address(address) in ip_network(prefix) for prefix in rule.peers.prefixes)


def _service(rule: Rule, destination: Endpoint, connection: Connection) -> bool:
    if rule.ports is None:
        return True
    named = dict(rule.named_ports).get(destination.name, ())
    if any(_port(part, connection) for part in (*rule.ports, *named)):
        return True
    if connection.protocol != "icmp":
        return False
    kind, code = connection.icmp or (8 if connection.family == 4 else 128, 0)
    return any(match.type == kind and (match.code is None or match.code == (code or 0)) for match in rule.icmp)


def _port(part: PortRange, connection: Connection) -> bool:
    if part.protocol != connection.protocol:
        return False
    return part.first == 0 or part.first <= connection.port <= part.last
