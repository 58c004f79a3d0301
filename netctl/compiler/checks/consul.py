"""What Consul is told of services: what it would refuse, or take for something else."""

import re

from netctl.compiler.consul.registration import first_port, registered
from netctl.compiler.places import Path, Problems
from netctl.compiler.policies.services import members
from netctl.compiler.topology import Topology
from netctl.kinds.consul import LONGEST_META, LONGEST_META_KEY, MOST_META, OWN_META
from netctl.stack.consul_models import Check
from netctl.stack.durations import milliseconds
from netctl.stack.policy_models import Service

_META_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_RESERVED = ("consul-", OWN_META)
_SPARE = 12
"""Pairs of metadata that are netctl's: the mark, and the definitions of checks."""
_LEAST_CRITICAL = 60_000
_MOST_CHECKS = 16


def check_consul(topology: Topology, problems: Problems) -> None:
    """Metadata beyond Consul's limits, checks that cannot work, endpoints whose host is not known."""
    for name, service in registered(topology.stack).items():
        path: Path = ("services", name)
        _metadata(service, path, problems)
        _checks(service, path, problems)
        _hosts(topology, service, path, problems)


def _metadata(service: Service, path: Path, problems: Problems) -> None:
    if len(service.meta) > MOST_META - _SPARE:
        problems.error(
            "NC276",
            (*path, "meta"),
            f"{len(service.meta)} pairs of metadata are more than {MOST_META - _SPARE}: Consul takes {MOST_META}, of "
            f"which netctl needs up to {_SPARE}",
            "Remove some, or put them into one value.",
        )
    for key, value in service.meta.items():
        for message, advice in _pair(key, value):
            problems.error("NC276", (*path, "meta", key), message, advice)


def _pair(key: str, value: str) -> list[tuple[str, str]]:
    found = []
    if not _META_KEY.match(key) or len(key) > LONGEST_META_KEY:
        found.append(
            (
                f"'{key[:40]}' cannot be a key of metadata: it has {LONGEST_META_KEY} letters, digits, '-' and '_' at most",
                "Rename it.",
            )
        )
    elif key.startswith(_RESERVED):
        found.append(
            (
                f"'{key}' cannot be a key of metadata: what begins with 'consul-' or '{OWN_META}' is not yours to set",
                "Rename it.",
            )
        )
    if len(value.encode()) > LONGEST_META:
        found.append(
            (
                f"the value of '{key[:40]}' has {len(value.encode())} bytes, and Consul takes {LONGEST_META}",
                "Shorten it, or put it under 'kv:'.",
            )
        )
    return found


def _checks(service: Service, path: Path, problems: Problems) -> None:
    if len(service.checks) > _MOST_CHECKS:
        problems.error(
            "NC277", (*path, "checks"), f"a service has {_MOST_CHECKS} checks at most", "Check fewer things."
        )
    for index, check in enumerate(service.checks):
        for key, message, advice in _mistakes(service, check):
            problems.error("NC277", (*path, "checks", index, key), message, advice)


def _mistakes(service: Service, check: Check) -> list[tuple[str, str, str]]:
    found = []
    value = getattr(check, check.kind)
    own = isinstance(value, str) and (value == "true" or (check.kind == "http" and value.startswith("/")))
    if own and not first_port(service):
        found.append((check.kind, "the service has no port", "Give it a 'port:'."))
    if check.deregister_after and milliseconds(check.deregister_after) < _LEAST_CRITICAL:
        found.append(
            (
                "deregister_after",
                f"'{check.deregister_after}' is less than the 1m that Consul waits at least",
                "Write 1m.",
            )
        )
    if check.docker is not None and not check.args:
        found.append(("docker", "a check in a container needs 'args': what is run there", "Add 'args:'."))
    if check.interval and check.kind in {"ttl", "alias"}:
        found.append(("interval", f"a check by '{check.kind}' has no interval", "Remove 'interval:'."))
    if (check.headers or check.body or check.method) and check.kind != "http":
        found.append((check.kind, "'method', 'headers' and 'body' are of checks by 'http'", "Remove them."))
    return found


def _hosts(topology: Topology, service: Service, path: Path, problems: Problems) -> None:
    """An instance is on its own host's agent, so that the host must be known."""
    if not topology.stack.hosts:
        return
    nets = {net.name: net for net in topology.nets}
    net = nets.get(service.network or "")
    for index, entry in enumerate(members(service)):
        if entry.host is None and net is None and not _is_somewhere(topology, entry.address):
            problems.error(
                "NC278",
                (*path, "endpoints", index),
                f"nothing tells which host {entry.address} is on, and so which agent it is to be registered on",
                "Say it: {address: …, host: …}; or 'register: false' on the service.",
            )


def _is_somewhere(topology: Topology, address: str) -> bool:
    """Whether the address is a host's, or in a network of the stack's."""
    from netctl.compiler.prefixes import parse_address

    if any(host.address == address for host in topology.stack.hosts.values()):
        return True
    family, value = parse_address(address)
    return any(pool.prefix.holds(family, value) for net in topology.nets for pool in net.pools)
