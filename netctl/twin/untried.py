"""Connections that cannot be tried in a twin: with what is not in it, or with an address that several have."""

from netctl.compiler.prefixes import format_address
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Endpoint
from netctl.twin.blueprint import Blueprint
from netctl.twin.trials import Trial
from netctl.twin.twin import is_there


class Unable:
    """Tells why a connection cannot be tried."""

    def __init__(self, blueprint: Blueprint, evaluator: Evaluator) -> None:
        self._blueprint = blueprint
        self._evaluator = evaluator
        self._endpoints = evaluator.policies.endpoints
        self._owners: dict[str, list[Endpoint]] = {}
        for end in self._endpoints.values():
            for address in end.addresses:
                self._owners.setdefault(address, []).append(end)

    def why(self, trial: Trial) -> str:
        """Why a trial cannot be run; empty where it can."""
        asked = trial.connection
        for name in (asked.source, asked.destination):
            if not is_there(name, self._blueprint, self._endpoints):
                return f"nothing in the twin is {name}"
        source, destination, seen = self._evaluator.ends(asked)
        if source.endpoint and destination.endpoint and source.endpoint.host == destination.endpoint.host:
            return ""
        own = "" if seen.address is None else format_address(asked.family, seen.address)
        return self._shared(own) or self._shared(trial.address)

    def _shared(self, address: str) -> str:
        """Whether an address is that of endpoints on several hosts: from elsewhere, nothing tells which is reached."""
        owners = self._owners.get(address, [])
        if len({end.host for end in owners}) < 2:
            return ""
        return f"{address} is the address of {' and of '.join(end.name for end in owners[:2])}"
