"""The kernel's reader: facts, observations, events. It has no method that writes."""

import socket
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from netctl.engine.facts import Facts, LinkFact
from netctl.engine.protocol import Capability, Context, Observation, Scope
from netctl.engine.resource import Key, Live
from netctl.errors import BackendError
from netctl.system.namespaces import named_namespaces
from reconcilers.kernel.capabilities import kernel_capabilities
from reconcilers.kernel.discovery import discover
from reconcilers.kernel.events import watch_events
from reconcilers.kernel.following import KernelFollower
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
        addresses = root.addresses()
        links = {
            row.name: LinkFact(
                row.name,
                row.kind,
                row.mtu,
                tuple(found.address for found in addresses.get(row.ifindex, ()) if not found.link_local),
                row.owner.stack if row.owner else "",
            )
            for row in root.links.values()
        }
        self._facts_fresh = True
        return Facts(
            hostname=socket.gethostname(),
            links=links,
            namespaces=named_namespaces(),
            per_device_ipv6_forwarding=self.sources.ipv6_per_device,
            netns=self.context.netns,
            held=self._held,
        )

    def _held(self, stack: str, netns: str, interface: str) -> tuple[str, ...]:
        """What *stack* has put on an interface; nothing where it cannot be read, which `observe` tells."""
        try:
            view = self.sources.view(netns)
        except BackendError:
            return ()
        link = view.links.get(interface)
        if link is None or link.owner is None or link.owner.stack != stack:
            return ()
        rows = view.addresses().get(link.ifindex, ())
        return tuple(row.address for row in rows if not row.link_local and self.sources.is_marked(row))

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

    def follow(self) -> KernelFollower:
        """A follower; it shares what is known of the links with this reader."""
        return KernelFollower(self.sources)
