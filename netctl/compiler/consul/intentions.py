"""Intentions: who may connect to whom in Consul's mesh, as it is declared, or as the policies say.

Consul asks for the identity of a service, where policies ask for addresses. From policies follows therefore what holds
for all endpoints of two services alike: who is in the stack by name, and anybody else by what an address that is no
endpoint's would meet. What holds for some of the endpoints only is denied, with a warning.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from netctl.compiler.consul.registration import Registration, registrations
from netctl.compiler.site import Site
from netctl.engine.resource import Desired, Origin
from netctl.kinds.consul_entries import canonical, written
from netctl.kinds.consul_mesh import ConfigEntry, Intention, config_key, intention_key
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Connection, Direction, Endpoint, PolicySet, Protocol
from netctl.policy.ranges import family_of
from netctl.policy.verdicts import Verdict
from netctl.stack.policy_models import AttachmentSelector

_ANYBODY = "*"
_ENTRIES_SINCE = (1, 9)
"""From which version of Consul on they are config entries."""
_STRANGERS = {4: ("198.51.100.254", "203.0.113.254"), 6: ("2001:db8::ffff", "2001:db8:ffff::ffff")}
"""Addresses for documentation (RFC 5737, RFC 3849), for those of nobody."""
_ALLOW, _DENY = "allow", "deny"


class _Intended(NamedTuple):
    """What is to hold for a destination, by its name in Consul."""

    destination: str
    sources: tuple[Intention, ...]
    origin: Origin


def compile_intentions(site: Site, policies: PolicySet | None) -> Iterator[Desired]:
    """The intentions, in the form that the agent's version has for them."""
    found = list(_intended(site, policies))
    if not found:
        return
    agent = site.consul
    are_entries = agent is None or not agent.version or agent.version >= _ENTRIES_SINCE
    for intended in found:
        yield from _entry(intended) if are_entries else _single(intended)


def _single(intended: _Intended) -> Iterator[Desired]:
    for one in intended.sources:
        yield Desired(intention_key(one.source, one.destination), one, intended.origin)


def _entry(intended: _Intended) -> Iterator[Desired]:
    kind = "service-intentions"
    sources = [{"Name": one.source, "Action": one.action, "Description": one.description} for one in intended.sources]
    entry = ConfigEntry(kind, intended.destination, written(canonical(kind, {"Sources": sources})))
    yield Desired(config_key(kind, intended.destination), entry, intended.origin)


def _intended(site: Site, policies: PolicySet | None) -> Iterator[_Intended]:
    stack = site.topology.stack
    derived = _Derived(site, policies) if policies is not None and stack.policies else None
    for name, service in sorted(stack.services.items()):
        wanted = service.intentions
        if wanted is None:
            wanted = stack.consul is not None and stack.consul.intentions and service.external is None
        if not wanted:
            continue
        is_own = service.intentions is not None
        origin = site.origin(("services", name, "intentions") if is_own else ("consul", "intentions"))
        for registration in registrations(name, service):
            if isinstance(wanted, list):
                sources = tuple(
                    Intention(entry.from_, registration.name, entry.action, entry.description or "") for entry in wanted
                )
            else:
                sources = tuple(derived.sources(name, registration)) if derived is not None else ()
            if sources:
                yield _Intended(registration.name, sources, origin)


class _Derived:
    """What the policies say of services."""

    def __init__(self, site: Site, policies: PolicySet) -> None:
        self._site = site
        self._services = site.topology.stack.services
        self._evaluator = Evaluator(policies)
        self._ends: dict[str, list[Endpoint]] = {name: [] for name in self._services}
        for end in policies.endpoints.values():
            for name in end.services:
                self._ends[name].append(end)
        self._unknown: set[str] = set()

    def sources(self, name: str, registration: Registration) -> Iterator[Intention]:
        """Who may connect to a port of a service, and who not; nothing where no policy has a say."""
        ends = self._ends[name]
        if not self._is_known(name) or not ends or not registration.ranges:
            return
        usual = Verdict.ALLOW
        if any(self._is_governed(end) for end in ends):
            usual = self._of_strangers(ends, registration)
            yield _intention(_ANYBODY, registration, usual)
        for source in sorted(self._services):
            if source == name or not self._is_known(source) or not self._ends[source]:
                continue
            verdict = self._between(source, name, registration)
            if verdict is not usual:
                yield _intention(source, registration, verdict)

    def _is_known(self, name: str) -> bool:
        """Whether the endpoints are the same whatever runs, and wherever it is asked; a warning where they are not."""
        endpoints = self._services[name].endpoints
        if not isinstance(endpoints, AttachmentSelector) or endpoints.containers is None:
            return True
        if name not in self._unknown:
            self._unknown.add(name)
            self._site.problems.warn(
                "NC354",
                ("services", name, "endpoints"),
                f"no intentions are derived for '{name}': which containers it has differs from host to host",
                "Declare intentions where it is the source or the destination: intentions: [{from: …}].",
            )
        return False

    def _is_governed(self, end: Endpoint) -> bool:
        tiers = self._evaluator.governing(end.name, Direction.INGRESS)
        return any(self._evaluator.in_force(policy) for tier in tiers for policy, _ in tier)

    def _of_strangers(self, ends: Iterable[Endpoint], registration: Registration) -> Verdict:
        found = {
            verdict
            for end in ends
            for family in sorted(map(family_of, end.addresses))
            for stranger in _STRANGERS[family]
            for verdict in self._verdicts(stranger, end, registration, family)
        }
        return Verdict.ALLOW if found == {Verdict.ALLOW} else Verdict.DENY

    def _between(self, source: str, destination: str, registration: Registration) -> Verdict:
        """What holds for every endpoint of the one with every endpoint of the other."""
        found: set[Verdict] = set()
        for one, other in product(self._ends[source], self._ends[destination]):
            for family in {*map(family_of, one.addresses)} & {*map(family_of, other.addresses)}:
                found.update(self._verdicts(one.name, other, registration, family))
        if len(found) > 1:
            self._site.problems.warn(
                "NC354",
                ("services", destination),
                f"some endpoints of '{source}' may connect to some of '{registration.name}', and others not; "
                "in Consul's mesh none may",
                "Give the policies services to select, or declare the service's 'intentions'.",
            )
        return Verdict.ALLOW if found == {Verdict.ALLOW} else Verdict.DENY

    def _verdicts(self, source: str, end: Endpoint, registration: Registration, family: int) -> Iterator[Verdict]:
        for ports in registration.ranges:
            for port in {ports.first, ports.last}:
                yield self._evaluator.decide(
                    Connection(source, end.name, Protocol(ports.protocol), port, family=family)
                ).verdict


def _intention(source: str, registration: Registration, verdict: Verdict) -> Intention:
    return Intention(source, registration.name, _ALLOW if verdict is Verdict.ALLOW else _DENY, "from netctl's policies")
