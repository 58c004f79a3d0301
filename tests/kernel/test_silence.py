"""Nothing is done where there is nothing to do."""

from tests.kernel.driving import apply, converged
from tests.kernel.hosts import Host, everything
from tests.support.notifications import netlink_writes


def test_a_second_plan_is_empty_and_a_second_apply_sends_not_one_write(host: Host) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    converged(host.ns, declared)
    with netlink_writes(host.ns) as on_host, netlink_writes(host.app) as in_app:
        apply(host.ns, declared)
    assert (on_host, in_app) == ([], [])
