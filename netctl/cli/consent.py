"""What stands between a plan and its execution: conflicts, the limit on deletions, and the user's word."""

from netctl.cli.terminal import Terminal
from netctl.engine.change import Action
from netctl.engine.plan import Plan
from netctl.errors import ConflictError, RefusedError
from netctl.kinds.docker import held_elsewhere
from netctl.report.rows import enumerated, plural


def refuse_conflicts(plan: Plan) -> None:
    """Raise ConflictError where something declared is there already and foreign."""
    if not plan.conflicts:
        return
    from netctl.report.plan_text import import_command

    first = plan.conflicts[0].desired.key
    adopt = "take it over with --adopt, or " if all(conflict.adoptable for conflict in plan.conflicts) else ""
    count = len(plan.conflicts)
    subject = f"{first} is" if count == 1 else f"{first} and {count - 1} more are"
    raise ConflictError(
        f"{subject} there already and not of stack {plan.stack}; nothing was changed",
        f"See what is there with {import_command(plan.conflicts)}; {adopt}remove it, or rename the declaration.",
        "NC401",
    )


def refuse_held(plan: Plan) -> None:
    """Raise RefusedError where a network of a swarm is to go, or be made anew, while others of the swarm are on it."""
    for change in plan.changes:
        if held := held_elsewhere(change):
            verb = "removed" if change.action is Action.DELETE else "made anew"
            raise RefusedError(
                f"{change.key} cannot be {verb} while others of the swarm are on it: {enumerated(held)}; "
                "nothing was changed",
                f"Take them off it there (docker network disconnect -f {change.key.id} CONTAINER), apply, and connect "
                "them again.",
                "NC408",
            )


def refuse_mass_deletion(plan: Plan, limit: int | None) -> None:
    """Raise RefusedError where *plan* deletes more than *limit*; without one, where it deletes all that is owned."""
    deletions = plan.count()[Action.DELETE]
    if limit is None:
        if deletions and deletions >= plan.owned:
            raise RefusedError(
                f"this deletes everything that stack {plan.stack} owns on {plan.host}: {_resources(deletions)}",
                f"If it is meant, say --max-deletes {deletions}, or netctl destroy --stack {plan.stack}.",
                "NC402",
            )
    elif deletions > limit:
        raise RefusedError(
            f"this deletes {_resources(deletions)}, and --max-deletes allows {limit}",
            f"If it is meant, say --max-deletes {deletions}.",
            "NC402",
        )


def obtain(plan: Plan, terminal: Terminal, *, yes: bool) -> bool:
    """Ask where something is deleted or replaced; True where someone was asked, and agreed. Raises RefusedError."""
    counts = plan.count()
    deeds = [(counts[Action.DELETE], "delete"), (counts[Action.REPLACE], "replace")]
    text = " and ".join(f"{verb}s {_resources(count)}" for count, verb in deeds if count)
    if yes or not text:
        return False
    if not terminal.can_ask:
        raise RefusedError(f"this {text}, and nobody can be asked here", "If it is meant, say --yes.", "NC403")
    if terminal.ask(f"This {text} on {plan.host}. Type yes to go on: ") != "yes":
        raise RefusedError("not confirmed; nothing was changed", code="NC403")
    return True


def _resources(count: int) -> str:
    return f"{count} {plural('resource', count)}"
