"""A system that takes what it is asked and does not answer, and a watch that repairs the kernel's drift meanwhile."""

from collections.abc import Callable
from datetime import datetime
from itertools import cycle
from signal import SIGCONT, SIGSTOP, Signals

from netctl.agent.apart import PATIENCE
from tests.agent.watcher import Watcher
from tests.support.namespaces import wait_until

_DESTINATIONS = [f"172.20.{number}.0/24" for number in range(200)]
ROUTES = "routes:\n" + "".join(f"  - {{to: {to}, via: 10.90.0.254}}\n" for to in _DESTINATIONS)
"""So many that none of them is taken for contended. They need a network ``k`` of 10.90.0.0/24."""
_SILENT = "^a system does not answer"


def demand_repairs_while_stopped(watcher: Watcher, host: str, system: str, send: Callable[[Signals], object]) -> None:
    """The system, which *send* signals, stops: it is asked, and waited for; meanwhile, routes are put back."""
    send(SIGSTOP)
    try:
        _demand_repairs_meanwhile(watcher, host, system)
    finally:
        send(SIGCONT)


def _demand_repairs_meanwhile(watcher: Watcher, host: str, system: str) -> None:
    destinations = cycle(_DESTINATIONS)

    def repaired_until_it_is_given_up() -> bool:
        _lose_and_have_back(watcher, host, next(destinations))
        return bool(watcher.said(_SILENT))

    watcher.lab.ip(host, "link add name foreign type bridge")  # what is known of the host is looked at anew
    try:
        wait_until(repaired_until_it_is_given_up, 120, f"{system} is given up")
    finally:
        watcher.lab.ip(host, "link delete foreign")
    lines = watcher.log()
    silence = next(line for line in lines if line["message"].startswith(_SILENT[1:]))
    assert silence["system"] == system
    before = [line for line in lines[: lines.index(silence)] if line["message"] == "repaired"]
    assert (_time(silence) - _time(before[-1])).total_seconds() < PATIENCE - 1
    _lose_and_have_back(watcher, host, next(destinations))
    assert watcher.get("/readyz")[0] == 503


def demand_all_is_well_again(watcher: Watcher, text: str, host: str) -> None:
    """The system goes on: what could not be read is looked at, and nothing is left to do."""
    watcher.await_said("^a system that did not answer has answered")
    watcher.await_done(text, host)
    wait_until(lambda: watcher.get("/readyz")[0] == 200, 60)
    assert len(watcher.said(_SILENT)) == 1


def _lose_and_have_back(watcher: Watcher, host: str, destination: str) -> None:
    watcher.lab.ip(host, f"route delete {destination}")
    wait_until(lambda: destination in watcher.lab.run(host, "ip", "route", "show", destination), 60)


def _time(line: dict[str, str]) -> datetime:
    return datetime.fromisoformat(line["time"])
