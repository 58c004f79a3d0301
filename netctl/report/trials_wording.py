"""Trials and what came of them, in words."""

from netctl.policy.evaluate import Evaluator
from netctl.policy.explanation import because, spelled_port
from netctl.policy.verdicts import Verdict
from netctl.report.paint import printable
from netctl.twin.probe import Answer
from netctl.twin.trials import Result, Trial, declared_verdict

ANSWERS = {
    Answer.ANSWERED: "it arrived and was answered",
    Answer.REFUSED: "it arrived and was refused",
    Answer.SILENT: "nothing came back",
    Answer.UNREACHABLE: "it was not delivered",
}


def connection_text(trial: Trial) -> str:
    """``frontend/web to backend/db at 5432/tcp``; over IPv6, this is said."""
    asked = trial.connection
    return f"{asked.source} to {asked.destination} at {spelled_port(asked)}"


def why(result: Result, evaluator: Evaluator) -> str:
    """Why a trial came out as it did: what came back, and what the policies say, with the place of the rule."""
    said = declared_because(result.trial, evaluator)
    if result.found is None:
        return f"{result.note}; as declared, {said}"
    if result.answer is None or result.found is declared_verdict(result.trial, evaluator):
        return said
    return f"{ANSWERS[result.answer]}, though {said}"


def declared_because(trial: Trial, evaluator: Evaluator) -> str:
    """Why a trial is to come out as it is declared: the policies' reason, or what keeps the ends apart."""
    decision = evaluator.decide(trial.connection)
    return because(decision) if decision.verdict is Verdict.DENY or not trial.barrier else trial.barrier


def failure_text(result: Result, evaluator: Evaluator) -> str:
    """``stack.yaml:31: frontend/web to backend/db at 5432/tcp: expected allow, found deny: nothing came back, …``."""
    origin = result.trial.origin
    place = f"{origin.place}: " if origin else ""
    found = f"found {result.found}" if result.found else "not tried"
    expected = f"expected {result.trial.expected}, {found}"
    return printable(f"{place}{connection_text(result.trial)}: {expected}: {why(result, evaluator)}")
