"""``netctl twin up``."""

from dataclasses import dataclass

from netctl.cli.twin.options import Holding, examined


@dataclass(frozen=True, kw_only=True)
class Options(Holding):
    """What ``netctl twin up`` takes."""


def run(options: Options) -> int:
    """Build the stack's hosts here as namespaces; apply it there.

    A twin that is up already is built anew. What is left of one that was killed is removed first.
    """
    from netctl.report.diagnostics import text
    from netctl.report.twin_text import twin_text
    from netctl.twin.holding import keep
    from netctl.twin.twin import put_up

    terminal = options.terminal()
    loaded, examination = examined(options, terminal)
    with options.held(loaded.stack.stack, terminal) as directory:
        twin = put_up(loaded, examination, directory)
        keep(directory, loaded.digest)
    terminal.remark(text(twin.warnings, terminal.error_paint))
    terminal.say(twin_text(twin, terminal.paint))
    return 0
