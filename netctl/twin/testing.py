"""A twin tried out: every expectation, and who reaches what, with real packets, all at once."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from netctl.policy.matrix import Service
from netctl.policy.model import Protocol
from netctl.twin import background
from netctl.twin.blueprint import Blueprint
from netctl.twin.examination import Examination, Findings, Manner
from netctl.twin.neighbours import forget, rounds
from netctl.twin.offers import Offer
from netctl.twin.responders import Responders
from netctl.twin.spaces import LONE, space
from netctl.twin.trials import Outcome, Progress, Result, Trial, run_trials
from netctl.twin.twin import plan_twin, responders, stand_of
from netctl.twin.untried import Unable

_PING = Service(Protocol.ICMP)


def try_twin(examination: Examination, directory: Path, timeout: float, progress: Progress | None = None) -> Findings:
    """What comes of it, in a twin that is up. Where nothing declares a port, everybody is asked for an echo.

    Raises BackendError where nothing can be made to answer.
    """
    blueprint = plan_twin(examination)
    asked = examination if examination.offers else examination._replace(offers=tuple(_pings(examination)))
    links = {(host.name, plug.name): plug.addresses for host in blueprint.hosts for plug in host.interfaces}
    expected, matrix = asked.noted_trials(links), asked.matrix(links)
    with ExitStack() as stack:
        if not background.is_running(directory):
            stack.enter_context(Responders(responders(blueprint, asked)))
        results = _run([*expected, *matrix], blueprint, asked, timeout, progress)
    place = f"the twin of {examination.stack}"
    split = len(expected)
    return Findings(asked, Manner.TWIN, place, results[:split], results[split:])


def _pings(examination: Examination) -> list[Offer]:
    return [Offer(name, _PING, frozenset({name})) for name in examination.policies.endpoints]


def _run(
    trials: Sequence[Trial], blueprint: Blueprint, examination: Examination, timeout: float, progress: Progress | None
) -> list[Result]:
    """The trials' results; what cannot be tried in the twin is not."""
    unable = Unable(blueprint, examination.evaluator)
    why = [unable.why(trial) for trial in trials]
    ready = [trial for trial, reason in zip(trials, why, strict=True) if not reason]
    sent = iter(_sent(ready, blueprint, examination, timeout, progress))
    return [
        Result(trial, Outcome.UNTESTED, None, note=reason) if reason else next(sent)
        for trial, reason in zip(trials, why, strict=True)
    ]


def _sent(
    trials: Sequence[Trial], blueprint: Blueprint, examination: Examination, timeout: float, progress: Progress | None
) -> list[Result]:
    """The results of trials, in as many rounds as the machine's table of neighbours makes needed."""
    policies = examination.policies
    results: dict[int, Result] = {}
    attached = [space(blueprint.stack, host.name or LONE, name) for host in blueprint.hosts for name in host.attached]
    spanning = {net.name for net in examination.topology.nets if net.shared}
    for number, places in enumerate(rounds(trials, policies.endpoints, spanning)):
        if number:
            forget(attached)
        before = len(results)
        told = (lambda done, _, before=before: progress(before + done, len(trials))) if progress else None
        share = [trials[at] for at in places]
        done = run_trials(share, stand_of(blueprint, policies), timeout, answering=True, progress=told)
        results |= zip(places, done, strict=True)
    return [results[at] for at in range(len(trials))]
