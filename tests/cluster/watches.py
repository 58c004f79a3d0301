"""``netctl watch --consul`` as processes, and what is published for them."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from netctl.cli import publish as command
from netctl.cluster.layout import Layout
from netctl.engine.protocol import Context
from netctl.engine.store import Store, find_coordinator
from tests.agent.watcher import Watcher, started
from tests.e2e.lab import Lab


def publish(lab: Lab, text: str, host: str = "node1", **options: object) -> int:
    """The exit code of ``netctl publish``, run in that host's namespace."""
    path = lab.write(text, f"published-{host}.yaml")
    return command.run(command.Options(file=[path], netns=lab[host], quiet=True, **options))  # type: ignore[arg-type]


@contextmanager
def store(lab: Lab, host: str = "node1") -> Iterator[Store]:
    """The store, as that host reaches it."""
    opened = find_coordinator("consul").open(Context(netns=lab[host]))
    try:
        yield opened
    finally:
        opened.close()


def layout(stack: str = "pods") -> Layout:
    """Where things are in it."""
    return Layout(stack)


def following(
    lab: Lab, host: str = "node1", *options: str, at: str = "", stack: str = "pods", ready: bool = True, **more: str
) -> AbstractContextManager[Watcher]:
    """A watch of what is published, as *host*, in its own namespace or in that of another label."""
    program = [sys.executable, "-P", "-m", "netctl", "watch", "--consul", "--stack", stack, "--host", host]
    return started(
        lab, [*program, "--netns", lab[at or host], "--resync", "0", *options], f"{host}-", ready=ready, **more
    )
