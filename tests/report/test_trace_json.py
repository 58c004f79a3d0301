"""Traces for programs."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from netctl.report.trace_json import trace_schema, traces_document
from tests.path.tracing import OVERLAY, SHOP, tracer
from tests.policy.stacks import loaded

SEVERAL_HOPS = "routes: [{to: 198.51.100.0/24, nexthops: [{via: 10.20.0.10}, {via: 10.20.0.11}]}]\n"


def document(text: str, source: str, destination: str, port: str = "5432") -> dict[str, Any]:
    traces = tracer(text).trace(source, destination, port)
    return json.loads(json.dumps(traces_document("shop", traces, loaded(text).line)))


@pytest.mark.parametrize(
    ("text", "source", "destination"),
    [
        (SHOP, "web", "db"),
        (SHOP, "web", "203.0.113.1"),
        (SHOP, "203.0.113.1", "web"),
        (SHOP, "web", "2001:db8::1"),
        (f"{SHOP}{SEVERAL_HOPS}", "web", "198.51.100.1"),
        (OVERLAY, "a", "b"),
        (OVERLAY, "a", "n2"),
    ],
)  # fmt: skip
def test_every_trace_keeps_the_schema(text: str, source: str, destination: str) -> None:
    Draft202012Validator.check_schema(trace_schema())
    Draft202012Validator(trace_schema()).validate(document(text, source, destination))


@pytest.mark.parametrize("field", ["verdict", "connects", "decided_by", "sides", "path"])
def test_the_schema_demands_what_a_program_relies_on(field: str) -> None:
    traced = document(SHOP, "web", "back/db")
    del traced["traces"][0][field]
    with pytest.raises(ValidationError):
        Draft202012Validator(trace_schema()).validate(traced)


def test_the_deciding_line_comes_with_its_text() -> None:
    [trace] = document(SHOP, "web", "back/db")["traces"]
    assert (trace["verdict"], trace["connects"], trace["reason"]) == ("allow", True, "rule")
    assert trace["decided_by"] == {
        "declaration": "policies.db-from-web",
        "file": "<stdin>",
        "line": 19,
        "text": "      - {from: [{network: front}], ports: [5432/tcp]}",
    }
    [policy] = trace["sides"][1]["policies"]
    outcomes = [rule["outcome"] for rule in policy["rules"]]
    assert outcomes == ["other_peer", "other_port", "logs", "decides", "not_reached"]


def test_a_tunnel_is_told_with_its_outer_addresses() -> None:
    [trace] = document(OVERLAY, "a", "b")["traces"]
    [step] = [step for step in trace["path"]["steps"] if step["step"] == "encapsulate"]
    assert (step["vni"], step["outer_source"], step["outer_destination"]) == (42, "192.0.2.11", "192.0.2.12")
    assert (step["port"], step["mtu"], step["overhead"], step["flooded"]) == (4789, 1400, 50, False)
    assert step["source"]["declaration"] == "overlays.pods"


def test_without_a_common_family_there_is_no_path() -> None:
    [trace] = document(SHOP, "web", "2001:db8::1")["traces"]
    assert (trace["path"], trace["connects"], trace["reason"]) == (None, False, "no_address")
