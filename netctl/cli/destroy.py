"""``netctl destroy``."""

from dataclasses import dataclass
from typing import Annotated, Any

from netctl.cli.consent import refuse_held
from netctl.cli.execution import Job, carry_out
from netctl.cli.lock import sole_writer
from netctl.cli.options import Changing, Format, HostChoice, PlanFormat, Sources, stack_name
from netctl.cli.parameters import Option
from netctl.cli.plan import print_plan
from netctl.cli.reach import reach_of, reached, read_by
from netctl.cli.sessions import open_writer, place_name
from netctl.cli.ssh_connection import ssh_connection
from netctl.cli.terminal import Terminal
from netctl.engine.facts import Facts
from netctl.engine.plan import Plan
from netctl.engine.protocol import Writer
from netctl.engine.session import Session
from netctl.errors import NetctlError, UsageError
from netctl.kinds.docker import SYSTEM as DOCKER
from netctl.report.apply_report import duration
from netctl.report.ssh_cut import ssh_warnings
from netctl.stack.source import STDIN


@dataclass(frozen=True, kw_only=True)
class Options(Changing, Sources, HostChoice):
    """What ``netctl destroy`` takes."""

    stack: Annotated[str, Option("--stack", metavar="NAME", help="The stack's name, in place of -f.")] = ""
    output: Annotated[Format, Option("-o", "--output", help="How the result is printed.")] = Format.TEXT


def run(options: Options) -> int:
    """Remove all that the stack owns on this host, and nothing else."""
    terminal = options.terminal()
    stack, content = _named(options)
    reach = reach_of(stack, options.netns, options.state_dir)
    with (
        open_writer(options) as session,
        sole_writer(stack, options.netns, "netctl destroy", options, terminal),
    ):
        facts = session.facts()
        session.known = reach.recall() | _declared_systems(content, options, facts)
        place = place_name(options.host or facts.hostname, options.netns)

        def make_plan() -> Plan:
            return session.plan({}, stack=stack, host=place)

        plan = make_plan()
        if options.output is Format.TEXT:
            warnings = [] if options.netns else ssh_warnings(plan, facts.links, ssh_connection())
            _print(plan, warnings, terminal)
        refuse_held(plan)
        report, seconds = carry_out(plan, Job(make_plan, {}, session, options, terminal, options.output))
        last = make_plan() if report.done else plan
        _demand_nothing_left(last, session)
        reach.keep(frozenset(), read_by(last, session.members))
        if report.done and options.output is Format.TEXT:
            text = f"Removed in {duration(seconds)}, and looked again: {stack} owns nothing on {place}."
            terminal.say(terminal.paint("green", text))
    return 0


def _named(options: Options) -> tuple[str, dict[str, Any]]:
    """The stack's name, and what the file declares where one is given."""
    if options.stack and options.file:
        raise UsageError("both --stack and -f were given", "Name the stack with one of them.")
    if options.stack:
        return stack_name(options.stack), {}
    if not options.file:
        raise UsageError("no stack was named", "Name one with -f stack.yaml, or with --stack and its name.")
    from netctl.cli.declarations import declared_content, load_declarations

    content = declared_content(options)
    try:
        return stack_name(content["stack"]), content
    except UsageError:
        return load_declarations(options).name, content  # tells the place of a name that is none


def _declared_systems(content: dict[str, Any], options: Options, facts: Facts) -> frozenset[str]:
    """The systems besides the host's own that the file gives the stack something in, here; none of an invalid one."""
    if STDIN in options.file or not _may_reach_beyond(content):
        return frozenset()
    from netctl.cli.declarations import load_declarations

    try:
        declarations = load_declarations(options)
        return reached(declarations.compile(declarations.choose_host(options.host, facts), facts).resources)
    except NetctlError:  # it still names the stack, and what was remembered counts
        return frozenset()


def _may_reach_beyond(content: dict[str, Any]) -> bool:
    """Whether it is worth a look, which takes a while: a network of Docker's is named, or something in Consul."""
    networks = content.get("networks")
    declared = networks.values() if isinstance(networks, dict) else ()
    of_docker = any(isinstance(network, dict) and network.get("provider") == DOCKER for network in declared)
    return of_docker or not content.keys().isdisjoint({"consul", "kv", "services"})


def _print(plan: Plan, warnings: list[str], terminal: Terminal) -> None:
    if plan:
        print_plan(plan, warnings, PlanFormat.TEXT, terminal)
    else:
        terminal.say(f"No changes. {plan.stack} owns nothing on {plan.host}.")


def _demand_nothing_left(plan: Plan, session: Session[Writer]) -> None:
    """Raise NetctlError where something of the stack is still there, or could not be looked for."""
    left = [str(change.key) for change in plan.changes]
    if left:
        shown = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        raise NetctlError(
            f"something of stack {plan.stack} is still there: {shown}", "Run netctl destroy again.", "NC407"
        )
    if plan.unread:
        systems = ", ".join(dict.fromkeys(part.system for part in plan.unread if part.system in session.members))
        raise NetctlError(
            f"whether all is gone is not known, as not all could be read: {systems}",
            "Mend the cause that the plan shows, and destroy again; --provider leaves out what is gone for good.",
            "NC406",
        )
