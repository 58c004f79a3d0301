"""``netctl explain``."""

from dataclasses import dataclass
from typing import Annotated

from netctl.cli.options import Voice
from netctl.cli.parameters import Argument


@dataclass(frozen=True, kw_only=True)
class Options(Voice):
    """What ``netctl explain`` takes."""

    path: Annotated[str, Argument(metavar="PATH", help="As in networks.attach.address; empty: everything.")] = ""


def run(options: Options) -> int:
    """Say what a key of the language means, what it takes, and its default."""
    from netctl.stack.explain import explain

    options.terminal().result(explain(options.path))
    return 0
