"""Sessions with the systems that the options choose, for commands that need no stack."""

from netctl.cli.options import Place
from netctl.engine.protocol import Reader, Writer
from netctl.engine.registry import find_systems
from netctl.engine.session import Session, read_session, write_session


def open_reader(options: Place) -> Session[Reader]:
    """A session with the chosen systems, to be entered."""
    return read_session(find_systems(options.providers), options.context)


def open_writer(options: Place) -> Session[Writer]:
    """As `open_reader`, with systems that can be changed."""
    return write_session(find_systems(options.providers), options.context)


def place_name(host: str, netns: str) -> str:
    """``node1``, or ``node1/blue`` for a network namespace."""
    return f"{host}/{netns}" if netns else host
