"""Rules in the kernel, by chain: which were there before, and are the same ones still."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.support.namespaces import run_in

Chain = tuple[str, ...]
"""Family, table, name."""
Rules = Mapping[Chain, list[tuple[int, str]]]
"""By chain, each rule's handle and its content without counts."""


@contextmanager
def demand_unchanged_rules_stay(ns: str) -> Iterator[None]:
    """Fail where a chain whose rules are the same afterwards has been filled anew meanwhile."""
    before = rules(ns)
    yield
    after = rules(ns)
    for chain in before.keys() & after.keys():
        if _contents(before[chain]) == _contents(after[chain]):
            assert before[chain] == after[chain], f"{chain} was filled anew with what it had"


def rules(ns: str) -> Rules:
    """All rules of a namespace."""
    found: dict[Chain, list[tuple[int, str]]] = {}
    for entry in json.loads(run_in(ns, ["nft", "-j", "list", "ruleset"]).stdout)["nftables"]:
        if "chain" in entry:
            chain = entry["chain"]
            found[chain["family"], chain["table"], chain["name"]] = []
        elif "rule" in entry:
            rule = entry["rule"]
            content = json.dumps([_uncounted(part) for part in rule["expr"]])
            found[rule["family"], rule["table"], rule["chain"]].append((rule["handle"], content))
    return found


def _contents(found: list[tuple[int, str]]) -> list[str]:
    return [content for _, content in found]


def _uncounted(part: dict[str, Any]) -> dict[str, Any]:
    return {"counter": None} if "counter" in part else part
