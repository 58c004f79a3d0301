"""Stacks that are published in Consul: for ``publish``, ``watch --consul`` and ``status --all``."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from netctl.agent.clustered import Published
from netctl.agent.declared import Declared, Loaded
from netctl.agent.log import Log
from netctl.agent.sources import Source
from netctl.cli.options import stack_name
from netctl.cluster.follower import Follower, Settings
from netctl.cluster.layout import Layout
from netctl.cluster.offer import Offer
from netctl.compiler import compile_stack
from netctl.compiler.containers import on_networks
from netctl.compiler.topology import resolve
from netctl.engine.facts import Facts
from netctl.engine.protocol import Context
from netctl.engine.store import Store, find_coordinator
from netctl.errors import DeclarationError, NetctlError, UsageError
from netctl.kinds.consul import SYSTEM
from netctl.stack.loader import LoadedStack


def open_store(context: Context) -> Store:
    """Consul, as what coordinates hosts."""
    return find_coordinator(SYSTEM).open(context)


class Here(NamedTuple):
    """This host, as ``watch --consul`` was told."""

    stack: str
    host: str | None
    address: str
    labels: Sequence[str]
    grace: float
    netns: str
    state_dir: Path


class PublishedOrigin:
    """The version that is published, as an origin of desired states."""

    def __init__(self, here: Here, log: Log, context: Context) -> None:
        self.name = stack_name(here.stack)
        host = own_name(here.host)
        directory = here.state_dir / "cluster" / f"{self.name}@{here.netns or host}"
        settings = Settings(
            Layout(self.name), host, _address(here.address), _labels(here.labels), here.grace, directory
        )
        self._host = host
        self._follower = Follower(settings, lambda: open_store(context), log.warning)
        self._published = Published(self._follower)
        self.source: Source = self._published

    def begin(self) -> None:
        """Wait for the first version. Raises NetctlError."""
        self._published.begin()

    def told(self, trouble: str) -> None:
        """Tell the others how this host is."""
        self._follower.told(trouble)

    def load(self) -> Loaded:
        """What is on offer now."""
        offer = self._published.take()
        if offer is None:
            raise NetctlError(f"nothing is published for stack '{self.name}'", "Publish it: netctl publish -f F.")

        def compiled(facts: Facts) -> Declared:
            try:
                return self._compile(offer, facts)
            except DeclarationError:  # what held once may not be possible any more
                newer = self._published.take_next()
                if newer is None:
                    raise
                return self._compile(newer, facts)

        return Loaded(self.name, compiled)

    def _compile(self, offer: Offer, facts: Facts) -> Declared:
        topology = resolve(offer.loaded.stack)
        if any(self._host in net.hosts for net in topology.dockers):
            self._follower.shows(on_networks(topology, facts.engine()))
        declared = _compiled(offer.loaded, self._host, offer.facts(facts), offer.publication.digest)
        return declared._replace(leads=offer.leads)


def _compiled(loaded: LoadedStack, host: str, facts: Facts, digest: str) -> Declared:
    compiled = compile_stack(loaded.stack, loaded, host, facts)
    return Declared(loaded.stack.stack, host, compiled.resources, digest, balanced=compiled.balanced)


def own_name(named: str | None) -> str:
    """The name of this host in the cluster: the one that was named, or the machine's. Raises UsageError."""
    host = named or os.uname().nodename.partition(".")[0].lower()
    try:
        return stack_name(host)
    except UsageError:
        raise UsageError(
            f"'{host}' cannot be a host's name", "Name this host with --host: a-z, 0-9 and inner hyphens, 63 at most."
        ) from None


def _address(text: str) -> str:
    from netctl.stack.scalars import canonical_address

    try:
        return canonical_address(text) if text else ""
    except ValueError as error:
        raise UsageError(f"--address {text}: {error}", "Write an IPv4 or IPv6 address.") from error


def _labels(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if wrong := next((text for text, (key, sign, _) in zip(texts, pairs, strict=True) if not key or not sign), ""):
        raise UsageError(f"'{wrong}' is no label", "Write it as zone=a.")
    return {key: value for key, _, value in pairs}
