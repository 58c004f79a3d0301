"""A host of the tests of enforcement: a namespace to which policies are applied through the engine."""

from collections.abc import Iterator

import pytest

from tests.enforcement.lab import Lab
from tests.nftables.conftest import Host
from tests.support.namespaces import Namespaces


@pytest.fixture
def host(netns: Namespaces) -> Host:
    return Host(netns(loopback=True))


@pytest.fixture
def lab(netns: Namespaces) -> Iterator[Lab]:
    with Lab(netns) as entered:
        yield entered
