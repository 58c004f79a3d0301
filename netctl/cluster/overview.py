"""How all hosts of a stack are, by what the store says: nobody else is asked."""

from typing import NamedTuple

from netctl.cluster.layout import Layout
from netctl.cluster.membership import View, view_of
from netctl.cluster.records import Condition, Publication, RecordError, Rollout, State, is_name
from netctl.engine.store import Store


class HostOverview(NamedTuple):
    """One host."""

    name: str
    state: str
    """``converged``, ``waiting`` or ``failing``; ``lost`` for one without a session, ``unknown`` for one that has not
    said anything."""
    address: str = ""
    id: int = 0
    """Leased; 0 where it has leased none."""
    version: int = 0
    """That holds there; 0 for none."""
    since: int = 0
    """Seconds since the epoch."""
    reason: str = ""


class Overview(NamedTuple):
    """A stack and its hosts."""

    stack: str
    publication: Publication | None
    hosts: tuple[HostOverview, ...]
    """By name."""
    rollout: Rollout
    """Of the current version; else empty."""
    problems: tuple[str, ...]


def overview(store: Store, layout: Layout) -> Overview:
    """What the store says now. Raises BackendError."""
    view = view_of(layout, store.read(layout.live))
    states, problems = _states(store, layout)
    names = sorted(view.hosts.keys() | view.leases.keys() | states.keys())
    is_current = view.publication is not None and view.rollout.version == view.publication.version
    return Overview(
        layout.stack,
        view.publication,
        tuple(_host(name, view, states.get(name)) for name in names),
        view.rollout if is_current else Rollout(),
        (*filter(None, (view.error,)), *view.problems, *problems),
    )


def stacks(store: Store) -> list[str]:
    """The stacks that have been published, or are waited for."""
    found = {key.split("/")[1] for key in store.keys("netctl/") if key.split("/")[2:3] == ["cluster"]}
    return sorted(found)


def _states(store: Store, layout: Layout) -> tuple[dict[str, State], list[str]]:
    states: dict[str, State] = {}
    problems: list[str] = []
    for key, entry in store.read(layout.states).entries.items():
        name = key.removeprefix(layout.states)
        try:
            states |= {name: State.read(key, entry.value)} if is_name(name) else {}
        except RecordError as error:
            problems.append(error.message)
    return states, problems


def _host(name: str, view: View, state: State | None) -> HostOverview:
    record = view.hosts.get(name)
    found = HostOverview(name, "unknown", record.address if record else "", view.leases.get(name, 0))
    if state is not None:
        found = found._replace(state=state.state, version=state.version, since=state.time, reason=state.reason)
    if name not in view.sessions:
        return found._replace(state="lost", reason="its Consul node has died or left")
    if found.state == Condition.CONVERGED and view.publication and found.version < view.publication.version:
        return found._replace(state=Condition.WAITING, reason=f"version {view.publication.version} is on its way")
    return found
