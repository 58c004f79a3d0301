"""What Consul is told of services: what it would refuse, or take for something else."""

import re
from collections.abc import Iterator

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
_WITHOUT_INTERVAL = frozenset({"ttl", "alias"})
_OF_EXTERNALS = frozenset({"http", "tcp"})
_ONLY_OF = {
    **dict.fromkeys(("method", "headers", "body"), frozenset({"http"})),
    **dict.fromkeys(("args", "shell"), frozenset({"docker"})),
    "tls": frozenset({"grpc", "h2ping"}),
    **dict.fromkeys(("tls_skip_verify", "tls_server_name"), frozenset({"http", "grpc", "h2ping"})),
}


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


def _pair(key: str, value: str) -> Iterator[tuple[str, str]]:
    if not _META_KEY.match(key) or len(key) > LONGEST_META_KEY:
        limits = f"{LONGEST_META_KEY} letters, digits, '-' and '_'"
        yield f"'{key[:40]}' cannot be a key of metadata, which has {limits} at most", "Rename it."
    elif key.startswith(_RESERVED):
        reserved = f"what begins with 'consul-' or '{OWN_META}' is not yours to set"
        yield f"'{key}' cannot be a key of metadata: {reserved}", "Rename it."
    if len(value.encode()) > LONGEST_META:
        yield (
            f"the value of '{key[:40]}' has {len(value.encode())} bytes, and Consul takes {LONGEST_META}",
            "Shorten it, or put it under 'kv:'.",
        )


def _checks(service: Service, path: Path, problems: Problems) -> None:
    if len(service.checks) > _MOST_CHECKS:
        problems.error(
            "NC277", (*path, "checks"), f"a service has {_MOST_CHECKS} checks at most", "Check fewer things."
        )
    for index, check in enumerate(service.checks):
        for key, message, advice in _mistakes(service, check):
            problems.error("NC277", (*path, "checks", index, key), message, advice)


def _mistakes(service: Service, check: Check) -> Iterator[tuple[str, str, str]]:
    """The key at fault, what is wrong, and what to do."""
    if service.external is not None and check.kind not in _OF_EXTERNALS:
        message = f"nobody would run a check by '{check.kind}' of an external service: consul-esm has 'http' and 'tcp'"
        yield check.kind, message, "Use 'http' or 'tcp'."
    if _needs_port(check) and not first_port(service):
        yield check.kind, "the service has no port to be checked", "Give the service a 'port:'."
    if check.deregister_after and milliseconds(check.deregister_after) < _LEAST_CRITICAL:
        message = f"'{check.deregister_after}' is less than the 1m that Consul waits at least"
        yield "deregister_after", message, "Write 1m."
    if check.docker is not None and not check.args:
        yield "docker", "a check in a container needs 'args': what is run there", "Add 'args:'."
    if check.interval and check.kind in _WITHOUT_INTERVAL:
        yield "interval", f"a check by '{check.kind}' has no interval", "Remove 'interval:'."
    for key, kinds in _ONLY_OF.items():
        if getattr(check, key) is not None and check.kind not in kinds:
            yield key, f"'{key}' means nothing to a check by '{check.kind}'", f"Remove '{key}:'."


def _needs_port(check: Check) -> bool:
    value = getattr(check, check.kind)
    return value == "true" or (check.kind == "http" and str(value).startswith("/"))


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
