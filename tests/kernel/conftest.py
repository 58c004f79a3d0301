"""Fixtures for the kernel's tests."""

from collections.abc import Iterator

import pytest

from tests.kernel.hosts import Host, make_host
from tests.support.namespaces import Namespaces


@pytest.fixture
def host(netns: Namespaces) -> Host:
    """A host with uplinks and a spare interface, and a namespace for what is attached to it."""
    return make_host(netns)


@pytest.fixture(scope="module")
def shared_netns(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Namespaces]:
    """Makes namespaces that go with the module's last test."""
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    yield namespaces
    namespaces.remove_all()
