"""A twin tried out: every expectation, and who reaches what, with real packets, all at once."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from netctl.policy.matrix import Service
from netctl.policy.model import Protocol
from netctl.stack.loader import LoadedStack
from netctl.twin import background
from netctl.twin.blueprint import Blueprint
from netctl.twin.examination import Examination, Findings, Manner
from netctl.twin.neighbours import forget, rounds
from netctl.twin.offers import Offer
from netctl.twin.responders import Responders
from netctl.twin.spaces import LONE, space
from netctl.twin.trials import Outcome, Progress, Result, Trial, run_trials
from netctl.twin.twin import is_there, plan_twin, responders, stand_of

_PING = Service(Protocol.ICMP)


def try_twin(
    loaded: LoadedStack, examination: Examination, directory: Path, timeout: float, progress: Progress | None = None
) -> Findings:
    """What comes of it, in a twin that is up. Where nothing declares a port, everybody is asked for an echo.

    Raises BackendError where nothing can be made to answer.
    """
    blueprint = plan_twin(loaded, examination)
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
    """The trials' results; what is not in the twin cannot be tried there."""
    endpoints = examination.policies.endpoints
    ends = {name for trial in trials for name in trial.connection[:2]}
    missing = {name for name in ends if not is_there(name, blueprint, endpoints)}
    ready = [trial for trial in trials if missing.isdisjoint(trial.connection[:2])]
    sent = iter(_sent(ready, blueprint, examination, timeout, progress))
    return [
        next(sent) if missing.isdisjoint(trial.connection[:2]) else _untested(trial, missing) for trial in trials
    ]  # fmt: skip


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


def _untested(trial: Trial, missing: set[str]) -> Result:
    name = next(name for name in trial.connection[:2] if name in missing)
    return Result(trial, Outcome.UNTESTED, None, note=f"nothing in the twin is {name}")
