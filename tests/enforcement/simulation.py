"""What a table would do to a packet: nftables' semantics, as far as netctl writes rules, in a few lines."""

from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from netctl.kinds.nftables import (
    Chain,
    Counter,
    Log,
    Lookup,
    Match,
    Rule,
    Set,
    Statement,
    Verdict,
    VerdictMap,
)

Packet = Mapping[str, str]
"""Its fields, by nft's names; what it does not have is missing."""


class Outcome(NamedTuple):
    """What became of a packet in one base chain."""

    accepted: bool
    rules: int
    """How many rules it met."""
    logged: tuple[str, ...]
    counted: tuple[str, ...]
    """The chains whose counters it raised."""


class Simulation:
    """Sets and chains, by name."""

    def __init__(self, sets: Iterable[Set], chains: Iterable[Chain]) -> None:
        self.sets = {entry.name: entry for entry in sets}
        self.chains = {chain.name: chain for chain in chains}
        self._maps = {entry.name: _indexed(entry) for entry in self.sets.values()}
        self.rules = 0
        self.logged: list[str] = []
        self.counted: list[str] = []

    def judge(self, chain: str, packet: Packet) -> Outcome:
        """What a base chain does with a packet; accepted where there is no such chain."""
        self.rules, self.logged, self.counted = 0, [], []
        verdict = self._run(chain, packet, 0) if chain in self.chains else None
        accepted = verdict is None or verdict.kind != "drop"
        return Outcome(accepted, self.rules, tuple(self.logged), tuple(self.counted))

    def _run(self, name: str, packet: Packet, depth: int) -> Verdict | None:
        """The final verdict; None where the chain's end is reached, or it returns."""
        assert depth < 16, "the kernel's jump stack is no deeper"
        for rule in self.chains[name].rules:
            self.rules += 1
            verdict = self._verdict(name, rule, packet)
            if verdict is None or verdict.kind == "continue":
                continue
            if verdict.kind == "goto":
                return self._run(verdict.chain, packet, depth)
            if verdict.kind == "jump":
                final = self._run(verdict.chain, packet, depth + 1)
                if final is not None:
                    return final
                continue
            return None if verdict.kind == "return" else verdict
        return None

    def _verdict(self, chain: str, rule: Rule, packet: Packet) -> Verdict | None:
        for statement in rule.statements:
            if isinstance(statement, Verdict):
                return statement
            if isinstance(statement, VerdictMap):
                return self._mapped(statement, packet)
            if isinstance(statement, Counter):
                self.counted.append(chain)
            elif isinstance(statement, Log):
                self.logged.append(statement.prefix)
            elif not self._holds(statement, packet):
                return None
        return None

    def _holds(self, statement: Statement, packet: Packet) -> bool:
        if isinstance(statement, Match):
            if statement.field not in packet:
                return False
            alike = _is_in(packet[statement.field], statement.value)
            return alike == (statement.operator == "==")
        assert isinstance(statement, Lookup)
        if any(field not in packet for field in statement.fields):
            return False
        return (self._find(statement.fields, statement.set, packet) is not None) != statement.negated

    def _mapped(self, statement: VerdictMap, packet: Packet) -> Verdict | None:
        if any(field not in packet for field in statement.fields):
            return None
        found = self._find(statement.fields, statement.map, packet)
        return Verdict(*found.split(" ", 1)) if found else None

    def _find(self, fields: tuple[str, ...], name: str, packet: Packet) -> str | None:
        values = [packet[field] for field in fields]
        exact = self._maps[name]
        if "interval" not in self.sets[name].flags:
            return exact.get(" . ".join(values))
        for key, data in exact.items():
            if all(_is_in(value, part) for value, part in zip(values, key.split(" . "), strict=True)):
                return data
        return None


def _indexed(entry: Set) -> dict[str, str]:
    pairs = (element.partition(" : ") for element in entry.elements)
    return {key: data for key, _, data in pairs}


@cache
def _is_in(value: str, part: str) -> bool:
    """Whether a value is one of what an element's field, or a match's value, stands for."""
    if "/" in part:
        return ip_address(value) in ip_network(part)
    first, dash, last = part.partition("-")
    if dash and first.isdigit():
        return int(first) <= int(value) <= int(last)
    return value in part.split(",")
