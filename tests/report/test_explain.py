"""What a key of the language means."""

import pytest

from netctl.errors import UsageError
from netctl.report.explain import explain
from netctl.stack.models import Stack

SCHEMA = Stack.model_json_schema()


@pytest.mark.parametrize(
    ("path", "first_line"),
    [
        ("networks.attach.address", "networks.<name>.attach.address  (text | list of text; optional)"),
        ("networks.frontend.mtu", "networks.<name>.mtu  (number; optional)"),
        ("networks.frontend.attach[0].netns", "networks.<name>.attach.netns  (text; required)"),
        ("overlays.vxlan.vni", "overlays.vxlan.vni  (number; required)"),
        ("routes.nexthops.weight", "routes.nexthops.weight  (number; optional)"),
        ("rules.from", "rules.from  (text; optional)"),
        ("stack", "stack  (text; required)"),
    ],
)
def test_a_path_leads_to_its_type(path: str, first_line: str) -> None:
    assert explain(SCHEMA, path).splitlines()[0] == first_line


def test_every_key_of_the_language_can_be_explained() -> None:
    for name, definition in SCHEMA["$defs"].items():
        for key in definition["properties"]:
            assert key in explain({**SCHEMA, "properties": {"it": {"$ref": f"#/$defs/{name}"}}}, f"it.{key}")


def test_a_mapping_lists_its_keys_with_their_defaults_and_marks_what_is_required() -> None:
    text = explain(SCHEMA, "subnets")
    assert "cidr*" in text
    assert "(* is required)" in text
    assert "Default: false." in explain(SCHEMA, "networks.bridge")


def test_each_form_of_a_declaration_is_shown() -> None:
    text = explain(SCHEMA, "networks")
    assert [line for line in text.splitlines() if line.startswith("driver: ")] == [
        "driver: bridge. One L2 segment on each of its hosts: a bridge, its gateway address, NAT, and",
        "driver: macvlan. Endpoints with a MAC address of their own on the segment of a parent interface.",
        "driver: host. The host's own network, to be referred to; nothing is made.",
    ]


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain(SCHEMA, "networks.frontend.mtuu")
    assert str(caught.value) == "networks.<name> has no key 'mtuu'"
    assert caught.value.advice == "Did you mean 'mtu'?"
