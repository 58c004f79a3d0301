"""Everything in Consul that could be declared: the agent's services, what is the cluster's, keys."""

from collections.abc import Iterable, Iterator

from netctl.engine.resource import Live, Owner
from netctl.kinds.consul import CLAIMS, Secret, kv_key, service_key
from reconcilers.consul.agent_state import read_agent
from reconcilers.consul.api import ReadApi
from reconcilers.consul.entries import read_entries
from reconcilers.consul.externals import discover_externals
from reconcilers.consul.intentions import read_intentions
from reconcilers.consul.keys import below
from reconcilers.consul.queries import read_queries

_CONSULS_OWN = frozenset({"consul"})


def discover(api: ReadApi, beside: ReadApi) -> Iterator[Live]:
    """What there is, whoever owns it; some of it is read *beside* the rest. Raises BackendError."""
    for ident, row in read_agent(api, beside, {}).rows.items():
        if row.service.name not in _CONSULS_OWN:
            yield Live(service_key(ident), row.service, row.owner)
    yield from discover_externals(api)
    yield from _mesh(api)
    yield from _keys(api)


def _mesh(api: ReadApi) -> Iterator[Live]:
    intentions, are_entries = read_intentions(api)
    for intention_key, intention in intentions.items():
        yield Live(intention_key, intention.intention, intention.owner)
    for entry_key, entry in read_entries(api, has_intentions=are_entries).items():
        yield Live(entry_key, entry.entry, entry.owner)
    for query_key, query in read_queries(api).items():
        yield Live(query_key, query.query, query.owner)


def _keys(api: ReadApi) -> Iterator[Live]:
    rows = {row.pair.path: row.pair for row in below(api, "")}
    owners = {path: Owner(stack, f"kv.{path}") for stack, path in _said(rows, "kv")}
    noted = {path for _, path in _said(rows, "sensitive")}
    for path, pair in rows.items():
        if not path.startswith(CLAIMS):
            shown = pair._replace(value=Secret.of(path, pair.value or "")) if path in noted else pair
            yield Live(kv_key(path), shown, owners.get(path))


def _said(paths: Iterable[str], what: str) -> Iterator[tuple[str, str]]:
    """The stack and the path of each key of which *what* is said by a key beside it."""
    for path in paths:
        stack, said, about = path.removeprefix(CLAIMS).partition(f"/{what}/")
        if said and path.startswith(CLAIMS):
            yield stack, about
