"""A stack applied on every host of its twin, by the steps of ``netctl apply``: facts, compile, plan, apply, verify."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from netctl.compiler import compile_stack
from netctl.engine.apply import ApplyError, apply_plan
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Writer
from netctl.engine.registry import find_systems
from netctl.engine.session import Session, write_session
from netctl.errors import BackendError, ConflictError, DeclarationError, Diagnostic, NetctlError
from netctl.stack.loader import LoadedStack
from netctl.twin.blueprint import HostPlan
from netctl.twin.children import in_children
from netctl.twin.spaces import LONE, enter_host, space


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
    done = in_children([partial(_deploy_on, loaded, host) for host in hosts])
    for host in done:
        if host.failure is not None:
            if host.warnings:
                raise DeclarationError(host.warnings)
            message, advice, code = host.failure
            raise BackendError(f"on {host.host} of the twin: {message}", advice, code)
    return done


def _deploy_on(loaded: LoadedStack, host: HostPlan) -> Deployed:
    name = host.name or LONE
    try:
        enter_host(
            name,
            space(loaded.stack.stack, name),
            {netns: space(loaded.stack.stack, name, netns) for netns in host.attached},
        )
        with write_session(find_systems(), Context()) as session:
            return _apply(loaded, host.name, session)
    except DeclarationError as error:
        return Deployed(name, 0, error.diagnostics, (error.message, error.advice, error.code))
    except NetctlError as error:
        return Deployed(name, failure=(_story(error), error.advice, error.code))


def _apply(loaded: LoadedStack, host: str, session: Session[Writer]) -> Deployed:
    """Apply, and plan once more by the facts as they are then, as a second ``netctl apply`` would."""
    stack, name = loaded.stack.stack, host or LONE
    compiled = compile_stack(loaded.stack, loaded, host or None, session.facts())
    plan = session.plan(compiled.resources, stack=stack, host=name)
    if plan.conflicts or plan.unread:
        raise ConflictError(f"something is in the way: {_first(plan)}")
    apply_plan(plan, compiled.resources, session)
    again = session.plan(
        compile_stack(loaded.stack, loaded, host or None, session.facts()).resources, stack=stack, host=name
    )
    if again:
        raise BackendError(f"there is something to do again after all has been applied: {_first(again)}")
    return Deployed(name, len(compiled.resources), tuple(compiled.diagnostics))


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
