"""A plan for programs."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from netctl.report.plan_json import plan_document
from netctl.report.plan_schema import plan_schema
from tests.report.plans import DESIRED, LIVE, everything, plan_of


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads(json.dumps(plan_document(everything(), warnings=["careful"])))


@pytest.fixture
def changes(document: dict[str, Any]) -> dict[str, Any]:
    return {change["address"]: change for change in document["resource_changes"]}


def test_the_schema_is_a_schema_and_the_plan_keeps_it(document: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(plan_schema())
    Draft202012Validator(plan_schema()).validate(document)


@pytest.mark.parametrize("field", ["format_version", "resource_changes", "fingerprint", "conflicts", "unread"])
def test_the_schema_demands_what_a_program_relies_on(document: dict[str, Any], field: str) -> None:
    del document[field]
    with pytest.raises(ValidationError):
        Draft202012Validator(plan_schema()).validate(document)


def test_actions_are_those_of_terraform(changes: dict[str, Any]) -> None:
    actions = {address: change["change"]["actions"] for address, change in changes.items()}
    assert actions["kernel/link/nc-web"] == ["create"]
    assert actions["kernel/link/nc-frontend"] == ["update"]
    assert actions["kernel/link/nc-pods-vx"] == ["delete", "create"]
    assert actions["kernel/link/nc-old"] == ["delete"]


def test_a_change_tells_both_values_and_what_forces_a_replacement(changes: dict[str, Any]) -> None:
    replaced = changes["kernel/link/nc-pods-vx"]
    assert (replaced["change"]["before"]["vni"], replaced["change"]["after"]["vni"]) == (42, 43)
    assert replaced["change"]["replace_paths"] == [["vni"]]
    assert replaced["action_reason"] == "replace_because_cannot_update"


def test_a_change_tells_where_it_was_declared(changes: dict[str, Any]) -> None:
    created = changes["kernel/link/nc-web"]
    assert (created["declaration"], created["source"]) == ("networks.frontend", {"file": "stack.yaml", "line": 22})
    assert (changes["kernel/link/nc-old"]["declaration"], changes["kernel/link/nc-old"]["source"]) == (
        "networks.old",
        None,
    )


def test_what_is_not_managed_is_not_in_the_attributes(changes: dict[str, Any]) -> None:
    assert "stp" not in changes["kernel/link/nc-frontend"]["change"]["after"]


def test_a_plan_with_conflicts_or_without_changes_cannot_be_applied(document: dict[str, Any]) -> None:
    assert document["applyable"] is False
    assert plan_document(plan_of([], []))["applyable"] is False
    assert plan_document(plan_of(DESIRED[:1], []))["applyable"] is True


def test_a_plan_that_could_not_see_everything_says_so(document: dict[str, Any]) -> None:
    assert document["complete"] is False
    assert document["unread"][0]["addresses"] == ["kernel/address/db/eth0 10.20.0.10/24"]


def test_the_document_does_not_depend_on_the_order_of_declarations() -> None:
    assert plan_document(plan_of(DESIRED, LIVE)) == plan_document(plan_of(DESIRED[::-1], LIVE[::-1]))
