"""Whether Consul can be reached, for ``netctl doctor``."""

from collections.abc import Callable, Sequence

from netctl.engine.protocol import Capability
from netctl.errors import BackendError
from reconcilers.consul.agent_state import agent_facts
from reconcilers.consul.api import ReadApi


def capabilities(api: Callable[[], ReadApi]) -> Sequence[Capability]:
    """The agent, with its version, and whether the servers have a leader. Only stacks that ask for Consul need it."""
    try:
        facts = agent_facts(api())
    except BackendError as error:
        return (Capability("Consul", available=False, detail=error.message, advice=error.advice, required=False),)
    version = ".".join(map(str, facts.version))
    return (
        Capability("Consul", available=True, detail=f"{version}, agent of {facts.node}", required=False),
        _leader(api()),
    )


def _leader(api: ReadApi) -> Capability:
    name = "Consul's leader"
    try:
        leader = str(api.get("status/leader"))
    except BackendError as error:
        return Capability(name, available=False, detail=error.message, advice=error.advice, required=False)
    if leader:
        return Capability(name, available=True, detail=leader, required=False)
    advice = "See which servers there are: consul operator raft list-peers."
    return Capability(name, available=False, detail="the servers have none", advice=advice, required=False)
