"""A stack applied on every host of its twin, by the steps of ``netctl apply``: facts, compile, plan, apply, verify."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from netctl.compiler.compile import Examined, compile_host, examine
from netctl.compiler.places import Problems
from netctl.engine.apply import ApplyError, apply_plan
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Writer
from netctl.engine.registry import find_systems
from netctl.engine.resource import Desired, Key
from netctl.engine.session import Session, write_session
from netctl.errors import BackendError, ConflictError, DeclarationError, Diagnostic, NetctlError
from netctl.stack.loader import LoadedStack
from netctl.twin.blueprint import HostPlan
from netctl.twin.children import in_children
from netctl.twin.spaces import LONE, enter_host, space

SYSTEMS = ("kernel", "nftables")
"""Those of which a namespace has its own."""


class Deployed(NamedTuple):
    """What an apply did on one host, or why it did not."""

    host: str
    resources: int = 0
    """That the stack has there."""
    warnings: tuple[Diagnostic, ...] = ()
    """Or errors, where the stack cannot be compiled for the host."""
    failure: tuple[str, str, str] | None = None
    """What went wrong, what to do, and its code."""


def deploy(loaded: LoadedStack, hosts: Sequence[HostPlan]) -> list[Deployed]:
    """Apply the stack on hosts that are there, as many at a time as there are processors.

    Raises DeclarationError, BackendError where it fails on one of them.
    """
    problems = Problems(loaded)
    examined = examine(loaded.stack, loaded, problems)
    problems.stop_on_errors()
    done = in_children([partial(_deploy_on, loaded, examined, host) for host in hosts])
    for host in done:
        if host.failure is not None:
            if host.warnings:
                raise DeclarationError(host.warnings)
            message, advice, code = host.failure
            raise BackendError(f"on {host.host} of the twin: {message}", advice, code)
    return done


def _deploy_on(loaded: LoadedStack, examined: Examined, host: HostPlan) -> Deployed:
    name = host.name or LONE
    try:
        enter_host(
            name,
            space(loaded.stack.stack, name),
            {netns: space(loaded.stack.stack, name, netns) for netns in host.attached},
        )
        with write_session(find_systems(SYSTEMS), Context()) as session:
            return _apply(loaded, examined, host.name, session)
    except DeclarationError as error:
        return Deployed(name, 0, error.diagnostics, (error.message, error.advice, error.code))
    except NetctlError as error:
        return Deployed(name, failure=(_story(error), error.advice, error.code))


def _apply(loaded: LoadedStack, examined: Examined, host: str, session: Session[Writer]) -> Deployed:
    """Apply, and plan once more by the facts as they are then, as a second ``netctl apply`` would."""

    def compiled() -> tuple[dict[Key, Desired], list[Diagnostic]]:
        found = compile_host(examined, host or None, session.facts(), loaded, Problems(loaded))
        wanted = {key: _within_reach(want) for key, want in found.resources.items() if key.system in SYSTEMS}
        return wanted, found.diagnostics

    def make_plan(desired: Mapping[Key, Desired]) -> Plan:
        return session.plan(desired, stack=loaded.stack.stack, host=host or LONE)

    desired, warnings = compiled()
    plan = make_plan(desired)
    if plan.conflicts or plan.unread:
        raise ConflictError(f"something is in the way: {_first(plan)}")
    apply_plan(plan, desired, session)
    again = make_plan(compiled()[0])
    if again:
        raise BackendError(f"there is something to do again after all has been applied: {_first(again)}")
    return Deployed(host or LONE, len(desired), tuple(warnings))


def _within_reach(want: Desired) -> Desired:
    """Without what it needs of systems that a namespace has not got."""
    return want._replace(needs=tuple(need for need in want.needs if need.system in SYSTEMS))


def _first(plan: Plan) -> str:
    for change in plan.changes:
        return f"{change.action} {change.key} ({', '.join(change.fields) or change.reason})"
    for conflict in plan.conflicts:
        return f"{conflict.desired.key} is there already"
    return "; ".join(f"{part.system}: {part.part}: {part.reason}" for part in plan.unread)


def _story(error: NetctlError) -> str:
    if isinstance(error, ApplyError) and error.report.failed:
        return f"{error.message}: {error.report.failed[0].failure}"
    return error.message
