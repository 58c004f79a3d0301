"""The kernel's reader: facts, observations, events. It has no method that writes."""

import socket
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from netctl.engine.facts import Facts, LinkFact
from netctl.engine.protocol import Capability, Context, Observation, Scope
from netctl.engine.resource import Key, Live
from reconcilers.kernel.addresses import dump_addresses
from reconcilers.kernel.capabilities import kernel_capabilities
from reconcilers.kernel.discovery import discover
from reconcilers.kernel.events import watch_events
from reconcilers.kernel.namespaces import named_namespaces
from reconcilers.kernel.observation import observe
from reconcilers.kernel.sources import Sources


class KernelReader:
    """Reads links, addresses, routes, rules, neighbours, forwarding entries and sysctls."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.sources = Sources(context)
        self._facts_fresh = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sources.close()

    def facts(self) -> Facts:
        """The host's links and addresses. The next observation builds on this reading, so that both tell one story."""
        self.sources.invalidate()
        root = self.sources.root()
        addresses: dict[int, list[str]] = {}
        for row in dump_addresses(root.socket):
            if not row.link_local:
                addresses.setdefault(row.ifindex, []).append(row.address)
        links = {
            row.name: LinkFact(
                row.name,
                row.kind,
                row.mtu,
                tuple(addresses.get(row.ifindex, ())),
                owner.stack if (owner := row.owner) else "",
            )
            for row in root.links.values()
        }
        self._facts_fresh = True
        return Facts(
            socket.gethostname(), links, named_namespaces(), (), self.sources.ipv6_per_device, self.context.netns
        )

    def observe(self, scope: Scope) -> Observation:
        """The live state within *scope*."""
        if not self._facts_fresh:
            self.sources.invalidate()
        self._facts_fresh = False
        return observe(scope, self.sources)

    def discover(self) -> Iterable[Live]:
        """Everything in the namespace that could be declared, whoever owns it."""
        self.sources.invalidate()
        return discover(self.sources)

    def capabilities(self) -> list[Capability]:
        """What the kernel can do here."""
        return kernel_capabilities(self.context)

    def events(self) -> Iterator[frozenset[Key]]:
        """An empty set, "look at everything", for each burst of notifications."""
        return watch_events(self.context)
