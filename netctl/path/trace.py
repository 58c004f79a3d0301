"""A connection, traced on the declaration alone: what decides about it, and the way that its packets take."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

from netctl.compiler import Places
from netctl.compiler.balancing.frontends import services_by_address
from netctl.compiler.balancing.fronts import Behind, Fronts
from netctl.compiler.compile import Examined, compile_host, examine
from netctl.compiler.hosts import ALONE
from netctl.compiler.places import Problems
from netctl.compiler.policies import Resolution, resolve_policies
from netctl.compiler.policies.endpoints import ADDRESS, HOST
from netctl.compiler.prefixes import format_address
from netctl.compiler.resting import Resting, Roster, Subject
from netctl.compiler.topology import Role
from netctl.engine.facts import Facts
from netctl.engine.resource import Desired, Key
from netctl.errors import UsageError
from netctl.kinds.link import Macvlan
from netctl.path.docker_legs import leg_bridge, leg_resources
from netctl.path.ends import Names, families
from netctl.path.machine import Machines
from netctl.path.remarks import remarks_on
from netctl.path.steps import Arrival, At, Delivered, Entered, Masqueraded, Packet, Path, Position
from netctl.path.walk import Start, walk
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Connection, Endpoint, Policy
from netctl.policy.outcomes import Consulted, consulted, not_consulted
from netctl.policy.verdicts import Decision, Side, Verdict
from netctl.stack.models import Stack

Known = Callable[[], tuple[Facts, str]]
"""What is known of a host, and which one it is."""


class Judged(NamedTuple):
    """One side of a decision, rule by rule."""

    side: Side
    consulted: tuple[Consulted, ...]
    not_consulted: tuple[Policy, ...]
    """Those that would have been next."""


class Trace(NamedTuple):
    """One connection, traced."""

    source: str
    """The endpoint's name, or an address that is no endpoint's."""
    destination: str
    decision: Decision
    sides: tuple[Judged, ...]
    """Egress, then ingress; none where the connection does not get as far as a policy."""
    path: Path | None
    """None where the two have no addresses of one family."""
    answer: Path | None
    """The way of an answer, as far as what masqueraded the packet, or else to its source; None where the packet is not
    delivered, or where the declaration does not tell what it is masqueraded as."""
    known: bool
    """Whether the destination is of the stack."""
    remarks: tuple[str, ...]

    @property
    def connects(self) -> bool:
        """Whether it is allowed, delivered and answered, or leaves for a destination that is not of the stack."""
        if self.decision.verdict is Verdict.DENY or self.path is None:
            return False
        if self.path.arrival is Arrival.LEFT:
            return not self.known
        return self.path.arrival is Arrival.DELIVERED and self.is_answered

    @property
    def is_answered(self) -> bool:
        """Whether answers return, as far as is known: to the source, what masqueraded it, or where it came in."""
        if self.path is None or self.answer is None:
            return True
        first, last = self.path.steps[0], self.answer.steps[-1]
        if isinstance(first, Entered) and self.answer.arrival is Arrival.LEFT:
            return True
        hidden_by = [step.at for step in self.path.steps if isinstance(step, Masqueraded)]
        return isinstance(last, Delivered) and last.at == (hidden_by or [first.at])[-1]


class Tracer:
    """Traces connections within one stack. What it works out of policies and hosts, it works out once."""

    def __init__(self, stack: Stack, places: Places) -> None:
        """Raises DeclarationError where something is wrong with the stack, but for expectations that do not hold."""
        problems = Problems(places)
        examined = examine(stack, places, problems, prove=False)
        problems.stop_on_errors()
        self._stack = stack
        self._places = places
        self._topology = examined.topology
        self._resolution = examined.resolution or resolve_policies(examined.topology, places)
        self._evaluator = Evaluator(self._resolution.policies)
        self._fronts = Fronts(self._topology, self.endpoints)
        self._names = Names(stack, self._resolution, services_by_address(self._topology, self.endpoints))

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """All that can be traced from and to, by name."""
        return self._resolution.policies.endpoints

    def trace(
        self, source: str, destination: str, port: str, family: int | None = None, known: Known | None = None
    ) -> list[Trace]:
        """The connections that are meant: from each endpoint that *source* means to each that *destination* does.

        Without *family*, over IPv4 where both ends have it. Where *destination* is a virtual address, what is *known*
        of the host tells whom it leaves out. A port that a host has published means the endpoints that get its
        connections. Raises UsageError.
        """
        sources, destinations = self._names.find(source), self._names.find(destination)
        family = family or self._names.family(destination)
        if len(destinations) == 1 and (behind := self._published(destinations[0], port, family)):
            inner = f"{behind.service.port}/{behind.service.protocol}"
            note = f"{destination} has published {port}: connections to it go to port {inner} of this endpoint."
            found = self._traces(sources, sorted(behind.names), inner, behind.service.family)
            return [trace._replace(remarks=(*trace.remarks, note)) for trace in found]
        found = self._traces(sources, destinations, port, family)
        service = self._names.service_at(destination)
        if service is None or known is None:
            return found
        left_out = Roster(self._topology, self.endpoints, [service]).resting(*known())
        return [self._remarked(trace, service, destination, left_out) for trace in found]

    def _traces(self, sources: list[str], destinations: list[str], port: str, family: int | None) -> list[Trace]:
        """From each to each; from one to itself where there is no other."""
        pairs = [(one, other) for one in sources for other in destinations if one != other]
        return [self._trace(*pair, port, family) for pair in pairs or [(sources[0], destinations[0])]]

    def _published(self, destination: str, port: str, family: int | None) -> Behind | None:
        """Who gets the connections to a port that a host has published; None where it has not."""
        host = self._evaluator.end(destination, family or 4).endpoint
        if host is None or host.kind != HOST:
            return None
        found = self._fronts.behind_host(host.name, self._names.port(port, host.name))
        return next((one for one in found if one.names and family in {None, one.service.family}), None)

    def _remarked(self, trace: Trace, service: str, address: str, left_out: Resting) -> Trace:
        """The trace, and why its destination gets no connections by the virtual address."""
        end = self.endpoints.get(trace.destination)
        reasons = {left_out.get(Subject(service, own)) for own in (end.addresses if end else ())} - {None}
        notes = (f"{address} leaves this endpoint out: {reason}." for reason in reasons)
        return trace._replace(remarks=(*trace.remarks, *notes))

    def _trace(self, source: str, destination: str, port: str, family: int | None) -> Trace:
        chosen = family or _common_family(self._resolution, source, destination)
        meant = self._names.port(port, self._evaluator.end(destination, chosen).name or destination)
        connection = Connection(source, destination, meant.protocol, meant.first, None, chosen)
        decision = self._evaluator.decide(connection)
        sides = tuple(self._judged(decision, side) for side in (decision.egress, decision.ingress) if side)
        path = self._path(connection)
        answer = self._answer(path) if path else None
        ends = self._evaluator.ends(connection)
        return Trace(
            ends.source.text, ends.destination.text, decision, sides, path, answer, bool(ends.destination.endpoint),
            remarks_on(self._topology, ends, path, answer),
        )  # fmt: skip

    def _judged(self, decision: Decision, side: Side) -> Judged:
        return Judged(
            side,
            consulted(self._evaluator, decision, side),
            not_consulted(self._evaluator, side),
        )

    def _path(self, connection: Connection) -> Path | None:
        source, destination, seen = self._evaluator.ends(connection)
        if source.address is None or destination.address is None:
            return None
        sender = source if source.endpoint and source.endpoint.kind != HOST else seen
        packet = Packet(
            connection.family,
            format_address(connection.family, sender.address or source.address),
            format_address(connection.family, destination.address),
        )
        return walk(self._machines, self._start(source.endpoint, destination.endpoint, packet), packet)

    def _answer(self, path: Path) -> Path | None:
        """The path of an answer to what has been delivered."""
        last, seen = path.steps[-1], path.received
        if not isinstance(last, Delivered) or not seen.source:
            return None
        answer = Packet(seen.family, seen.destination, seen.source)
        if not self._machines[last.at.host].namespace(last.at.netns).holder(last.address):
            # On a bridge, not at the host's end of it.
            return walk(self._machines, Start(Position(last.at, last.interface), outside=True, answer=True), answer)
        return walk(self._machines, Start(Position(last.at), answer=True), answer)

    def _start(self, source: Endpoint | None, destination: Endpoint | None, packet: Packet) -> Start:
        if source is not None and source.kind == HOST:
            return Start(Position(At(source.host)))
        if source is not None and (bridge := leg_bridge(self._topology, source)):
            return Start(Position(At(source.host), bridge), outside=True)
        if source is not None and source.kind != ADDRESS:
            return Start(Position(At(source.host, source.netns)))
        if source is not None and source.network and (source.host or not self._stack.hosts):
            return self._on_segment(source, destination, packet)
        alone = self._machines[ALONE] if not self._stack.hosts else None
        if alone is not None and alone.namespace("").holder(packet.source):
            return Start(Position(At(ALONE)))
        return self._from_outside(destination, packet.destination)

    def _on_segment(self, source: Endpoint, destination: Endpoint | None, packet: Packet) -> Start:
        """Someone on a network of the stack whom the stack does not attach."""
        net = next(net for net in self._topology.nets if net.name == source.network)
        if net.role is Role.MACVLAN:
            return self._from_outside(destination, packet.destination)
        return Start(Position(At(source.host), net.interface.name), outside=True)

    def _from_outside(self, destination: Endpoint | None, text: str) -> Start:
        """Someone who comes to the destination's host, or, to a macvlan, over its parent's segment."""
        if destination is None and self._stack.hosts:
            raise UsageError(f"neither end is of the stack: nothing is known of the way to {text}", "Name an endpoint.")
        host = destination.host if destination else ALONE
        machine = self._machines[host]
        netns = destination.netns if destination else ""
        interface = machine.namespace(netns).holder(text) or ""
        if isinstance(machine.links.get((netns, interface)), Macvlan):
            return Start(Position(At(host, netns), interface), outside=True)
        return Start(Position(At(host), machine.uplink), outside=True)

    @cached_property
    def _machines(self) -> Machines:
        holders: dict[str, set[str]] = {}
        for end in self.endpoints.values():
            for address in end.addresses:
                holders.setdefault(address, set()).add(end.host)
        frozen = {text: frozenset(names) for text, names in holders.items()}
        guests = frozenset(
            (end.host, address)
            for end in self.endpoints.values()
            if end.kind == ADDRESS or leg_bridge(self._topology, end)
            for address in end.addresses
        )
        return Machines(self._stack.hosts, self._compile, frozen, guests)

    def _compile(self, host: str) -> Mapping[Key, Desired]:
        # Without policies: the evaluator has judged, and their chains are not walked.
        examined = Examined(self._topology, None)
        compiled = compile_host(examined, host or None, None, self._places, Problems(self._places)).resources
        return {**compiled, **{want.key: want for want in leg_resources(self._topology, self._places, host)}}


def _common_family(resolution: Resolution, source: str, destination: str) -> int:
    """IPv4 where both ends have it, else IPv6 where both have that; of an address, its own."""
    common = families(resolution, source) & families(resolution, destination)
    return min(common, default=min(families(resolution, destination), default=4))
