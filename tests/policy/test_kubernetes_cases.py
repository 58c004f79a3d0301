"""What Kubernetes' own suite expects of network policies is what the evaluator decides."""

from itertools import product

import pytest

from netctl.policy.evaluate import Evaluator
from netctl.policy.matrix import Service, reachable
from netctl.policy.model import Connection
from netctl.policy.verdicts import Verdict
from tests.policy.kubernetes_cases import Layout, Step, endpoint_names, read_suite, stack_text
from tests.policy.stacks import resolved

SUITE = read_suite()


def test_the_suite_has_24_cases() -> None:
    assert len({step.name.partition(".")[0] for step in SUITE.steps}) == 24


@pytest.mark.parametrize("layout", Layout, ids=lambda layout: layout.name.lower())
@pytest.mark.parametrize("step", SUITE.steps, ids=lambda step: step.name)
def test_the_verdict_for_every_pair_is_that_of_the_table(step: Step, layout: Layout) -> None:
    policies = resolved(stack_text(SUITE, step, layout)).policies
    names = endpoint_names(SUITE, layout)
    evaluator = Evaluator(policies)
    for probe, family in product(step.probes, step.families):
        rows = reachable(evaluator, Service(probe.protocol, probe.port, family=family))
        for (source, destination), allowed in probe.verdicts.items():
            asked = Connection(names[source], names[destination], probe.protocol, probe.port, family=family)
            assert (evaluator.decide(asked).verdict is Verdict.ALLOW) is allowed, asked
            assert (names[destination] in rows[names[source]]) is allowed, asked
