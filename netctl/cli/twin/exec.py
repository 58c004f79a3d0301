"""``netctl twin exec``."""

import os
import signal
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from netctl.cli.parameters import Argument
from netctl.cli.twin.options import Naming
from netctl.errors import NetctlError

_NOT_FOUND, _NOT_RUN = 127, 126
"""What a shell exits with where there is no such command, or where it cannot be run."""


@dataclass(frozen=True, kw_only=True)
class Options(Naming):
    """What ``netctl twin exec`` takes."""

    place: Annotated[str, Argument(metavar="HOST[/NETNS]", help="A host, or a namespace that is attached there.")]
    command: Annotated[list[str], Argument(metavar="COMMAND…", help="After --: the command and its arguments.")]


def run(options: Options) -> int:
    """Run a command inside the twin.

    On a host it sees what that host would: its network, its name, and what ip netns lists there. The exit code is
    the command's.
    """
    from netctl.twin.spaces import attached_on, enter_host, enter_space, hosts_of, remount_sys, space

    stack = options.stack_name
    host, _, netns = options.place.partition("/")
    _demand(host, hosts_of(stack), f"the twin of {stack} has no host '{host}'")
    attached = attached_on(stack, host)
    if netns:
        _demand(netns, attached, f"on {host} of the twin of {stack}, nothing called '{netns}' is attached")
    enter_host(host, space(stack, host), attached)
    if netns:
        enter_space(netns)
    remount_sys()
    return _become(options.command)


def _demand(name: str, known: Collection[str], message: str) -> None:
    """Raise NetctlError where there is no such thing in the twin."""
    if name not in known:
        there = f"There are: {', '.join(sorted(known))}." if known else "Put it up: netctl twin up -f stack.yaml"
        raise NetctlError(message, there)


def _become(command: list[str]) -> int:
    """Have the command in place of this process; the exit code where that cannot be."""
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a command with its arguments, and no shell
    except OSError as error:
        print(f"netctl: error: {command[0]} cannot be run: {error.strerror}", file=sys.stderr)  # noqa: T201
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_RUN
