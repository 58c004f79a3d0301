"""What a host can do, by system: a line for each capability, with the way to mend what is missing."""

from collections.abc import Mapping, Sequence
from typing import Any

from netctl import __version__
from netctl.engine.protocol import Capability
from netctl.report.paint import PLAIN, Paint, printable
from netctl.report.plan_json import FORMAT_VERSION

Findings = Mapping[str, Sequence[Capability]]
"""Capabilities by system."""


def is_able(findings: Findings) -> bool:
    """Whether nothing that is required is missing."""
    return all(capability.available or not capability.required for group in findings.values() for capability in group)


def doctor_text(findings: Findings, paint: Paint = PLAIN) -> str:
    """The findings by system; advice under what is missing."""
    lines: list[str] = []
    for system, capabilities in findings.items():
        lines += [*([""] if lines else []), paint("bold", system)]
        width = max((len(capability.name) for capability in capabilities), default=0)
        for capability in capabilities:
            text = printable(f"{capability.name:<{width}}  {capability.detail}".rstrip())
            lines.append(f"  {_verdict(capability, paint)}  {text}")
            if capability.advice and not capability.available:
                lines.append(f"           {printable(capability.advice)}")
    closing = "This host can do what is required." if is_able(findings) else "Something that is required is missing."
    return "\n".join([*lines, "", paint("bold", closing)])


def doctor_document(findings: Findings) -> dict[str, Any]:
    """The same as what ``json.dumps`` takes."""
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "able": is_able(findings),
        "systems": {system: [capability._asdict() for capability in group] for system, group in findings.items()},
    }


def _verdict(capability: Capability, paint: Paint) -> str:
    if capability.available:
        return paint("green", "ok     ")
    return paint("red", "missing") if capability.required else paint("yellow", "absent ")
