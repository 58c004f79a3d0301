"""Fixtures: a host with endpoints, and its watch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.watcher import Watcher, build, watching
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path) -> Lab:
    made = Lab(netns, tmp_path)
    build(made)
    return made


@pytest.fixture
def watcher(lab: Lab) -> Iterator[Watcher]:
    with watching(lab) as running:
        yield running
