"""What a declared stack has DNS answer with."""

from collections.abc import Mapping

from netctl.agent.dns.content import naming
from netctl.agent.dns.names import zones
from netctl.agent.dns.responder import Address, State
from netctl.agent.dns.wire import encode_name
from netctl.compiler.compile import examine
from netctl.compiler.places import Problems
from netctl.compiler.resting import Resting, Roster
from netctl.compiler.topology import Topology
from netctl.engine.facts import Facts
from netctl.policy.model import Endpoint
from netctl.stack.balancing_models import Dns
from netctl.stack.loader import LoadedStack


def state_of(loaded: LoadedStack, facts: Facts | None = None, host: str = "", serial: int = 1) -> State:
    """The stack's names, and whom to ask for others, by the *facts* of *host*: its containers, and who is unwell.

    Raises DeclarationError.
    """
    problems = Problems(loaded)
    topology, resolution = examine(loaded.stack, loaded, problems, facts, host or None)
    problems.stop_on_errors()
    endpoints = resolution.policies.endpoints if resolution is not None else {}
    unwell = Roster(topology, endpoints, topology.stack.services).resting(facts, host)
    return state_from(topology, endpoints, unwell, serial)


def state_from(topology: Topology, endpoints: Mapping[str, Endpoint], unwell: Resting, serial: int) -> State:
    """The same of a stack that has been checked."""
    dns = topology.stack.dns or Dns()
    return State(
        zones(naming(topology, endpoints, unwell), serial),
        tuple(map(parse_resolver, dns.upstream or ())),
        {encode_name(name): tuple(map(parse_resolver, asked)) for name, asked in dns.stubs.items()},
    )


def parse_resolver(text: str) -> Address:
    """``10.0.0.53:53`` or ``[fd00::53]:53``: address and port."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)
