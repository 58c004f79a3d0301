"""``netctl status``."""

import json
from dataclasses import dataclass
from typing import Annotated

from netctl.agent.asking import ask, socket_path, watch_text
from netctl.cli.lock import place_of
from netctl.cli.options import DEFAULT_STATE_DIR, Clustered, Format, StateDir, stack_name
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.cli.workspace import reading
from netctl.errors import UsageError
from netctl.report.status import status_document, status_of, status_text


@dataclass(frozen=True, kw_only=True)
class Options(Clustered):
    """What ``netctl status`` takes."""

    state_dir: StateDir = DEFAULT_STATE_DIR
    output: Annotated[Format, Option("-o", "--output", help="How the status is printed.")] = Format.TEXT
    all: Annotated[bool, Option("--all", help="Every host that follows a published stack; asks Consul only.")] = False
    stack: Annotated[str, Option("--stack", metavar="NAME", help="With --all: only this stack.")] = ""


def _all(options: Options, terminal: Terminal) -> int:
    """Every host of the published stacks."""
    from netctl.cli.published import open_store
    from netctl.cluster.layout import Layout
    from netctl.cluster.overview import overview, stacks
    from netctl.report.clusters import clusters_document, clusters_text

    if options.file or not options.all:
        raise UsageError("--all asks Consul, and takes no file", "Write: netctl status --all [--stack NAME].")
    store = open_store(options.context)
    try:
        names = [stack_name(options.stack)] if options.stack else stacks(store)
        found = [overview(store, Layout(name)) for name in names]
    finally:
        store.close()
    if options.output is Format.JSON:
        terminal.result(json.dumps(clusters_document(found), indent=2))
    else:
        terminal.result("\n\n".join(clusters_text(entry, terminal.paint) for entry in found) or "Nothing is published.")
    return 0


def run(options: Options) -> int:
    """Which declarations hold on this host, which have drifted, and what is left of earlier ones."""
    terminal = options.terminal()
    if options.all or options.stack:
        return _all(options, terminal)
    with reading(options, terminal) as work:
        plan = work.plan()
        status = status_of(plan, work.desired)
        unread = work.unread(plan)
    watch = ask(socket_path(options.state_dir, place_of(plan.stack, options.netns)))
    if options.output is Format.JSON:
        terminal.result(json.dumps(status_document(status) | ({"watch": watch} if watch else {}), indent=2))
    else:
        terminal.result(status_text(status, terminal.paint, verbose=terminal.verbose))
        terminal.result(watch_text(watch) if watch else "")
    for part in unread:
        terminal.remark(f"not read: {part.system}: {part.part}: {part.reason}")
    return 0
