"""``netctl explain``."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from netctl.cli.options import Voice
from netctl.report.explain import explain


@dataclass(frozen=True, kw_only=True)
class Options(Voice):
    """What ``netctl explain`` takes."""

    path: Annotated[str, typer.Argument(metavar="PATH", help="As in networks.attach.address; empty: everything.")] = ""


def run(options: Options) -> int:
    """Say what a key of the language means, what it takes, and its default."""
    options.terminal().result(explain(_schema(), options.path))
    return 0


def _schema() -> dict[str, Any]:
    """The models' own schema: editors get another, which allows a variable in the place of every value."""
    from netctl.stack.models import Stack
    from netctl.stack.schema import stack_schema

    schema = Stack.model_json_schema()
    beside = {key: value for key, value in stack_schema()["properties"].items() if key in {"include", "vars"}}
    return schema | {"properties": beside | schema["properties"]}
