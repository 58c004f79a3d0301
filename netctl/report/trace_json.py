"""Traces for programs: ``netctl trace -o json``, and its schema."""

from collections.abc import Iterable
from typing import Any

from netctl import __version__
from netctl.engine.resource import Origin
from netctl.kinds.route import NextHop
from netctl.path.steps import Arrival, At, Path, Step
from netctl.path.trace import Judged, Trace
from netctl.policy.explanation import because
from netctl.policy.model import Action, Direction, Protocol
from netctl.policy.outcomes import Consulted, Outcome
from netctl.policy.verdicts import Reason, Verdict
from netctl.report.plan_json import object_schema
from netctl.report.trace_text import LineOf
from netctl.report.trace_wording import STEP_NAMES

FORMAT_VERSION = "1.0"

_STRING = {"type": "string"}
_PATH = {"$ref": "#/$defs/path"}
_SOURCE = {"$ref": "#/$defs/source"}
_ADDRESS = _STRING | {"description": "Empty where the declaration does not tell."}


def traces_document(stack: str, traces: Iterable[Trace], line_of: LineOf) -> dict[str, Any]:
    """What ``json.dumps`` takes; its schema is ``schemas/trace.schema.json``."""
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "stack": stack,
        "traces": [_trace(trace, line_of) for trace in traces],
    }


def _trace(trace: Trace, line_of: LineOf) -> dict[str, Any]:
    decision = trace.decision
    return {
        "from": trace.source,
        "to": trace.destination,
        "family": decision.connection.family,
        "protocol": decision.connection.protocol.value,
        "port": decision.connection.port,
        "verdict": decision.verdict.value,
        "connects": trace.connects,
        "reason": _word(decision.reason),
        "because": because(decision),
        "decided_by": _source(decision.origin, line_of),
        "sides": [_side(judged, line_of) for judged in trace.sides],
        "path": _path(trace.path, line_of) if trace.path else None,
        "answered": trace.is_answered,
        "answer": _path(trace.answer, line_of) if trace.answer else None,
        "remarks": list(trace.remarks),
    }


def _side(judged: Judged, line_of: LineOf) -> dict[str, Any]:
    side = judged.side
    return {
        "direction": side.direction.value,
        "endpoint": side.endpoint,
        "peer": side.peer,
        "verdict": side.verdict.value,
        "reason": _word(side.reason),
        "policies": [_policy(consulted, line_of) for consulted in judged.consulted],
        "not_consulted": [policy.name for policy in judged.not_consulted],
    }


def _policy(consulted: Consulted, line_of: LineOf) -> dict[str, Any]:
    policy = consulted.policy
    return {
        "name": policy.name,
        "tier": policy.tier,
        "staged": not consulted.in_force,
        "source": _source(policy.origin, line_of),
        "rules": [
            {
                "action": rule.action.value,
                "text": rule.text,
                "outcome": _word(outcome),
                "source": _source(rule.origin, line_of),
            }
            for rule, outcome in consulted.rules
        ],
    }


def _path(path: Path, line_of: LineOf) -> dict[str, Any]:
    return {
        "arrival": path.arrival.value,
        "source": path.sent.source,
        "destination": path.sent.destination,
        "source_at_end": path.received.source,
        "steps": [_step(step, line_of) for step in path.steps],
    }


def _step(step: Step, line_of: LineOf) -> dict[str, Any]:
    fields = {name: _value(value, line_of) for name, value in step._asdict().items() if name != "at"}
    source = {"source": fields.pop("origin")} if "origin" in fields else {}
    outer = {f"outer_{name}": fields.pop(name) for name in ("source", "destination") if "vni" in fields}
    return {"step": STEP_NAMES[type(step)], "host": step.at.host, "netns": step.at.netns, **fields, **outer, **source}


def _value(value: object, line_of: LineOf) -> Any:
    if isinstance(value, Origin):
        return _source(value, line_of)
    if isinstance(value, At | NextHop):
        return value._asdict()
    return [_value(part, line_of) for part in value] if isinstance(value, tuple) else value


def _source(origin: Origin | None, line_of: LineOf) -> dict[str, Any] | None:
    """Where something is declared; None where it is not."""
    if origin is None:
        return None
    return {"declaration": origin.declaration, "file": origin.file, "line": origin.line, "text": line_of(origin)}


def _word(name: Reason | Outcome) -> str:
    return name.name.lower()


def trace_schema() -> dict[str, Any]:
    """The JSON Schema. Additional properties are allowed: a later minor version may bring some."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://netctl.dev/schemas/trace.schema.json",
        "title": "netctl trace",
        "description": "What decides on connections, and the way that their packets take, by the declaration alone.",
        **object_schema(
            {
                "format_version": {"const": FORMAT_VERSION, "description": "Of this representation."},
                "netctl_version": _STRING,
                "stack": _STRING,
                "traces": {"type": "array", "items": _trace_schema()},
            }
        ),
        "$defs": {"path": _path_schema(), "source": _source_schema()},
    }


def _trace_schema() -> dict[str, Any]:
    return object_schema(
        {
            "from": _STRING | {"description": "An endpoint's name, or an address that is no endpoint's."},
            "to": _STRING,
            "family": {"enum": [4, 6]},
            "protocol": {"enum": [protocol.value for protocol in Protocol]},
            "port": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "0 for icmp."},
            "verdict": {"enum": [verdict.value for verdict in Verdict], "description": "Of the policies."},
            "connects": {
                "type": "boolean",
                "description": "It is allowed, delivered and answered, or leaves for a destination beyond the stack.",
            },
            "reason": {"enum": [_word(reason) for reason in Reason]},
            "because": _STRING | {"description": "The reason in words."},
            "decided_by": _nullable(_SOURCE),
            "sides": {"type": "array", "items": _side_schema(), "description": "Egress, then ingress."},
            "path": _nullable(_PATH),
            "answered": {"type": "boolean", "description": "False where answers are known not to return."},
            "answer": _nullable(_PATH)
            | {"description": "To the source, or to what masqueraded it; null where the packet is not delivered."},
            "remarks": {"type": "array", "items": _STRING},
        }
    )


def _side_schema() -> dict[str, Any]:
    rule = object_schema(
        {
            "action": {"enum": [action.value for action in Action]},
            "text": _STRING,
            "outcome": {"enum": [_word(outcome) for outcome in Outcome]},
            "source": _nullable(_SOURCE),
        }
    )
    policy = object_schema(
        {
            "name": _STRING,
            "tier": _STRING,
            "staged": {"type": "boolean", "description": "Decides nothing."},
            "source": _nullable(_SOURCE),
            "rules": {"type": "array", "items": rule},
        }
    )
    return object_schema(
        {
            "direction": {"enum": [direction.value for direction in Direction]},
            "endpoint": _STRING | {"description": "Whose policies these are; empty where it is no endpoint."},
            "peer": _STRING | {"description": "Whom they see at the other end."},
            "verdict": {"enum": [verdict.value for verdict in Verdict]},
            "reason": {"enum": [_word(reason) for reason in Reason]},
            "policies": {"type": "array", "items": policy, "description": "As they were consulted, in order."},
            "not_consulted": {"type": "array", "items": _STRING},
        }
    )


def _path_schema() -> dict[str, Any]:
    step = object_schema(
        {
            "step": {"enum": list(STEP_NAMES.values())},
            "host": _STRING | {"description": "Empty where the stack declares no hosts."},
            "netns": _STRING | {"description": "Empty for the host's own network namespace."},
            "interface": _STRING,
            "mtu": {"type": ["integer", "null"], "description": "Null where the underlay's decides."},
            "source": _nullable(_SOURCE),
        },
        optional=("interface", "mtu", "source"),
    )
    return object_schema(
        {
            "arrival": {"enum": [arrival.value for arrival in Arrival]},
            "source": _ADDRESS,
            "destination": _STRING,
            "source_at_end": _ADDRESS,
            "steps": {"type": "array", "items": step, "minItems": 1},
        }
    )


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _source_schema() -> dict[str, Any]:
    line = {"type": "integer", "minimum": 0}
    text = _STRING | {"description": "The line itself."}
    return object_schema({"declaration": _STRING, "file": _STRING, "line": line, "text": text})
