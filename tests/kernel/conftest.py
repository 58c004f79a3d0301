"""Fixtures for the kernel's tests."""

import pytest

from tests.kernel.hosts import Host, make_host
from tests.support.namespaces import Namespaces


@pytest.fixture
def host(netns: Namespaces) -> Host:
    """A host with uplinks and a spare interface, and a namespace for what is attached to it."""
    return make_host(netns)
