"""Fixtures for all tests."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.namespaces import Namespaces, hide_names


def pytest_sessionstart() -> None:
    """Tests that run side by side, or were killed, do not see one another's namespaces.

    What runs in a shell's background ignores Ctrl-C, and so would the commands that tests interrupt.
    """
    # A busy machine makes any single example slow, which is no mistake.
    settings.register_profile("busy", deadline=None)
    settings.load_profile("busy")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.geteuid() == 0:
        hide_names()


@pytest.fixture(scope="session")
def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where commands keep their locks, and tell of their bugs, unless a test says where: not in the machine's place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETCTL_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_behind(_worker: str) -> Iterator[list[Namespaces]]:
    """Every maker of namespaces in this process; an error at the end of the session for what was not removed."""
    makers: list[Namespaces] = []
    yield makers
    left = [name for maker in makers for name in maker.left_behind()]
    assert not left, f"namespaces left behind: {' '.join(left)}"


@pytest.fixture
def netns(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Namespaces]:
    """Makes namespaces: ``netns()``, ``netns("host1", loopback=True)``; they go, with all in them, with the test."""
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: sudo make test")
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    yield namespaces
    namespaces.remove_all()
