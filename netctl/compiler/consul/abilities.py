"""What the host's own agent can do: which checks its version knows, and whether it runs programs."""

from collections.abc import Mapping

from netctl.compiler.site import Site
from netctl.engine.facts import ConsulFacts
from netctl.stack.policy_models import Service

_PROGRAMS = frozenset({"script", "docker"})
_SINCE: dict[str, tuple[int, ...]] = {"udp": (1, 13), "h2ping": (1, 10)}
_SINCE_KEY: dict[str, tuple[int, ...]] = {"tls_server_name": (1, 9)}


def check_abilities(site: Site, services: Mapping[str, Service]) -> None:
    """Report checks of the host's services that its agent would refuse. Of an agent that cannot be read, nothing is."""
    if not any(service.checks for service in services.values()):
        return
    agent = site.consul
    if agent is None:
        return
    for name, service in services.items():
        for index, check in enumerate(service.checks):
            path = ("services", name, "checks", index)
            if check.kind in _PROGRAMS and not agent.scripts:
                site.problems.error(
                    "NC351",
                    (*path, check.kind),
                    f"the Consul agent of node '{agent.node}' does not run checks that are programs",
                    "Set enable_script_checks = true in the agent's configuration, or use another kind of check.",
                )
            wanted = {check.kind: _SINCE.get(check.kind, ())}
            wanted |= {key: since for key, since in _SINCE_KEY.items() if getattr(check, key) is not None}
            for key, since in wanted.items():
                _demand(site, agent, (*path, key), since)


def _demand(site: Site, agent: ConsulFacts, path: tuple[str | int, ...], since: tuple[int, ...]) -> None:
    if agent.version and agent.version < since:
        site.problems.error(
            "NC352",
            path,
            f"'{path[-1]}' needs Consul {'.'.join(map(str, since))}, and the agent of node '{agent.node}' "
            f"is {'.'.join(map(str, agent.version))}",
            "Use a later Consul, or another kind of check.",
        )
