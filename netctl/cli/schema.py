"""``netctl schema``."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from netctl.cli.options import Voice
from netctl.cli.parameters import Argument


class Subject(StrEnum):
    """What there is a schema of."""

    STACK = "stack"
    PLAN = "plan"
    TEST = "test"
    TRACE = "trace"


@dataclass(frozen=True, kw_only=True)
class Options(Voice):
    """What ``netctl schema`` takes."""

    subject: Annotated[
        Subject,
        Argument(metavar="SUBJECT", help="Of a stack file, or of what that command prints as JSON."),
    ] = Subject.STACK


def run(options: Options) -> int:
    """Print a JSON Schema: of stack files, for editors, or of what plan, test and trace print with -o json."""
    options.terminal().result(json.dumps(_schema(options.subject), indent=2, ensure_ascii=False))
    return 0


def _schema(subject: Subject) -> dict[str, Any]:
    if subject is Subject.PLAN:
        from netctl.report.plan_schema import plan_schema

        return plan_schema()
    if subject is Subject.TEST:
        from netctl.report.trials_json import trials_schema

        return trials_schema()
    if subject is Subject.TRACE:
        from netctl.report.trace_json import trace_schema

        return trace_schema()
    from netctl.stack.schema import stack_schema

    return stack_schema()
