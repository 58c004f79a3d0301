"""Changes the Engine: one request after the other, as it serialises them itself."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.resource import Attributes
from netctl.errors import BackendError
from netctl.kinds.docker import Attachment, Network
from reconcilers.docker.former import Former
from reconcilers.docker.reader import Reader
from reconcilers.docker.refusals import RefusalError, UnreachableError

_NOT_FOUND = 404


class Writer(Reader):
    """Reads, and makes changes."""

    patient = True

    def __enter__(self) -> Self:
        self.former: defaultdict[str, Former] = defaultdict(Former)
        return self

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes; one outcome for each, in order. With the Engine gone, the rest is not tried."""
        outcomes: list[Outcome] = []
        lost: UnreachableError | None = None
        for change in batch:
            failure = _failure(change, lost) if lost is not None else None
            try:
                if lost is None:
                    self._make(change)
            except BackendError as error:
                lost = error if isinstance(error, UnreachableError) else None
                failure = _failure(change, error)
            outcomes.append(Outcome(change, failure))
        return outcomes

    def _make(self, change: Change) -> None:
        from reconcilers.docker.attaching import Attaching
        from reconcilers.docker.replacing import Replacing

        if change.key.kind == "reference":
            raise RefusalError(_NOT_FOUND, f"there is no Docker network {change.key.id} any more")
        if change.key.kind == "network":
            Replacing(self.api, self.former[change.key.id], change).make(
                _network(change.before), _network(change.after)
            )
        else:
            Attaching(self.api, change).make(_attachment(change.before), _attachment(change.after))


def _network(attributes: Attributes | None) -> Network | None:
    if attributes is None or isinstance(attributes, Network):
        return attributes
    raise TypeError(f"not a network: {attributes!r}")


def _attachment(attributes: Attributes | None) -> Attachment | None:
    if attributes is None or isinstance(attributes, Attachment):
        return attributes
    raise TypeError(f"not an attachment: {attributes!r}")


def _failure(change: Change, error: BackendError) -> Failure:
    verb = {Action.UPDATE: "change"}.get(change.action, change.action.value)
    what = change.key.id
    if change.key.kind == "attachment":
        network, _, container = what.rpartition(" ")
        verb = {Action.CREATE: "attach", Action.DELETE: "detach"}.get(change.action, "attach anew")
        what = f"container {container} to {network}"
    else:
        what = f"Docker network {what}"
    return Failure(
        f"{verb} {what}", error.message, error.advised() if isinstance(error, RefusalError) else error.advice
    )
