"""Ports that another stack publishes on the same host: only one of the two has the connections."""

from collections.abc import Iterable

from netctl.compiler.balancing.frontends import Frontend
from netctl.compiler.site import Site


def warn_of_rivals(fronts: Iterable[Frontend], site: Site) -> None:
    """Warn of ports of this host that other stacks publish, too."""
    wanted = {(front.protocol, front.port): front.service for front in fronts if not front.address}
    published = site.facts.published() if wanted and site.facts is not None else {}
    for (protocol, port), service in sorted(wanted.items()):
        for stack in sorted(published.get((protocol, port), frozenset()) - {site.stack}):
            site.problems.warn(
                "NC334",
                ("services", service, "publish"),
                f"port {port}/{protocol} of this host is published by stack '{stack}', too; only one of the two "
                "gets the connections",
                "Publish one of the two at another port.",
            )
