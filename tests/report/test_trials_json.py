"""What came of expectations, for programs."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from netctl.report.trials_json import trials_document, trials_schema
from netctl.twin.examination import Findings
from netctl.twin.probe import Answer
from tests.report.findings import SHOP, on_paper, with_answers

CASES = [
    on_paper(),
    on_paper(SHOP.partition("expect:")[0]),
    on_paper(SHOP)._replace(matrix=None),
    with_answers(lambda _: Answer.SILENT),
    with_answers(lambda asked: Answer.REFUSED if asked.source == "front/web" else "elsewhere"),
]


def document_of(findings: Findings) -> dict[str, Any]:
    return json.loads(json.dumps(trials_document(findings)))


@pytest.mark.parametrize("findings", CASES)
def test_the_schema_is_a_schema_and_documents_keep_it(findings: Findings) -> None:
    Draft202012Validator.check_schema(trials_schema())
    Draft202012Validator(trials_schema()).validate(document_of(findings))


@pytest.mark.parametrize("field", ["format_version", "passed", "expectations", "summary", "mode"])
def test_the_schema_demands_what_a_program_relies_on(field: str) -> None:
    document = document_of(on_paper())
    del document[field]
    with pytest.raises(ValidationError):
        Draft202012Validator(trials_schema()).validate(document)


def test_an_expectation_has_its_place_its_outcome_and_every_connection() -> None:
    failed = document_of(on_paper())["expectations"][2]
    assert (failed["from"], failed["to"], failed["port"]) == ("network front", "service db", "53/udp")
    assert (failed["expected"], failed["outcome"]) == ("allow", "failed")
    assert failed["source"] == {"file": "<stdin>", "line": 27}
    assert [connection["outcome"] for connection in failed["connections"]].count("failed") == 2


def test_a_connection_has_what_was_sent_what_came_back_and_what_decides() -> None:
    connection = document_of(with_answers(lambda _: Answer.SILENT))["expectations"][0]["connections"][0]
    assert connection == {
        "source": "front/web",
        "destination": "back/db-1",
        "address": connection["address"],
        "family": 4,
        "protocol": "tcp",
        "port": 5432,
        "expected": "allow",
        "found": "deny",
        "outcome": "failed",
        "answer": "silent",
        "seconds": 0.25,
        "declared": {
            "verdict": "allow",
            "because": "policy 'db' allows it (<stdin>:19: allow from labels app=web, ports 5432/tcp, 53/udp)",
            "source": {"file": "<stdin>", "line": 19},
        },
        "why": "nothing came back, though policy 'db' allows it "
        "(<stdin>:19: allow from labels app=web, ports 5432/tcp, 53/udp)",
    }
    assert connection["address"].startswith("10.20.0.")


def test_the_matrix_has_all_offers_and_all_connections() -> None:
    matrix = document_of(on_paper())["matrix"]
    assert [(offer["name"], offer["port"], len(offer["endpoints"])) for offer in matrix["offers"]] == [
        ("service db", 5432, 2),
        ("service db", 53, 2),
        ("front/web", 80, 1),
    ]
    families = {(one["source"], one["destination"], one["family"]) for one in matrix["connections"]}
    assert {("front/api", "front/web", 4), ("front/api", "front/web", 6)} <= families
    assert ("front/web", "front/web", 4) not in families
    assert "matrix" not in document_of(on_paper()._replace(matrix=None))


def test_it_has_passed_where_nothing_failed_whether_or_not_all_was_tested() -> None:
    assert document_of(with_answers(lambda _: "elsewhere"))["passed"] is True
    assert document_of(on_paper())["passed"] is False
    assert document_of(on_paper(SHOP.partition("expect:")[0]))["passed"] is True
