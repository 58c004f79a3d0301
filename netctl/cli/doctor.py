"""``netctl doctor``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from netctl.cli.options import Compiling, Format
from netctl.cli.parameters import Option
from netctl.cli.sessions import open_reader
from netctl.cli.workspace import reading
from netctl.engine.protocol import Capability, Reader
from netctl.engine.session import Session
from netctl.kinds.consul import SYSTEM as CONSUL
from netctl.kinds.docker import SYSTEM as DOCKER
from netctl.report.doctor import Findings, doctor_document, doctor_text, is_able


@dataclass(frozen=True, kw_only=True)
class Options(Compiling):
    """What ``netctl doctor`` takes."""

    output: Annotated[Format, Option("-o", "--output", help="How the findings are printed.")] = Format.TEXT


def run(options: Options) -> int:
    """Say what this host can do, and how to mend what it cannot. With -f, only of systems that the stack needs."""
    terminal = options.terminal()
    findings = _findings(options)
    if options.output is Format.JSON:
        terminal.result(json.dumps(doctor_document(findings), indent=2))
    else:
        terminal.result(doctor_text(findings, terminal.paint))
    return 0 if is_able(findings) else 1


def _findings(options: Options) -> Findings:
    """What every system can do, or those that the stack has resources in."""
    if not options.file:
        with open_reader(options) as session:
            return _capabilities(session)
    with reading(options, replace(options, quiet=True).terminal()) as work:
        needed = {key.system for key in work.desired}
        found = _capabilities(work.session)
        return {name: _needed(name, found[name]) for name in found if name in needed}


def _needed(name: str, found: Sequence[Capability]) -> Sequence[Capability]:
    """What the system says of itself; of Docker and Consul, being reached, which comes first, is required then."""
    return [found[0]._replace(required=True), *found[1:]] if name in {CONSUL, DOCKER} else found


def _capabilities(session: Session[Reader]) -> Findings:
    return {name: member.capabilities() for name, member in session.members.items()}
