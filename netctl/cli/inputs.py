"""What a saved plan is computed from, and the options that compute it again."""

import os
from collections.abc import Iterable
from pathlib import Path

from netctl.cli.options import Planning
from netctl.cli.saved_plan import Inputs
from netctl.cli.workspace import AnyReader, Workspace

_GUESSED = 6
"""Characters from which on a variable that a secret only contains is taken for a part of it, not for chance."""


def inputs_of(work: Workspace[AnyReader], options: Planning) -> Inputs:
    """The inputs of a workspace's plan, with absolute paths. Raises UsageError for a stack from standard input."""
    from netctl.cli.declarations import variable_environment

    environment = variable_environment()
    given = [_name_and_value(variable) for variable in options.var]
    secrets = work.declarations.loaded.stack.sensitive_values
    withheld = sorted(name for name, value in {**environment, **dict(given)}.items() if _is_part(value, secrets))
    return Inputs(
        files=tuple(str(Path.cwd() / file) for file in options.file),
        sources=work.declarations.sources,
        variables=tuple(text for text, (name, _) in zip(options.var, given, strict=True) if name not in withheld),
        variable_files=tuple(str(Path.cwd() / file) for file in options.var_file),
        environment={name: value for name, value in environment.items() if name not in withheld},
        withheld=tuple(withheld),
        host=work.host,
        netns=options.netns,
        adopt=options.adopt,
        targets=tuple(options.target),
        providers=tuple(options.providers),
        consul=options.consul,
    )


def _name_and_value(variable: str) -> tuple[str, str]:
    """A variable of the command line, by the name that it has in the environment."""
    from netctl.stack.definitions import ENVIRONMENT_PREFIX

    name, _, value = variable.partition("=")
    return f"{ENVIRONMENT_PREFIX}{name}", value


def _is_part(value: str, secrets: Iterable[str]) -> bool:
    return any(value == secret or (len(value) >= _GUESSED and value in secret) for secret in secrets)


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
        consul=inputs.consul,
    )


def _shown(path: str) -> str:
    """The path as someone here would write it: relative where it is below the current directory."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
