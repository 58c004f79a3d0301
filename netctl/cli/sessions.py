"""Sessions with the systems that the options choose, for commands that need no stack."""

from netctl.cli.options import Place
from netctl.engine.protocol import Reader, System, Writer
from netctl.engine.registry import GROUP, find_systems
from netctl.engine.session import Session, read_session, write_session
from netctl.errors import NetctlError
from netctl.kinds.link import SYSTEM as KERNEL


def open_reader(options: Place) -> Session[Reader]:
    """A session with the chosen systems, to be entered."""
    return read_session(_systems(options), options.context, _witnesses(options))


def open_writer(options: Place) -> Session[Writer]:
    """As `open_reader`, with systems that can be changed."""
    return write_session(_systems(options), options.context, _witnesses(options))


def place_name(host: str, netns: str) -> str:
    """``node1``, or ``node1/blue`` for a network namespace that does not bear the host's own name."""
    return f"{host}/{netns}" if netns and netns != host else host


def _witnesses(options: Place) -> tuple[System, ...]:
    """The kernel where it is left out: which host this is, and what is there to attach to, is told by no other."""
    return find_systems([KERNEL]) if options.providers and KERNEL not in options.providers else ()


def _systems(options: Place) -> tuple[System, ...]:
    if systems := find_systems(options.providers):
        return systems
    raise NetctlError(
        f"no reconciler is installed: the entry-point group {GROUP} is empty",
        "Install netctl as a package; its source alone, on the module search path, has no entry points.",
    )
