"""``netctl import``."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from netctl.cli.options import Place, stack_name
from netctl.cli.parameters import Argument, Option
from netctl.cli.selection import matching
from netctl.cli.sessions import open_reader
from netctl.cli.terminal import Terminal
from netctl.engine.protocol import Reader
from netctl.engine.resource import Live
from netctl.engine.session import Session
from netctl.errors import UsageError
from netctl.report.live_stack import live_stack
from netctl.report.rows import key_order
from netctl.report.yaml_text import yaml_text


@dataclass(frozen=True, kw_only=True)
class Options(Place):
    """What ``netctl import`` takes."""

    resource: Annotated[
        list[str],
        Argument(
            metavar="RESOURCE", help="A kind (link), an address (kernel/link/br*) or its last part; default: all."
        ),
    ] = field(default_factory=list)
    stack: Annotated[
        str, Option("--stack", metavar="NAME", help="The stack's name (default: imported, or Compose's project).")
    ] = ""
    compose: Annotated[
        Path | None, Option("--compose", metavar="FILE", help="Print the networks of this Compose file instead.")
    ] = None


def run(options: Options) -> int:
    """Print what is live here, and owned by no stack, as a declaration; or what a Compose file declares."""
    terminal = options.terminal()
    if options.compose is not None:
        return _print_compose(options.compose, options, terminal)
    name = stack_name(options.stack or "imported")
    with open_reader(options) as session:
        found = sorted(_wanted(session, options), key=lambda live: key_order(live.key))
    if options.resource and not found:
        raise UsageError(
            f"nothing here is called {', '.join(options.resource)}", "netctl import without a name prints all."
        )
    result = live_stack(found, name)
    remarks = [f"not declared: {remark}" for remark in result.remarks]
    terminal.result(yaml_text(result.content, remarks))
    if len(result.content) == 1:
        terminal.remark("There is nothing here that could be declared and is not.")
    return 0


def _print_compose(path: Path, options: Options, terminal: Terminal) -> int:
    """Print the networks of a Compose file. Raises DeclarationError, UsageError."""
    from netctl.report.compose import compose_networks, project_name, stack_of
    from netctl.report.compose_file import read_compose

    if options.resource:
        raise UsageError("a Compose file and resources were named", "Name one of the two.")
    file = read_compose(path)
    project = options.stack or project_name(file, path)
    networks = compose_networks(file, project)
    remarks = list(dict.fromkeys(file.remarks))
    terminal.result(yaml_text({"stack": stack_name(stack_of(project)), "networks": networks}, remarks))
    return 0


def _wanted(session: Session[Reader], options: Options) -> Iterator[Live]:
    """What is foreign; or what is named, whoever owns it, with what lives in it or is a port of it."""
    everything = [live for member in session.members.values() for live in member.discover()]
    if not options.resource:
        yield from (live for live in everything if live.owner is None)
        return
    named = {live.key for live in everything if matching(live.key, options.resource)}
    links = {key.id for key in named if key.kind == "link"}
    for live in everything:
        attached = getattr(live.attributes, "master", None) in links
        if live.key in named or live.within in named or attached:
            yield live
