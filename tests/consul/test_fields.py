"""Config entries as different versions of Consul answer with them, and as they are declared: one canonical form."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from netctl.kinds.consul_entries import canonical, mistakes, references, schema
from netctl.kinds.consul_fields import FIELDS
from netctl.stack.schema import stack_schema

SAME: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "what Consul adds": (
        "service-defaults",
        {"Protocol": "HTTP"},
        {"Kind": "service-defaults", "Name": "web", "Protocol": "http", "MeshGateway": {}, "Expose": {"Paths": None},
         "TransparentProxy": {}, "CreateIndex": 1, "ModifyIndex": 2, "Hash": 7},
    ),
    "lengths of time": (
        "service-resolver", {"ConnectTimeout": "90s", "RequestTimeout": "1h"},
        {"ConnectTimeout": "1m30s", "RequestTimeout": "1h0m0s"},
    ),
    "what is later Consul's own": (
        "service-intentions",
        {"Sources": [{"Name": "web", "Action": "allow"}, {"Name": "*", "Action": "deny"}]},
        {"Sources": [
            {"Name": "web", "Action": "allow", "Precedence": 9, "Type": "consul", "Namespace": "default"},
            {"Name": "*", "Action": "deny", "Precedence": 8, "Type": "consul", "LegacyID": ""},
        ]},
    ),
    "the protocol of a listener": (
        "ingress-gateway", {"Listeners": [{"Port": 80, "Services": [{"Name": "web"}]}]},
        {"TLS": {"Enabled": False}, "Listeners": [{"Port": 80, "Protocol": "tcp", "Services": [{"Name": "web"}]}]},
    ),
    "namespaces": (
        "service-router", {"Routes": [{"Destination": {"Service": "a"}}]},
        {"Routes": [{"Match": None, "Destination": {"Service": "a", "Namespace": "default", "Partition": "default"}}]},
    ),
    "numbers": ("service-splitter", {"Splits": [{"Weight": 100}]}, {"Splits": [{"Weight": 100.0, "Service": ""}]}),
    "text from numbers": ("service-resolver", {"DefaultSubset": 1}, {"DefaultSubset": "1"}),
    "names of the user's own": ("service-resolver", {"Subsets": {"b": {}, "a": {}}}, {"Subsets": {"a": {}, "b": {}}}),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_it_is_the_same_however_it_is_said(case: str) -> None:
    kind, declared, answered = SAME[case]
    assert canonical(kind, declared) == canonical(kind, answered)
    assert not list(mistakes(kind, declared))


OTHER: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a subset without a filter": ("service-resolver", {"Subsets": {"a": {}}}, {}),
    "no errors at all allowed": (
        "service-defaults",
        {"UpstreamConfig": {"Defaults": {"PassiveHealthCheck": {"EnforcingConsecutive5xx": 0}}}}, {},
    ),
    "the order of routes": (
        "service-router", {"Routes": [{"Destination": {"Service": "a"}}, {"Destination": {"Service": "b"}}]},
        {"Routes": [{"Destination": {"Service": "b"}}, {"Destination": {"Service": "a"}}]},
    ),
    "what is within the configuration of proxies": (
        "proxy-defaults", {"Config": {"a": {"b": ""}}}, {"Config": {"a": {}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHER)
def test_it_is_not_the_same(case: str) -> None:
    kind, one, other = OTHER[case]
    assert canonical(kind, one) != canonical(kind, other)


@pytest.mark.parametrize("kind", FIELDS)
def test_the_canonical_form_is_its_own(kind: str) -> None:
    declared = next((case[1] for case in SAME.values() if case[0] == kind), {})
    once = canonical(kind, declared)
    assert canonical(kind, json.loads(json.dumps(once))) == once


def test_what_an_entry_leads_to_is_found_wherever_it_is_said() -> None:
    body = {
        "Redirect": {"Service": "a"}, "Failover": {"*": {"Service": "b", "Targets": [{"Service": "c"}]}},
        "Splits": [{"Service": "d"}, {"Weight": 1}], "Listeners": [{"Services": [{"Name": "e"}]}],
        "Config": {"Service": "no"},
    }  # fmt: skip
    assert set(references(body)) == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize("kind", FIELDS)
def test_editors_are_told_the_fields(kind: str) -> None:
    Draft202012Validator.check_schema(schema(kind))


def test_editors_mark_an_unknown_field_where_an_entry_stands() -> None:
    validator = Draft202012Validator(stack_schema())
    stack = {"stack": "s", "services": {"web": {"endpoints": ["10.0.0.1"], "config_entries": {}}}}
    entries: dict[str, Any] = stack["services"]["web"]["config_entries"]  # type: ignore[index]  # of nested dictionaries
    entries["service-splitter"] = {"Splits": [{"Weight": 100}]}
    assert validator.is_valid(stack)
    entries["service-splitter"] = {"Splits": [{"Weigth": 100}]}
    assert not validator.is_valid(stack)
