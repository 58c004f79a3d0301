"""What tells that something in Consul has changed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Queue
from threading import Thread

import pytest

from netctl.engine.protocol import Context, Scope
from netctl.engine.resource import Key
from netctl.errors import BackendError
from netctl.kinds.consul import kv_key
from reconcilers.consul import SYSTEM
from tests.consul.agent import Agent
from tests.e2e.lab import Lab

WEB = "shop:web:10.20.0.10"
TEXT = (
    "stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], checks: [{ttl: 1h}], queries: {web: {}}, "
    "intentions: [{from: job}], config_entries: {service-defaults: {Protocol: http}}}\nkv: {shop/a: b}\n"
)


@pytest.fixture
def heard(lab: Lab, agent: Agent) -> Iterator[Queue[frozenset[Key]]]:
    """What is heard of the agent from now on."""
    lab.apply(TEXT, "h")
    told: Queue[frozenset[Key]] = Queue()
    with SYSTEM.reader(Context(agent.namespace)) as reader:
        reader.observe(Scope("shop", {}))
        Thread(target=_pass_on, args=(reader.events(), told), daemon=True).start()
        assert told.get(timeout=30) == frozenset()  # it listens
        yield told


def _pass_on(events: Iterator[frozenset[Key]], told: Queue[frozenset[Key]]) -> None:
    with suppress(BackendError):  # the agent goes with its last test
        for keys in events:
            told.put(keys)


CHANGES: dict[str, tuple[Callable[[Agent], object], frozenset[Key]]] = {
    "a service deregistered": (lambda agent: agent.put(f"agent/service/deregister/{WEB}"), frozenset()),
    "a check removed": (lambda agent: agent.put(f"agent/check/deregister/{WEB}:ttl"), frozenset()),
    "a key changed": (lambda agent: agent.put("kv/shop/a", b"theirs"), frozenset({kv_key("shop/a")})),
    "a key removed": (lambda agent: agent.delete("kv/shop/a"), frozenset({kv_key("shop/a")})),
    "a query removed": (lambda agent: agent.delete(f"query/{agent.get('query')[0]['ID']}"), frozenset()),
    "an entry changed": (
        lambda agent: agent.put("config", {"Kind": "service-defaults", "Name": "web", "Protocol": "grpc"}),
        frozenset(),
    ),
    "an intention removed": (
        lambda agent: agent.delete(f"connect/intentions/{agent.get('connect/intentions')[0]['ID']}"),
        frozenset(),
    ),
    "a claim removed": (lambda agent: agent.delete("kv/netctl/shop/kv/shop/a"), frozenset()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_others_is_heard_of(change: str, heard: Queue[frozenset[Key]], agent: Agent) -> None:
    make, keys = CHANGES[change]
    make(agent)
    assert heard.get(timeout=30) == keys
