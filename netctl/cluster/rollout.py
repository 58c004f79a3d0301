"""Taking up a new version by turns: so many hosts at once, each with a slot while it is at it.

A host gives its slot back when the version holds there, and keeps it where it does not; so that, once as many have
failed as may be unavailable, the others stay as they are. A new publication starts afresh.
"""

from time import time

from netctl.cluster.layout import Layout
from netctl.cluster.records import Publication, RecordError, Rollout
from netctl.engine.store import Store, Write


def take_slot(store: Store, layout: Layout, host: str, publication: Publication) -> bool:
    """Whether the host may take the version up now. Raises NetctlError."""
    most = publication.max_unavailable
    while most is not None:
        rollout, index = _read(store, layout)
        if rollout.version > publication.version:  # a later one is out, and about to be heard of
            return False
        slots = rollout.slots if rollout.version == publication.version else {}
        if host in slots:
            return True
        if len(slots) >= most:
            return False
        taken = Rollout(version=publication.version, slots={**slots, host: int(time())})
        if store.write([Write(layout.rollout, taken.encoded(), index)]):
            return True
    return True


def give_slot_back(store: Store, layout: Layout, host: str, version: int) -> None:
    """The version holds on the host. Raises NetctlError."""
    while True:
        rollout, index = _read(store, layout)
        if host not in rollout.slots or rollout.version != version:
            return
        left = {name: since for name, since in rollout.slots.items() if name != host}
        if store.write([Write(layout.rollout, rollout.model_copy(update={"slots": left}).encoded(), index)]):
            return


def _read(store: Store, layout: Layout) -> tuple[Rollout, int]:
    entry = store.get(layout.rollout)
    if entry is None:
        return Rollout(), 0
    try:
        return Rollout.read(layout.rollout, entry.value), entry.modified
    except RecordError:  # replaced by what can be read
        return Rollout(), entry.modified
