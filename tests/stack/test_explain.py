"""``netctl explain``: what a path of the language leads to."""

import pytest

from netctl.errors import UsageError
from netctl.stack.explain import explain
from netctl.stack.models import Stack


def first_line(path: str) -> str:
    return explain(path).splitlines()[0]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", "stack: a mapping"),
        ("stack", "stack: a name; required"),
        ("version", "version: `1`; default: 1"),
        ("vars", "vars: a mapping; optional"),
        ("include", "include: a path or a list; optional"),
        ("hosts.id", "hosts.id: an integer from 1 to 65535; optional"),
        ("hosts.node1.labels", "hosts.labels: a mapping; optional"),
        ("subnets.*.cidr", "subnets.cidr: a CIDR or a list; required"),
        ("subnets.<name>.cidr", "subnets.cidr: a CIDR or a list; required"),
        ("networks.bridge.attach", "networks.bridge.attach: a list; optional"),
        ("networks.parent", "networks.macvlan.parent: an interface's name; required"),
        ("networks.frontend.stp", "networks.bridge.stp: `true` or `false`; default: false"),
        ("networks.bridge.subnet.cidr", "networks.bridge.subnet.cidr: a CIDR or a list; required"),
        (
            "overlays.mtu",
            "overlays.vxlan.mtu, overlays.host-gw.mtu: `auto` or an integer from 68 to 65535; default: auto",
        ),
        ("routes[0].via", "routes.via: an address; optional"),
        ("routes.nexthops.weight", "routes.nexthops.weight: an integer from 1 to 256; default: 1"),
        ("rules.from", "rules.from: a CIDR, an address or `default`; optional"),
    ],
)
def test_a_path_leads_to_a_key_with_its_value_and_default(path: str, line: str) -> None:
    assert first_line(path) == line


def test_a_key_has_its_description_and_what_is_in_it() -> None:
    text = explain("networks.bridge.attach")
    assert "with netns:" in text
    assert "with interface:" in text
    assert "  default_route: `true` or `false`; default: true\n      Route everything" in text


def test_the_forms_of_a_declaration_are_told_apart() -> None:
    text = explain("networks")
    assert "driver: bridge (the default)" in text
    assert "driver: macvlan\n" in text


def test_every_top_level_key_can_be_explained() -> None:
    for key in Stack.model_fields:
        assert first_line(key).startswith(f"{key}: ")


def test_lines_are_not_longer_than_a_terminal_is_wide() -> None:
    for key in ("", *Stack.model_fields):
        assert max(map(len, explain(key).splitlines())) <= 100


@pytest.mark.parametrize(
    ("path", "message", "advice"),
    [
        ("netwroks", "'netwroks' is not a key of a stack", "Did you mean 'networks'?"),
        ("networks.mtuu", "'mtuu' is not a key of networks", "Did you mean 'mtu'?"),
        ("networks.bridge.zzz", "'zzz' is not a key of networks.bridge", "It has: provider, hosts, driver"),
        ("routes.via.x", "'x' is not a key of routes.via", "It has no keys."),
        ("routes.viaa", "'viaa' is not a key of routes", "Did you mean 'via'?"),
    ],
)
def test_a_path_that_leads_nowhere_has_a_hint(path: str, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(path)
    assert caught.value.message == message
    assert caught.value.advice.startswith(advice)
