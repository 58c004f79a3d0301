"""What tells that something in Consul has changed."""

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread

import pytest

from netctl.engine.protocol import Context, Scope
from netctl.engine.resource import Key
from netctl.errors import BackendError
from reconcilers.consul import SYSTEM
from tests.consul.agent import Agent
from tests.e2e.lab import Lab

WEB = "shop:web:10.20.0.10"
TEXT = "stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], checks: [{ttl: 1h}]}\nkv: {shop/a: b}\n"


@pytest.fixture
def heard(lab: Lab, agent: Agent) -> Iterator[Queue[frozenset[Key]]]:
    """What is heard of the agent from now on."""
    lab.apply(TEXT, "h")
    told: Queue[frozenset[Key]] = Queue()
    with SYSTEM.reader(Context(agent.namespace)) as reader:
        reader.observe(Scope("shop", {}))
        events = reader.events()
        Thread(target=_pass_on, args=(events, told), daemon=True).start()
        # Each query must have been answered once before a change is one.
        for number in range(100):
            agent.put("kv/shop/a", str(number).encode())
            try:
                told.get(timeout=0.3)
                break
            except Empty:
                continue
        yield told


def _pass_on(events: Iterator[frozenset[Key]], told: Queue[frozenset[Key]]) -> None:
    with suppress(BackendError):  # the agent goes with its last test
        for keys in events:
            told.put(keys)


CHANGES = {
    "a service deregistered": lambda agent: agent.put(f"agent/service/deregister/{WEB}"),
    "a check removed": lambda agent: agent.put(f"agent/check/deregister/{WEB}:ttl"),
    "a key changed": lambda agent: agent.put("kv/shop/a", b"theirs"),
    "a key removed": lambda agent: agent.delete("kv/shop/a"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_others_is_heard_of(change: str, heard: Queue[frozenset[Key]], agent: Agent) -> None:
    while not heard.empty():
        heard.get()
    CHANGES[change](agent)
    assert heard.get(timeout=10) == frozenset()
