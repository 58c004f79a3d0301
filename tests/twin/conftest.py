"""The ground that twins are put up on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twin.ground import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A machine of the test's own; in the end nothing of a twin may be left on it."""
    with Ground(tmp_path) as made:
        yield made
        assert made.left() == []
