"""What a saved plan is computed from, and the options that compute it again."""

import os
from pathlib import Path

from netctl.cli.options import Planning
from netctl.cli.saved_plan import Inputs
from netctl.cli.workspace import AnyReader, Workspace


def inputs_of(work: Workspace[AnyReader], options: Planning) -> Inputs:
    """The inputs of a workspace's plan, with absolute paths. Raises UsageError for a stack from standard input."""
    from netctl.cli.declarations import variable_environment

    return Inputs(
        files=tuple(str(Path.cwd() / file) for file in options.file),
        sources=work.declarations.sources,
        variables=tuple(options.var),
        variable_files=tuple(str(Path.cwd() / file) for file in options.var_file),
        environment=variable_environment(),
        host=work.host,
        netns=options.netns,
        adopt=options.adopt,
        targets=tuple(options.target),
        providers=tuple(options.providers),
    )


def options_of(inputs: Inputs, voice: Planning) -> Planning:
    """The options that lead to the same plan; how much is said is taken from *voice*."""
    return Planning(
        quiet=voice.quiet,
        verbose=voice.verbose,
        no_color=voice.no_color,
        file=[_shown(file) for file in inputs.files],
        var=list(inputs.variables),
        var_file=list(inputs.variable_files),
        netns=inputs.netns,
        provider=list(inputs.providers),
        host=inputs.host or None,
        target=list(inputs.targets),
        adopt=inputs.adopt,
    )


def _shown(path: str) -> str:
    """The path as someone here would write it: relative where it is below the current directory."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
