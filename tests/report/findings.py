"""Tests of a small stack, on paper or with whatever answers a report is to be tried with."""

from collections.abc import Callable
from io import BytesIO

from netctl.policy.model import Connection
from netctl.stack.loader import load
from netctl.twin.examination import Examination, Findings, Manner, examine_policies
from netctl.twin.probe import Answer
from netctl.twin.trials import Outcome, Result, Trial, as_declared, decide_trials, judged

SHOP = """\
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    attach:
      - {netns: web, labels: {app: web}, ports: {http: 80}}
      - {netns: api, labels: {app: api}}
  back:
    subnet: {cidr: 10.20.0.0/24}
    attach:
      - {netns: db-1, labels: {app: db}}
      - {netns: db-2, labels: {app: db}}
services:
  db: {port: [5432, 53/udp], endpoints: {labels: {app: db}}}
policies:
  db:
    applies_to: {service: db}
    ingress:
      - {from: {labels: {app: web}}, ports: [5432/tcp, 53/udp]}
  web:
    applies_to: {labels: {app: web}}
    ingress:
      - {from: {cidr: "fd00:10::/64"}, ports: 80}
expect:
  - {from: {labels: {app: web}}, to: {service: db}, port: 5432, verdict: allow}
  - {from: {labels: {app: api}}, to: {service: db}, port: 5432, verdict: deny}
  - {from: {network: front}, to: {service: db}, port: 53/udp, verdict: allow}
"""

Answers = Callable[[Connection], Answer | str]
"""What comes back of a connection; where it is not sent, why."""


def examined(text: str = SHOP) -> Examination:
    """What the text of a stack asks; it is read from ``<stdin>``."""
    loaded = load(["-"], stdin=BytesIO(text.encode()))
    return examine_policies(loaded.stack, loaded)


def on_paper(text: str = SHOP) -> Findings:
    """The stack, decided on the declaration, with its matrix."""
    asked = examined(text)
    matrix = as_declared(asked.matrix())
    return Findings(asked, Manner.STATIC, "", decide_trials(asked.noted_trials(), asked.evaluator), matrix)


def with_answers(answers: Answers, text: str = SHOP) -> Findings:
    """The stack, tested on ``node1`` with these answers, with its matrix."""
    asked = examined(text)

    def result(trial: Trial) -> Result:
        answer = answers(trial.connection)
        if isinstance(answer, Answer):
            return judged(trial, answer, 0.25)
        return Result(trial, Outcome.UNTESTED, None, note=answer)

    return Findings(
        asked, Manner.LIVE, "node1", list(map(result, asked.noted_trials())), list(map(result, asked.matrix()))
    )
