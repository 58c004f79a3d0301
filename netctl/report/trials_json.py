"""Expectations, the matrix, and what came of them, for programs: ``netctl test -o json`` and its schema."""

from collections import Counter
from typing import Any

from netctl import __version__
from netctl.engine.resource import Origin
from netctl.policy.model import Protocol
from netctl.policy.verdicts import Verdict
from netctl.report.plan_json import object_schema
from netctl.report.trials_wording import declared_because, why
from netctl.twin.examination import Findings, Manner, Standing, standing
from netctl.twin.offers import Offer
from netctl.twin.probe import Answer
from netctl.twin.trials import Case, Outcome, Result, declared_verdict

FORMAT_VERSION = "1.0"

_STRING = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}


def trials_document(findings: Findings) -> dict[str, Any]:
    """What ``json.dumps`` takes."""
    cases = list(findings.cases)
    counted = Counter(standing(results) for _, results in cases)
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "stack": findings.examination.stack,
        "mode": findings.manner.value,
        "host": findings.place,
        "passed": not findings.failures,
        "summary": {kind.value: counted[kind] for kind in Standing},
        "expectations": [_expectation(case, results, findings) for case, results in cases],
    }
    if findings.matrix is not None:
        document["matrix"] = {
            "offers": [_offer(offer) for offer in findings.examination.offers],
            "connections": [_connection(result, findings) for result in findings.matrix],
        }
    return document


def _expectation(case: Case, results: list[Result], findings: Findings) -> dict[str, Any]:
    return {
        "from": case.source,
        "to": case.destination,
        "port": case.port,
        "expected": case.expected.value,
        "outcome": standing(results).value,
        "source": _place(case.origin),
        "connections": [_connection(result, findings) for result in results],
    }


def _connection(result: Result, findings: Findings) -> dict[str, Any]:
    trial, asked = result.trial, result.trial.connection
    shape: dict[str, Any] = {
        "source": asked.source,
        "destination": asked.destination,
        "address": trial.address,
        "family": asked.family,
        "protocol": asked.protocol.value,
        "port": asked.port,
        "expected": trial.expected.value,
        "found": result.found.value if result.found else None,
        "outcome": result.outcome.value,
        "answer": result.answer.value if result.answer else None,
        "seconds": round(result.seconds, 3),
    }
    if trial.origin is None and result.outcome is Outcome.PASSED:  # thousands of a matrix need no explanation
        return shape
    evaluator = findings.examination.evaluator
    declared = {
        "verdict": declared_verdict(trial, evaluator).value,
        "because": declared_because(trial, evaluator),
        "source": _place(evaluator.decide(asked).origin),
    }
    return {**shape, "declared": declared, "why": why(result, evaluator)}


def _place(origin: Origin | None) -> dict[str, Any] | None:
    return {"file": origin.file, "line": origin.line} if origin and origin.file else None


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.name,
        "protocol": offer.service.protocol.value,
        "port": offer.service.port,
        "endpoints": sorted(offer.destinations),
    }


def trials_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12). Additional properties are allowed: a later minor version may bring some."""
    connection = {"$ref": "#/$defs/connection"}
    expectation = {
        "from": _STRING | {"description": "The selectors in words."},
        "to": _STRING,
        "port": _STRING,
        "expected": _one_of(Verdict),
        "outcome": _one_of(Standing) | {"description": "`partly`: the other connections cannot be tested from here."},
        "source": _SOURCE,
        "connections": {"type": "array", "items": connection},
    }
    matrix = {
        "offers": {"type": "array", "items": object_schema(_OFFER)},
        "connections": {"type": "array", "items": connection},
    }
    document = {
        "format_version": {"const": FORMAT_VERSION, "description": "Of this representation."},
        "netctl_version": _STRING,
        "stack": _STRING,
        "mode": _one_of(Manner) | {"description": "On paper, with packets on a host, with packets in a twin."},
        "host": _STRING | {"description": "Where packets were sent from; empty on paper."},
        "passed": {"type": "boolean", "description": "Nothing failed. What could not be tested does not count."},
        "summary": object_schema({kind.value: _COUNT for kind in Standing}),
        "expectations": {"type": "array", "items": object_schema(expectation)},
        "matrix": object_schema(matrix),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://netctl.dev/schemas/test.schema.json",
        "title": "netctl test",
        "description": "What came of a stack's expectations, and who reaches what.",
        **object_schema(document, optional=("matrix",)),
        "$defs": {"connection": object_schema(_connection_schema(), optional=("declared", "why"))},
    }


def _one_of(values: type[Verdict | Standing | Manner | Outcome | Answer | Protocol]) -> dict[str, Any]:
    return {"enum": [value.value for value in values]}


_SOURCE: dict[str, Any] = {
    "anyOf": [object_schema({"file": _STRING, "line": _COUNT}), {"type": "null"}],
    "description": "Where it is declared.",
}
_OFFER: dict[str, Any] = {
    "name": _STRING | {"description": "`service db`, or an endpoint."},
    "protocol": _one_of(Protocol),
    "port": _COUNT,
    "endpoints": {"type": "array", "items": _STRING},
}


def _connection_schema() -> dict[str, Any]:
    declared = {"verdict": _one_of(Verdict), "because": _STRING, "source": _SOURCE}
    return {
        "source": _STRING | {"description": "An endpoint, or an address outside."},
        "destination": _STRING,
        "address": _STRING | {"description": "The destination's; empty where the two have none of one family."},
        "family": {"enum": [4, 6]},
        "protocol": _one_of(Protocol),
        "port": _COUNT,
        "expected": _one_of(Verdict) | {"description": "In the matrix: as declared."},
        "found": {"enum": [*(verdict.value for verdict in Verdict), None]},
        "outcome": _one_of(Outcome),
        "answer": {"enum": [*(answer.value for answer in Answer), None], "description": "What came back."},
        "seconds": {"type": "number", "minimum": 0},
        "declared": object_schema(declared) | {"description": "What the policies say."},
        "why": _STRING,
    }
