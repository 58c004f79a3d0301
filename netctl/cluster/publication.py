"""Putting a version into the store, and getting it from there.

A version's parts are written first; then, in one transaction, the key that names the current version is changed, if
nobody has changed it meanwhile, and versions that are too old are deleted. So whoever reads the key finds the parts.
"""

import os
from time import time
from typing import NamedTuple

from netctl.cluster.document import digest_of, divided, united
from netctl.cluster.layout import Layout
from netctl.cluster.records import NewerError, Publication, RecordError
from netctl.engine.store import Store, Write
from netctl.errors import NetctlError, RefusedError

KEPT = 5
"""So many versions are there at once."""


class Published(NamedTuple):
    """What `publish` has done."""

    publication: Publication
    is_new: bool


def current(store: Store, layout: Layout) -> tuple[Publication | None, int]:
    """The current version and the index of its key; None and 0 where nothing has been published. Raises NetctlError."""
    entry = store.get(layout.current)
    if entry is None:
        return None, 0
    return understood(layout, entry.value), entry.modified


def understood(layout: Layout, value: bytes) -> Publication:
    """What the key that names the current version says. Raises RecordError."""
    found = Publication.read(layout.current, value)
    if found.stack != layout.stack:
        raise RecordError(
            f"the key {layout.current} names a version of stack '{found.stack}', and '{layout.stack}' is followed here",
            "Publish the right one: netctl publish.",
        )
    return found


def publish(store: Store, layout: Layout, text: str, max_unavailable: int | None, author: str) -> Published:
    """Make the document the current version, unless it is. Raises RefusedError where someone else has been faster."""
    known, index = _replaceable(store, layout)
    digest, parts = digest_of(text), divided(text)
    is_same = known is not None and (known.digest, known.max_unavailable) == (digest, max_unavailable)
    if known is not None and is_same and _is_there(store, layout, known):
        return Published(known, is_new=False)
    kept = tuple(dict.fromkeys((digest, *(known.kept if known else ()))))[:KEPT]
    publication = Publication(
        stack=layout.stack, version=known.version + 1 if known else 1, digest=digest, parts=len(parts),
        max_unavailable=max_unavailable, author=author, time=int(time()), kept=kept,
    )  # fmt: skip
    for number, part in enumerate(parts):
        store.write([Write(layout.part(digest, number), part)])
    old = _versions_there(store, layout) - set(kept)
    deletions = [Write(f"{layout.versions}{name}/", None) for name in sorted(old)[:_MOST_DELETIONS]]
    if not store.write([Write(layout.current, publication.encoded(), index), *deletions]):
        raise _outrun(store, layout)
    return Published(publication, is_new=True)


_MOST_DELETIONS = 32
"""In one transaction; what is left goes the next time."""


def fetch(store: Store, layout: Layout, publication: Publication) -> str:
    """The document of a version. Raises NetctlError where it is not whole."""
    parts: list[bytes] = []
    for number in range(publication.parts):
        entry = store.get(layout.part(publication.digest, number))
        if entry is None:
            raise NetctlError(
                f"the published version {publication.version} is not whole: part {number + 1} of {publication.parts} "
                "is missing",
                "Publish it again.",
            )
        parts.append(entry.value)
    return united(parts, publication.digest)


def author() -> str:
    """Who publishes: the user and the machine."""
    name = os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
    return "".join(filter(str.isprintable, f"{name}@{os.uname().nodename}"))[:200]


def _replaceable(store: Store, layout: Layout) -> tuple[Publication | None, int]:
    """As `current`; what nobody can use is replaced as if it were not there, unless a later netctl can."""
    try:
        return current(store, layout)
    except NewerError:
        raise
    except RecordError:
        entry = store.get(layout.current)
        return None, entry.modified if entry else 0


def _is_there(store: Store, layout: Layout, publication: Publication) -> bool:
    try:
        fetch(store, layout, publication)
    except NetctlError:
        return False
    return True


def _versions_there(store: Store, layout: Layout) -> set[str]:
    return {key.removeprefix(layout.versions).partition("/")[0] for key in store.keys(layout.versions)} - {""}


def _outrun(store: Store, layout: Layout) -> RefusedError:
    """What to tell someone whose version was overtaken."""
    known, _ = current(store, layout)
    by = f": version {known.version} by {known.author or 'somebody'}" if known else ""
    return RefusedError(
        f"someone else has published stack '{layout.stack}' meanwhile{by}",
        "See what has changed; then publish again.",
    )
