"""``netctl get``."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from netctl.cli.options import Format, Place, stack_name
from netctl.cli.parameters import Argument, Option
from netctl.cli.selection import matching
from netctl.cli.sessions import open_reader
from netctl.engine.protocol import Observation, Reader, Scope
from netctl.engine.resource import Live
from netctl.engine.session import Session
from netctl.report.inventory import inventory_document, inventory_text
from netctl.report.paint import printable


@dataclass(frozen=True, kw_only=True)
class Options(Place):
    """What ``netctl get`` takes."""

    resource: Annotated[
        list[str],
        Argument(metavar="RESOURCE", help="A kind (link), an address (kernel/link/nc-*) or its last part."),
    ] = field(default_factory=list)
    stack: Annotated[str, Option("--stack", metavar="NAME", help="Only what this stack owns, in full.")] = ""
    output: Annotated[Format, Option("-o", "--output", help="How the list is printed.")] = Format.TEXT


def run(options: Options) -> int:
    """List what is live here and owned by a stack: address, stack, declaration."""
    terminal = options.terminal()
    with open_reader(options) as session:
        name = stack_name(options.stack) if options.stack else ""
        seen = session.observe(Scope(name, {}))
        owned = list(_of(name, seen) if name else _of_any(session))
        found = [live for live in owned if matching(live.key, options.resource)]
    for part in seen.unread:
        terminal.remark(printable(f"Not read: {part.system}: {part.part}: {part.reason}"))
    if options.output is Format.JSON:
        terminal.result(json.dumps(inventory_document(found), indent=2))
    elif owned and not found:
        which = f"stack {name} owns" if name else "stacks own"
        terminal.result(
            printable(f"Of the {len(owned)} resources that {which} here, none is {' or '.join(options.resource)}.")
        )
    else:
        terminal.result(inventory_text(found, terminal.paint))
    return 0


def _of(stack: str, seen: Observation) -> Iterator[Live]:
    """What the stack owns."""
    return (live for live in seen.live.values() if live.owner is not None and live.owner.stack == stack)


def _of_any(session: Session[Reader]) -> Iterator[Live]:
    """What can be seen to be owned by any stack."""
    for member in session.members.values():
        yield from (live for live in member.discover() if live.owner is not None)
