"""``netctl describe``."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated

from netctl.cli.options import Clustered, Format
from netctl.cli.parameters import Argument, Option
from netctl.cli.workspace import Workspace, reading
from netctl.engine.protocol import Observation, Reader, Scope
from netctl.engine.resource import Key
from netctl.errors import UsageError
from netctl.report.inventory import Description, description_document, description_text


@dataclass(frozen=True, kw_only=True)
class Options(Clustered):
    """What ``netctl describe`` takes."""

    resource: Annotated[str, Argument(metavar="RESOURCE", help="An address: kernel/link/nc-web, or its last part.")]
    output: Annotated[Format, Option("-o", "--output", help="How it is printed.")] = Format.TEXT


def run(options: Options) -> int:
    """Show one resource: declared and live values side by side, its owner, its source, what it needs."""
    terminal = options.terminal()
    with reading(options, terminal) as work:
        observation = work.session.observe(Scope(work.stack, work.desired))
        descriptions = [_describe(key, work, observation) for key in _named(options.resource, work, observation)]
    if options.output is Format.JSON:
        terminal.result(json.dumps([description_document(found) for found in descriptions], indent=2))
    else:
        terminal.result("\n\n".join(description_text(found, terminal.paint) for found in descriptions))
    return 0


def _named(text: str, work: Workspace[Reader], observation: Observation) -> list[Key]:
    """The resources that *text* names: one by its address, or all whose last part it is. Raises UsageError."""
    known = dict.fromkeys([*work.desired, *observation.live])
    found = [key for key in known if str(key) == text] or [key for key in known if key.id == text]
    if not found:
        near = get_close_matches(text, _spellings(known), n=1, cutoff=0.5)
        advice = f"Did you mean '{near[0]}'?" if near else "netctl get lists what is live."
        raise UsageError(f"there is no resource '{text}', neither declared by {work.stack} nor owned by it", advice)
    return found


def _spellings(keys: Iterable[Key]) -> list[str]:
    return [spelling for key in keys for spelling in (str(key), key.id)]


def _describe(key: Key, work: Workspace[Reader], observation: Observation) -> Description:
    reasons = [f"could not be read: {part.reason}" for part in observation.unread if key in part.keys]
    return Description(key, work.desired.get(key), observation.live.get(key), reasons[0] if reasons else "")
