"""A host of the tests of enforcement: a namespace to which policies are applied through the engine."""

import pytest

from netctl.compiler.enforcement import Enforcement
from netctl.compiler.firewall import Segment, compile_firewall
from netctl.engine.plan import Plan
from tests.nftables.conftest import STACK, Host
from tests.support.namespaces import Namespaces


@pytest.fixture
def host(netns: Namespaces) -> Host:
    return Host(netns(loopback=True))


def apply(host: Host, enforcement: Enforcement, *segments: Segment) -> Plan:
    """Apply what is compiled; a second plan must be empty."""
    return host.apply(*compile_firewall(STACK, segments, None, enforcement))
