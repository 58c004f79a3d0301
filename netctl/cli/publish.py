"""``netctl publish``."""

from dataclasses import dataclass
from typing import Annotated

from netctl.cli.options import Sources, stack_name
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.engine.protocol import Context
from netctl.engine.store import Store
from netctl.errors import DeclarationError, RefusedError, Severity, UsageError


@dataclass(frozen=True, kw_only=True)
class Options(Sources):
    """What ``netctl publish`` takes."""

    max_unavailable: Annotated[
        int | None,
        Option("--max-unavailable", metavar="N", min=1, help="So many hosts at once take it up (default: all)."),
    ] = None
    stack: Annotated[str, Option("--stack", metavar="NAME", help="The stack of the host to forget.")] = ""
    forget: Annotated[str, Option("--forget", metavar="HOST", help="Forget a host that has left, and free its id.")] = (
        ""
    )
    yes: Annotated[bool, Option("-y", "--yes", help="Forget it even if its Consul node is alive.")] = False
    netns: Annotated[str, Option("--netns", metavar="NAME", help="Reach Consul from this network namespace.")] = ""


def run(options: Options) -> int:
    """Put the stack into Consul, from where the hosts that run 'netctl watch --consul' take it. Validates it first."""
    from netctl.cli.published import open_store

    terminal = options.terminal()
    store = open_store(Context(netns=options.netns))
    try:
        if options.forget:
            return _forget(options, store, terminal)
        return _publish(options, store, terminal)
    finally:
        store.close()


def _publish(options: Options, store: Store, terminal: Terminal) -> int:
    from netctl.cli.declarations import load_stack
    from netctl.cluster.document import document_of
    from netctl.cluster.layout import Layout
    from netctl.cluster.membership import view_of
    from netctl.cluster.publication import author, publish
    from netctl.cluster.rehearsal import rehearse
    from netctl.report.diagnostics import text

    if options.stack:
        raise UsageError("--stack is for --forget; what is published has its own name", "Leave it out.")
    loaded = load_stack(options)
    layout = Layout(loaded.stack.stack)
    found = rehearse(loaded, view_of(layout, store.read(layout.live)))
    if any(diagnostic.severity is Severity.ERROR for diagnostic in found):
        raise DeclarationError(found)
    terminal.remark(text(found, terminal.error_paint))
    done = publish(store, layout, document_of(loaded), options.max_unavailable, author())
    version = f"{layout.stack} version {done.publication.version}"
    if done.is_new:
        terminal.say(f"Published {version} ({done.publication.digest[:12]}).")
    else:
        terminal.say(f"Nothing has changed: {version} is published already.")
    return 0


def _forget(options: Options, store: Store, terminal: Terminal) -> int:
    from netctl.cluster.layout import Layout
    from netctl.cluster.leases import forget

    if options.file or not options.stack:
        raise UsageError("--forget needs the stack's name, and no file", "Write: --stack NAME --forget HOST.")
    host = stack_name(options.forget)
    if not forget(store, Layout(stack_name(options.stack)), host, alive=options.yes):
        raise RefusedError(f"stack '{options.stack}' knows of no host '{host}'", "See: netctl status --all.")
    terminal.say(f"Forgot host '{host}' of stack '{options.stack}'.")
    return 0
