"""A twin as a whole: put up, found again, taken down.

Whoever calls these holds the stack's directory (`netctl.twin.holding`), and no other thread is in this process.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from netctl.compiler.policies.endpoints import ADDRESS
from netctl.errors import Diagnostic
from netctl.policy.model import Endpoint, PolicySet, Protocol
from netctl.stack.loader import LoadedStack
from netctl.twin import background
from netctl.twin.blueprint import Blueprint, draw
from netctl.twin.deployment import Deployed, deploy
from netctl.twin.examination import Examination
from netctl.twin.occupants import end_occupants
from netctl.twin.responders import Responder
from netctl.twin.spaces import LONE, WIRE, Settings, identities, make_spaces, remove_spaces, space, spaces_of
from netctl.twin.trials import Stand, StandOf, stands
from netctl.twin.underlay import lay

_ANSWERED = frozenset({Protocol.TCP, Protocol.UDP, Protocol.SCTP})
# Duplicate address detection takes a second or two on every link, and there are no duplicates here.
_AT_ONCE = {"ipv6/conf/all/accept_dad": "0", "ipv6/conf/default/accept_dad": "0"}
# A new namespace begins with some of the machine's settings; that a host forwards, a stack is to bring about itself.
_HOST = {**_AT_ONCE, "ipv4/ip_forward": "0"}
_ROUTER = {
    **_AT_ONCE,
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    # It sends back where packets came from, and has addresses of all the world.
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
}


class Twin(NamedTuple):
    """A twin that is up."""

    blueprint: Blueprint
    deployed: tuple[Deployed, ...]
    """By host."""
    seconds: float

    @property
    def warnings(self) -> list[Diagnostic]:
        """What the compiler says of the hosts, each thing once."""
        return list(dict.fromkeys(warning for host in self.deployed for warning in host.warnings))


def plan_twin(examination: Examination) -> Blueprint:
    """What a stack's twin is made of. Raises NetctlError where that cannot be."""
    endpoints = examination.policies.endpoints
    ends = (end for trial in examination.trials for end in trial.connection[:2])
    return draw(examination.topology, endpoints, {end for end in ends if end not in endpoints})


def put_up(loaded: LoadedStack, examination: Examination, directory: Path) -> Twin:
    """Make the twin anew, whatever is left of an earlier one. Where that fails or is interrupted, nothing is left.

    Raises DeclarationError, BackendError, PrivilegeError.
    """
    started = perf_counter()
    blueprint = plan_twin(examination)
    tear_down(blueprint.stack, directory)
    try:
        make_spaces(_spaces(blueprint))
        lay(blueprint)
        deployed = deploy(loaded, blueprint.hosts)
        answer(blueprint, examination, directory)
    except BaseException:
        tear_down(blueprint.stack, directory)
        raise
    return Twin(blueprint, tuple(deployed), perf_counter() - started)


def tear_down(stack: str, directory: Path) -> bool:
    """Remove all that is left of a stack's twin, and end what runs in it; False where there was nothing.

    Raises BackendError where something does not end.
    """
    names = spaces_of(stack)
    background.stop(directory)
    end_occupants(identities(names))
    remove_spaces(names)
    for path in directory.iterdir():
        path.unlink()
    return bool(names)


def answer(blueprint: Blueprint, examination: Examination, directory: Path) -> None:
    """Have every port answered in the background that something is expected of. Raises BackendError."""
    wanted = responders(blueprint, examination)
    background.start(directory, wanted, space(blueprint.stack, WIRE))


def responders(blueprint: Blueprint, examination: Examination) -> list[Responder]:
    """What is to answer: on all ports that endpoints and services declare, and those that are expected of anybody."""
    endpoints = examination.policies.endpoints
    found: set[Responder] = set()
    for offer in examination.offers:
        for name in offer.destinations:
            if (netns := _place(blueprint.stack, endpoints[name])) is not None:
                found.add(Responder(netns, offer.service.protocol, offer.service.port))
    outside = space(blueprint.stack, WIRE)
    for trial in examination.trials:
        if trial.connection.destination in blueprint.outside:
            found.add(Responder(outside, trial.connection.protocol, trial.connection.port))
    return sorted(responder for responder in found if responder.protocol in _ANSWERED and responder.port)


def stand_of(blueprint: Blueprint, policies: PolicySet) -> StandOf:
    """Where each endpoint, host and address outside sends from."""
    endpoints = policies.endpoints
    within = stands(policies, partial(_place, blueprint.stack))

    def find(name: str) -> Stand | None:
        end = endpoints.get(name)
        addresses = end.addresses if end else (name,)
        if (end is None or end.kind == ADDRESS) and any(address in blueprint.outside for address in addresses):
            return Stand(space(blueprint.stack, WIRE), addresses)
        return within(name) if end else None

    return find


def is_there(name: str, blueprint: Blueprint, endpoints: Mapping[str, Endpoint]) -> bool:
    """Whether an endpoint, or an address that is none's, is something in the twin."""
    end = endpoints.get(name)
    if end is not None and _place(blueprint.stack, end) is not None:
        return True
    return any(address in blueprint.outside for address in (end.addresses if end else (name,)))


def _place(stack: str, end: Endpoint) -> str | None:
    """The namespace that an endpoint is in; None for an address that is nobody's."""
    if end.kind == "host":
        return space(stack, end.host or LONE)
    return space(stack, end.host or LONE, end.netns) if end.netns else None


def _spaces(blueprint: Blueprint) -> dict[str, Settings]:
    """The names of the namespaces, and the kernel parameters that each begins with."""
    stack = blueprint.stack
    found: dict[str, Settings] = {space(stack, WIRE): _ROUTER}
    for host in blueprint.hosts:
        name = host.name or LONE
        found |= {space(stack, name): _HOST, **{space(stack, name, netns): _AT_ONCE for netns in host.attached}}
    return found
