"""Live resources, listed and described."""

import json

from netctl.engine.resource import Live, Owner
from netctl.kinds.link import Bridge, OtherLink, link_key
from netctl.report.inventory import (
    Description,
    description_document,
    description_text,
    inventory_document,
    inventory_text,
)
from tests.report.plans import DESIRED, FRONTEND, LIVE, WEB


def test_the_list_names_stack_and_declaration_of_each() -> None:
    lines = inventory_text([*LIVE, Live(link_key("br10"), Bridge("", "br10"), Owner("other"))]).splitlines()
    assert lines[0].split() == ["ADDRESS", "OWNER", "DECLARATION", "WHAT"]
    assert lines[1].split() == ["kernel/link/br10", "other", "bridge"]
    assert "kernel/link/nc-frontend                 shop     networks.frontend  bridge, mtu 1500" in lines
    assert {line[40:44] for line in lines if " shop " in line} == {"shop"}


def test_an_empty_list_says_so() -> None:
    assert inventory_text([]) == "Nothing is owned by a stack here."


def test_the_document_has_every_attribute() -> None:
    document = json.loads(json.dumps(inventory_document(LIVE[:1])))
    assert document["resources"] == [
        {
            "address": "kernel/link/nc-frontend",
            "owner": "shop",
            "declaration": "networks.frontend",
            "attributes": {"netns": "", "name": "nc-frontend", "up": True, "mtu": 1500},
        }
    ]


def test_declared_and_live_values_stand_side_by_side_and_differences_are_marked() -> None:
    text = description_text(Description(FRONTEND, DESIRED[0], LIVE[0]))
    row = next(line for line in text.splitlines() if " mtu " in line)
    assert row.split() == ["~", "mtu", "1450", "1500"]
    assert "networks.frontend (stack.yaml:20)" in text


def test_what_a_resource_needs_is_told() -> None:
    assert "needs        kernel/link/nc-frontend" in description_text(Description(WEB, DESIRED[1], None))


def test_a_device_of_another_kind_differs_in_everything() -> None:
    text = description_text(Description(FRONTEND, DESIRED[0], Live(FRONTEND, OtherLink("", "nc-frontend", "dummy"))))
    assert "foreign" in text
    assert all(line.startswith("~") for line in text.splitlines() if " mtu " in line)


def test_what_could_not_be_read_is_not_called_absent() -> None:
    assert "live         could not be read: denied" in description_text(
        Description(FRONTEND, DESIRED[0], None, "could not be read: denied")
    )


def test_the_description_of_a_foreign_resource_has_no_source() -> None:
    document = description_document(Description(FRONTEND, None, LIVE[-2]))
    assert (document["source"], document["owner"], document["desired"]) == (None, "foreign", None)
