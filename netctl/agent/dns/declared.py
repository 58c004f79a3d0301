"""What a declared stack has DNS answer with."""

from netctl.agent.dns.content import naming
from netctl.agent.dns.names import zones
from netctl.agent.dns.responder import Address, State
from netctl.agent.dns.wire import encode_name
from netctl.compiler.compile import examine
from netctl.compiler.places import Problems
from netctl.engine.facts import Facts
from netctl.stack.balancing_models import Dns
from netctl.stack.loader import LoadedStack


def state_of(loaded: LoadedStack, facts: Facts | None = None, host: str = "", serial: int = 1) -> State:
    """The stack's names, and whom to ask for others; its containers have names by *facts*. Raises DeclarationError."""
    problems = Problems(loaded)
    examined = examine(loaded.stack, loaded, problems, facts, host or None)
    problems.stop_on_errors()
    dns = loaded.stack.dns or Dns()
    topology, resolution = examined.topology, examined.resolution
    return State(
        zones(naming(topology, resolution.policies.endpoints if resolution is not None else {}), serial),
        tuple(map(parse_resolver, dns.upstream or ())),
        {encode_name(name): tuple(map(parse_resolver, asked)) for name, asked in dns.stubs.items()},
    )


def parse_resolver(text: str) -> Address:
    """``10.0.0.53:53`` or ``[fd00::53]:53``: address and port."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)
