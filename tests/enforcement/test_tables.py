"""The compiled tables in the kernel: taken, read back the same, and understood by nft."""

from hypothesis import HealthCheck, given, settings

from netctl.compiler.enforcement import enforce
from netctl.compiler.firewall import compile_firewall
from netctl.policy.model import PolicySet
from tests.enforcement.worlds import HOST, worlds
from tests.nftables.conftest import STACK, Host

BY_KERNEL = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@BY_KERNEL
@given(worlds())
def test_the_kernel_takes_what_is_compiled_and_a_second_plan_is_empty(host: Host, policies: PolicySet) -> None:
    host.apply(*compile_firewall(STACK, (), None, enforce(policies, HOST, STACK)))


@BY_KERNEL
@given(worlds(most=20))
def test_nft_saves_and_restores_it_without_a_difference(host: Host, policies: PolicySet) -> None:
    desired = list(compile_firewall(STACK, (), None, enforce(policies, HOST, STACK)))
    host.apply(*desired)
    saved = host.ruleset()
    host.nft(f"flush ruleset\n{saved}")
    assert not host.plan(*desired)
