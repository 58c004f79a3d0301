"""The declared stack with the hosts that have joined it: for commands that are given ``--consul``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netctl.cli.declarations import Declarations
from netctl.cli.options import Clustered
from netctl.cli.published import open_store, own_name
from netctl.cli.terminal import Terminal
from netctl.cluster.layout import Layout
from netctl.cluster.membership import view_of
from netctl.cluster.offer import Offer, offer_of
from netctl.engine.facts import Facts
from netctl.errors import NetctlError

if TYPE_CHECKING:
    from netctl.compiler import Compiled
    from netctl.stack.loader import LoadedStack


@dataclass(frozen=True)
class Joined(Declarations):
    """A loaded stack, and what Consul says of its hosts."""

    offer: Offer
    host: str

    def choose_host(self, wanted: str | None, facts: Facts) -> str:  # noqa: ARG002 - chosen by its name alone
        """The host that joined from here, as *wanted* names it."""
        return self.host

    def compile(self, host: str, facts: Facts, terminal: Terminal | None = None) -> "Compiled":
        """What *host* is to have, with what is known of the others. Raises DeclarationError."""
        return super().compile(host, self.offer.facts(facts), terminal)

    @property
    def leads(self) -> bool:
        """Whether what is cluster-wide is this host's to see to."""
        return self.offer.leads


def joined(loaded: "LoadedStack", options: Clustered, terminal: Terminal) -> Joined:
    """The stack with who is there. A host without a session is gone: whether its grace is over, only a watch knows.

    Raises NetctlError where this host has not joined.
    """
    layout = Layout(loaded.stack.stack)
    store = open_store(options.context)
    try:
        view = view_of(layout, store.read(layout.live))
    finally:
        store.close()
    host = own_name(options.host)
    if view.error:
        raise NetctlError(view.error)
    if view.publication is None:
        raise NetctlError(f"nothing is published for stack '{layout.stack}'", "Publish it: netctl publish -f F.")
    gone = frozenset(view.hosts.keys() - view.sessions.keys() - {host})
    leads = bool(view.writer) and view.sessions.get(host) == view.writer
    offer = offer_of((view.publication, loaded), view, host, gone, leads=leads)
    for problem in offer.problems:
        terminal.remark(problem)
    if host not in offer.loaded.stack.hosts:
        raise NetctlError(
            f"host '{host}' has not joined stack '{layout.stack}'",
            f"Start its watch: netctl watch --consul --stack {layout.stack}; or name another host with --host.",
        )
    return Joined(offer.loaded, offer, host)
