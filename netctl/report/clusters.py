"""All hosts of a stack, as the store tells of them.

h1  converged  version 7  id 1  192.0.2.11  since 2026-11-22T22:15:34+00:00
h2  failing    version 6  id 2  192.0.2.12  since 2026-11-22T22:15:40+00:00
      no interface of this host has the address 192.0.2.12
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from netctl.cluster.overview import HostOverview, Overview
from netctl.report.paint import Paint, printable

FORMAT_VERSION = "1.0"
_COLOURS = {"converged": "green", "waiting": "yellow"}


def clusters_text(overview: Overview, paint: Paint) -> str:
    """The hosts, a line each, and why one is not as it should be."""
    lines = [_headline(overview), ""]
    width = max((len(host.name) for host in overview.hosts), default=0)
    for host in overview.hosts:
        lines += _host(host, width, paint)
    if not overview.hosts:
        lines.append("No host follows it yet: netctl watch --consul --stack " + overview.stack)
    if overview.rollout.slots:
        names = ", ".join(sorted(overview.rollout.slots))
        lines += ["", f"Taking up version {overview.rollout.version}, or failed to: {names}."]
    lines += [f"{paint('yellow', 'warning:')} {printable(problem)}" for problem in overview.problems]
    return "\n".join(lines)


def clusters_document(overviews: Sequence[Overview]) -> dict[str, Any]:
    """All stacks, for JSON."""
    return {"format_version": FORMAT_VERSION, "stacks": {entry.stack: _document(entry) for entry in overviews}}


def _document(overview: Overview) -> dict[str, Any]:
    publication = overview.publication
    return {
        "published": publication
        and {
            "version": publication.version,
            "digest": publication.digest,
            "author": publication.author,
            "time": _instant(publication.time),
            "max_unavailable": publication.max_unavailable,
        },
        "hosts": {
            host.name: {
                "state": host.state,
                "version": host.version,
                "id": host.id or None,
                "address": host.address,
                "since": _instant(host.since),
                "reason": host.reason,
            }
            for host in overview.hosts
        },
        "rolling": sorted(overview.rollout.slots),
        "problems": list(overview.problems),
    }


def _headline(overview: Overview) -> str:
    publication = overview.publication
    if publication is None:
        return f"{overview.stack}: nothing is published."
    by = f" by {printable(publication.author)}" if publication.author else ""
    turns = f", {publication.max_unavailable} at a time" if publication.max_unavailable else ""
    return f"{overview.stack} version {publication.version}, published{by} at {_instant(publication.time)}{turns}"


def _host(host: HostOverview, width: int, paint: Paint) -> Iterator[str]:
    state = paint(_COLOURS.get(host.state, "red"), f"{host.state:<9}")
    parts = [f"{host.name:<{width}}", state, f"version {host.version}" if host.version else "no version"]
    parts += [f"id {host.id}"] if host.id else []
    parts += [host.address] if host.address else []
    parts += [f"since {_instant(host.since)}"] if host.since else []
    yield "  ".join(parts)
    if host.reason:
        yield f"      {printable(host.reason)}"


def _instant(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # someone wrote nonsense into the store
        return "an unknown time"
