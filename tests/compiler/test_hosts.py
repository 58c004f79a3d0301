"""Which host of the stack this machine is."""

from typing import Any

import pytest

from netctl.compiler import choose_host, compile_stack
from netctl.engine.facts import Facts
from netctl.errors import NetctlError, UsageError
from tests.compiler.stacks import PLACES, facts_of, stack_of

HOSTS = {"hosts": {"node1": {"address": "192.0.2.1"}, "node2": {"address": "192.0.2.2"}}}


def _facts(**declared: Any) -> Facts:
    facts = facts_of(declared)
    assert facts is not None
    return facts


def test_the_option_decides_before_the_hostname() -> None:
    assert choose_host(stack_of(HOSTS), "node2", _facts(hostname="node1")) == "node2"


def test_the_hostname_decides_before_the_addresses() -> None:
    facts = _facts(hostname="node1", links={"eth0": {"addresses": ["192.0.2.2/24"]}})
    assert choose_host(stack_of(HOSTS), None, facts) == "node1"


def test_the_first_label_of_a_qualified_hostname_counts() -> None:
    assert choose_host(stack_of(HOSTS), None, _facts(hostname="node2.example.com")) == "node2"


def test_an_address_on_an_interface_decides_where_the_name_does_not() -> None:
    facts = _facts(hostname="other", links={"eth0": {"addresses": ["10.0.0.1/8", "192.0.2.2/24"]}})
    assert choose_host(stack_of(HOSTS), None, facts) == "node2"


def test_a_stack_without_hosts_is_for_this_machine() -> None:
    assert choose_host(stack_of({}), None, _facts(hostname="any")) is None


def test_an_option_that_names_no_host_is_a_usage_error_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="declares no host 'nod1'") as caught:
        choose_host(stack_of(HOSTS), "nod1", _facts())
    assert (caught.value.advice, caught.value.code) == ("did you mean 'node1'?", "NC321")
    with pytest.raises(UsageError, match="declares no hosts"):
        choose_host(stack_of({}), "node1", _facts())


def test_a_machine_that_is_none_of_the_hosts_is_an_error_that_lists_them() -> None:
    with pytest.raises(NetctlError, match="this machine is none of the hosts of stack 'shop'") as caught:
        choose_host(stack_of(HOSTS), None, _facts(hostname="other"))
    assert "node1, node2" in caught.value.advice
    assert caught.value.exit_code == 1


def test_a_machine_that_could_be_two_hosts_is_asked_which() -> None:
    facts = _facts(links={"eth0": {"addresses": ["192.0.2.1/24", "192.0.2.2/24"]}})
    with pytest.raises(NetctlError, match="several hosts of stack 'shop': node1, node2"):
        choose_host(stack_of(HOSTS), None, facts)


@pytest.mark.parametrize("host", [None, "node3"])
def test_a_stack_is_not_compiled_for_a_host_that_it_does_not_declare(host: str | None) -> None:
    with pytest.raises(UsageError):
        compile_stack(stack_of(HOSTS), PLACES, host, None)
