"""What a running agent says of itself: on its socket in the state directory, and on the status page."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from netctl.agent.agent import Agent
from netctl.agent.asking import SECOND, reachable

FORMAT_VERSION = "1.0"
_PATIENCE = 1.0
"""Seconds that who asks may take to say something; netctl itself takes none."""
_SHOWN = 100
"""So many drifted resources are listed."""


def document(agent: Agent) -> dict[str, Any]:
    """How things are, for JSON."""
    keeper = agent.keeper
    found: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "process": os.getpid(),
        "since": _instant(agent.started),
        "ready": agent.ready,
        "error": agent.error,
        "trouble": agent.trouble,
        "detect_only": agent.settings.detect_only,
        "refused": agent.refused,
    }
    if keeper is None:
        return found
    # Copied at once: a thread may be at work on them.
    drifts, contended = list(keeper.drifts.values()), list(keeper.pace.contended)
    balanced = keeper.declared.balanced
    resting = balanced.resting if balanced else {}
    drifts.sort(key=lambda drift: drift.since)
    return found | {
        "stack": keeper.declared.stack,
        "host": keeper.declared.host,
        "revision": keeper.declared.revision,
        "resources": len(keeper.declared.desired),
        "repairs": keeper.repairs,
        "last_repair": _instant(keeper.last_repair),
        "last_look_at_everything": _instant(agent.last_resync),
        "drifted": [
            {"resource": str(drift.key), "since": _instant(drift.since), "drift": drift.what, "by": drift.culprit,
             "reason": drift.trouble}
            for drift in drifts[:_SHOWN]
        ],
        "drifted_count": len(drifts),
        "contended": sorted(contended),
        "left_out": [
            {"service": subject.service, "endpoint": subject.address, "reason": reason}
            for subject, reason in sorted(resting.items())
        ],
        "failed_checks": agent.health.failed_checks,
        "complaints": agent.health.complaints(balanced) if balanced else None,
    }  # fmt: skip


def refresh_gauges(agent: Agent) -> None:
    """Set what is a state rather than a count."""
    keeper = agent.keeper
    agent.tell_peace()
    agent.metrics.ready.set(int(agent.ready))
    if keeper is not None:
        agent.metrics.drifted.set(len(keeper.drifts))
        agent.metrics.contended.set(len(keeper.pace.contended))
        agent.metrics.depth.set(len(keeper.waiting))


def page(agent: Agent) -> str:
    """The status page."""
    found = document(agent)
    rows = "".join(
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in found.items()
        if not isinstance(value, list | dict)
    )
    drifted = "".join(
        f"<tr><td>{escape(entry['resource'])}</td><td>{escape(entry['drift'])}</td><td>{escape(entry['since'])}</td>"
        f"<td>{escape(entry['by'])}</td><td>{escape(entry['reason'])}</td></tr>"
        for entry in found.get("drifted", ())
    )
    contended = "".join(f"<li>{escape(name)}</li>" for name in found.get("contended", ()))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>netctl watch</title>"
        "<style>body{font:15px sans-serif;margin:2em}th{text-align:left;padding-right:2em}td{padding-right:1em}</style>"
        f"<h1>netctl watch</h1><table>{rows}</table><h2>Drifted</h2><table>{drifted}</table>"
        f"<h2>Contended</h2><ul>{contended}</ul>"
    )


@asynccontextmanager
async def listening(agent: Agent, path: Path) -> AsyncIterator[None]:
    """Answer who connects to *path* with the document."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            with suppress(TimeoutError):
                if await asyncio.wait_for(reader.read(len(SECOND)), _PATIENCE) == SECOND:
                    agent.tell_refused("watches", "another watch for this stack and host was refused")
            refresh_gauges(agent)
            writer.write(json.dumps(document(agent)).encode())
            await writer.drain()
        writer.close()

    with reachable(path, make=True) as short:
        _remove(path)  # what a killed process left
        async with await asyncio.start_unix_server(answer, short):
            yield
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else ""
