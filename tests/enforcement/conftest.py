"""A host of the tests of enforcement: a namespace to which policies are applied through the engine."""

from collections.abc import Iterator

import pytest

from tests.enforcement.lab import Lab
from tests.nftables.conftest import Host
from tests.support.namespaces import Namespaces


@pytest.fixture
def host(netns: Namespaces) -> Host:
    return Host(netns(loopback=True))


@pytest.fixture(scope="module")
def shared_lab(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Lab]:
    netns = Namespaces(_worker)
    _nothing_left_behind.append(netns)
    with Lab(netns) as entered:
        yield entered
    netns.remove_all()


@pytest.fixture
def lab(shared_lab: Lab) -> Lab:
    """The module's lab, with no policies declared."""
    shared_lab.reset()
    return shared_lab


@pytest.fixture
def own_lab(netns: Namespaces) -> Iterator[Lab]:
    """A lab for a test that changes its interfaces."""
    with Lab(netns) as entered:
        yield entered
