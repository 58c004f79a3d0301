"""What is cluster-wide in Consul: what it would refuse, told before anything is asked of it."""

from collections.abc import Mapping
from typing import Any

from netctl.compiler.consul.mesh import declared_entries
from netctl.compiler.consul.registration import registered, registrations
from netctl.compiler.places import Path, Problems
from netctl.compiler.topology import Topology
from netctl.kinds.consul_entries import mistakes
from netctl.stack.models import Stack

_LONGEST_NAME = 63
"""Of a label in DNS (RFC 1035)."""
_WHOLE, _ROUNDED = 100.0, 0.01


def check_mesh(topology: Topology, problems: Problems) -> None:
    """Config entries that are none, intentions that contradict each other, queries and ports whose names clash."""
    stack = topology.stack
    for kind, _, body, path in declared_entries(stack):
        found = list(mistakes(kind, body))
        for mistake in found:
            problems.error("NC279", (*path, *mistake.path), mistake.message, mistake.advice)
        if kind == "service-splitter" and not found:
            _weights(body, path, problems)
    _intentions(stack, problems)
    _queries(stack, problems)
    _ports(stack, problems)


def _weights(body: Mapping[str, Any], path: Path, problems: Problems) -> None:
    splits = body.get("Splits")
    if not isinstance(splits, list):
        return
    weights = [split.get("Weight", 0) for split in splits if isinstance(split, dict)]
    if all(isinstance(weight, int | float) for weight in weights) and abs(sum(weights) - _WHOLE) > _ROUNDED:
        problems.error(
            "NC279",
            (*path, "Splits"),
            f"the weights of the splits are {sum(weights):g} together, and Consul wants 100",
            "Correct the weights.",
        )


def _intentions(stack: Stack, problems: Problems) -> None:
    for name, service in stack.services.items():
        declared = service.intentions if isinstance(service.intentions, list) else []
        seen: set[str] = set()
        for index, entry in enumerate(declared):
            if entry.from_ in seen:
                problems.error(
                    "NC279",
                    ("services", name, "intentions", index, "from"),
                    f"'{entry.from_}' has an intention above already, and Consul takes one of a source",
                    "Remove one of the two.",
                )
            seen.add(entry.from_)


def _queries(stack: Stack, problems: Problems) -> None:
    seen: set[str] = set()
    for service, declared in stack.services.items():
        for name, query in declared.queries.items():
            path = ("services", service, "queries", name)
            if name.lower() in seen:
                message = f"another query is called '{name.lower()}', and DNS does not tell them apart"
                problems.error("NC279", path, message, "Rename one.")
            seen.add(name.lower())
            if not all(query.tags):
                problems.error("NC279", (*path, "tags"), "a tag is empty", "Remove it.")


def _ports(stack: Stack, problems: Problems) -> None:
    """Each port is a service of its own in Consul, which must not be another's, and must be a name in DNS."""
    services = registered(stack)
    for name, service in services.items():
        for registration in registrations(name, service)[1:]:
            path = ("services", name)
            if registration.name in stack.services:
                problems.error(
                    "NC279",
                    path,
                    f"port {registration.port} of '{name}' is '{registration.name}' in Consul, as another service is",
                    "Rename the port or the service, or write 'register: false' on one.",
                )
            elif len(registration.name) > _LONGEST_NAME:
                problems.error(
                    "NC279",
                    path,
                    f"port {registration.port} of '{name}' is '{registration.name}' in Consul, which is longer than "
                    f"the {_LONGEST_NAME} bytes of a name in DNS",
                    "Rename the port or the service.",
                )
