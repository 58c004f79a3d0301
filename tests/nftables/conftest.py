"""A host of the nftables tests: a namespace, what is applied to it through the engine, and what nft says of it."""

import ctypes
import json
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from netctl.engine.apply import apply_plan
from netctl.engine.change import Action, Change, Outcome, Reason
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Observation, Scope
from netctl.engine.resource import Desired, Key, Origin, Owner
from netctl.engine.session import write_session
from netctl.kinds.nftables import Chain, Rule, Set, Table, own_table, table_key
from reconcilers.nftables import SYSTEM
from tests.support.namespaces import Namespaces, run_in

T = TypeVar("T")
STACK = "shop"
TABLE = table_key(STACK)
ORIGIN = Origin("networks.web", "stack.yaml", 3)
OWNER = Owner(STACK)


def table(sets: Iterable[Set] = (), chains: Iterable[Chain] = ()) -> Table:
    """The stack's table."""
    return own_table(STACK, sets, chains)


def forward(*rules: Rule) -> Chain:
    """A chain that sees forwarded packets."""
    return Chain("forward", rules, "filter", "forward", 0, "accept")


def desired_table(content: Table) -> Desired:
    """The stack's table as it is desired."""
    return Desired(TABLE, content, ORIGIN)


def change(action: Action, before: Table | None, after: Table | None, key: Key = TABLE) -> Change:
    """A change of a table that the stack owns."""
    return Change(action, key, before, after, Reason.DECLARED, owner_before=before and OWNER, owner=after and OWNER)


class Host:
    """A namespace whose nftables the stack is applied to."""

    def __init__(self, ns: str) -> None:
        self.ns = ns
        self.context = Context(ns, timeout=60)

    def plan(self, *desired: Desired, stack: str = STACK, adopt: bool = False) -> Plan:
        """What would change."""
        with write_session((SYSTEM,), self.context) as session:
            return session.plan({want.key: want for want in desired}, stack=stack, host="", adopt=adopt)

    def apply(self, *desired: Desired, stack: str = STACK, adopt: bool = False) -> Plan:
        """Apply through the engine, which verifies. The plan afterwards must be empty; the one applied is returned."""
        wanted = {want.key: want for want in desired}
        with write_session((SYSTEM,), self.context) as session:
            plan = session.plan(wanted, stack=stack, host="", adopt=adopt)
            apply_plan(plan, wanted, session)
            assert not session.plan(wanted, stack=stack, host="")
        return plan

    def execute(self, *changes: Change) -> list[Outcome]:
        """What becomes of one batch."""
        with SYSTEM.writer(self.context) as writer:
            return writer.execute(changes)

    def observe(self, *desired: Desired, stack: str = STACK, keys: frozenset[Key] | None = None) -> Observation:
        """The live state."""
        with SYSTEM.reader(self.context) as reader:
            return reader.observe(Scope(stack, {want.key: want for want in desired}, keys))

    def live_table(self, stack: str = STACK) -> Table:
        """The stack's table as it is read."""
        attributes = self.observe(stack=stack).live[table_key(stack)].attributes
        assert isinstance(attributes, Table)
        return attributes

    def nft(self, script: str) -> None:
        """Run commands of nft's."""
        run_in(self.ns, ["nft", "-f", "-"], stdin=script)

    def ruleset(self, *options: str) -> str:
        """What nft prints: the oracle."""
        return run_in(self.ns, ["nft", *options, "list", "ruleset"]).stdout

    def objects(self) -> list[dict[str, Any]]:
        """The same as nft's JSON: one dictionary for each object, with its kind and handle."""
        found: list[dict[str, Any]] = json.loads(self.ruleset("-j"))["nftables"]
        return found


@pytest.fixture
def host(netns: Namespaces) -> Host:
    return Host(netns(loopback=True))


def without_capabilities(function: Callable[[], T]) -> T:
    """What *function* returns in a thread that has no capabilities (linux/capability.h, version 3)."""

    def inside() -> T:
        header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
        if ctypes.CDLL(None, use_errno=True).capset(header, ctypes.create_string_buffer(24)):
            raise OSError(ctypes.get_errno(), "capset")
        return function()

    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(inside).result()
