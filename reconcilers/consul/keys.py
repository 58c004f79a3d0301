"""Keys and their values: read by the folders that they are in, written by transactions.

That a key is the stack's is told by another key (`netctl.kinds.consul.claim_of`), which is written with it or not at
all. A change is made only to what was read: compared by index, so that nobody's change is overwritten unseen.
"""

from binascii import a2b_base64
from collections.abc import Iterable
from typing import NamedTuple

from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live, Owner
from netctl.kinds.consul import SYSTEM, KeyValue, Secret, claim_of, kv_key, note_of
from reconcilers.answers import Record, entries, number, text, texts
from reconcilers.consul.api import ReadApi
from reconcilers.consul.refusals import RefusalError

PART = "keys"
_SAFE = "/"


class KeyRow(NamedTuple):
    """A key of Consul's."""

    pair: KeyValue
    modified: int
    """The index of its last change."""
    session: str
    """Who has locked it; empty where nobody has."""


class KeyState(NamedTuple):
    """What is known of the keys that the stack has, and of those that it wants."""

    rows: dict[str, KeyRow | None]
    """By path; None for what was looked for and is not there."""


def observe_keys(api: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread], KeyState]:
    """The stack's keys, and what bears the path of a desired one."""
    wanted = _asked((key.id for key in scope.desired if key[:2] == (SYSTEM, "kv")), scope)
    denied = _denied(api, scope.stack, wanted)
    claims = claim_of(scope.stack)
    claimed = _asked((path.removeprefix(claims) for path in _names_below(api, claims)), scope) - {""}
    notes = note_of(scope.stack)
    noted = frozenset(path.removeprefix(notes) for path in _names_below(api, notes))
    rows = _sealed(_read(api, wanted | claimed), noted, scope)
    live = {
        kv_key(path): Live(kv_key(path), row.pair, _owner(scope.stack, path, claimed)) for path, row in rows.items()
    }
    # A claim whose key somebody else has deleted is still the stack's, and goes with the declaration.
    for path in claimed - rows.keys() - wanted:
        live[kv_key(path)] = Live(
            kv_key(path), KeyValue(path, sensitive=path in noted), _owner(scope.stack, path, claimed)
        )
    hidden = frozenset(kv_key(path) for path in wanted if claims in denied or (path in denied and path not in rows))
    unread = [Unread(SYSTEM, PART, "the token may not read them", hidden)] if denied else []
    return live, unread, KeyState({path: rows.get(path) for path in wanted | claimed})


def _sealed(rows: dict[str, KeyRow], noted: frozenset[str], scope: Scope) -> dict[str, KeyRow]:
    """The keys, of which those that are noted, or wanted so, do not show their values."""
    wanted = {
        key.id for key, want in scope.desired.items()
        if isinstance(want.attributes, KeyValue) and isinstance(want.attributes.value, Secret)
    }  # fmt: skip
    for path in (noted | wanted) & rows.keys():
        pair = rows[path].pair
        secret = Secret.of(path, pair.value or "")
        rows[path] = rows[path]._replace(pair=pair._replace(value=secret, sensitive=path in noted))
    return rows


def _asked(paths: Iterable[str], scope: Scope) -> frozenset[str]:
    """Those of the paths that the scope asks for."""
    found = frozenset(paths)
    return found if scope.keys is None else found & {key.id for key in scope.keys if key.kind == "kv"}


def _owner(stack: str, path: str, claimed: frozenset[str]) -> Owner | None:
    return Owner(stack, f"kv.{path}") if path in claimed else None


def _denied(api: ReadApi, stack: str, wanted: frozenset[str]) -> frozenset[str]:
    """What of all that is to be read the token may not."""
    return api.unreadable("key", {claim_of(stack), *wanted})


def _read(api: ReadApi, paths: frozenset[str]) -> dict[str, KeyRow]:
    """The keys that are there, of those asked for: a request for each folder, and one for each key outside of any."""
    outermost, alone = folders(paths)
    found = [row for folder in outermost for row in below(api, folder) if row.pair.path in paths]
    found += [row for path in alone if (row := read_key(api, path)) is not None]
    return {row.pair.path: row for row in found}


def folders(paths: frozenset[str]) -> tuple[list[str], list[str]]:
    """The outermost folders of the paths, and the paths that are in none."""
    alone = sorted(path for path in paths if "/" not in path)
    outermost: list[str] = []
    for folder in sorted({path[: path.rindex("/") + 1] for path in paths if "/" in path}):
        if not (outermost and folder.startswith(outermost[-1])):
            outermost.append(folder)
    return outermost, alone


def below(api: ReadApi, folder: str) -> list[KeyRow]:
    """Every key that begins with *folder*; none where the token may not see them. Raises BackendError."""
    try:
        answer = api.get(f"kv/{path_segment(folder)}", recurse="")
    except RefusalError as refusal:
        if refusal.is_absence or refusal.is_denial:  # what is denied has been asked for before
            return []
        raise
    return [_row(entry) for entry in entries(answer)]


def _names_below(api: ReadApi, folder: str) -> tuple[str, ...]:
    """As `below`, without values."""
    try:
        return texts(api.get(f"kv/{path_segment(folder)}", keys=""))
    except RefusalError as refusal:
        if refusal.is_absence or refusal.is_denial:
            return ()
        raise


def read_key(api: ReadApi, path: str) -> KeyRow | None:
    """A key; None where there is none. Raises BackendError."""
    try:
        answer = entries(api.get(f"kv/{path_segment(path)}"))
    except RefusalError as refusal:
        if refusal.is_absence or refusal.is_denial:
            return None
        raise
    return _row(answer[0]) if answer else None


def path_segment(path: str) -> str:
    """A key as it is in an address; its slashes stay."""
    from urllib.parse import quote

    return quote(path, safe=_SAFE)


def _row(entry: Record) -> KeyRow:
    value = a2b_base64(text(entry.get("Value"))).decode(errors="surrogateescape")
    pair = KeyValue(text(entry.get("Key")), value, number(entry.get("Flags")), sensitive=False)
    return KeyRow(pair, number(entry.get("ModifyIndex")), text(entry.get("Session")))
