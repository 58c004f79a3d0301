"""Labs for one test, or for all tests of a module."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path) -> Lab:
    """An empty lab of the test's own."""
    return Lab(netns, tmp_path)


@pytest.fixture(scope="module")
def shared_lab(
    _worker: str, _nothing_left_behind: list[Namespaces], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Lab]]:
    """Makes labs that live as long as the module's tests."""
    with ExitStack() as stack:

        def make() -> Lab:
            namespaces = Namespaces(_worker)
            _nothing_left_behind.append(namespaces)
            stack.callback(namespaces.remove_all)
            return Lab(namespaces, tmp_path_factory.mktemp("lab"))

        yield make
