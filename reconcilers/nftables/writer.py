"""Changes nftables. All changes of one call are one transaction of the kernel's: all of them happen, or none.

The transaction is bound to the generation of the rule set in which it was prepared, so that nothing that someone else
made in between is overwritten; then it is prepared again.
"""

import errno
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Self

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.flows import Left
from netctl.engine.resource import Key, Owner
from netctl.errors import BackendError
from netctl.kinds.nftables import ForeignRule, Table
from reconcilers.nftables.chains import MarkedRule, rules_by_key
from reconcilers.nftables.cutting import cut
from reconcilers.nftables.flows import changed_tables, forget_stale
from reconcilers.nftables.marks import Place, name_in, rule_mark
from reconcilers.nftables.messages import Interrupted, Refusal, Request, RequestError
from reconcilers.nftables.reader import Reader
from reconcilers.nftables.requests import (
    create_table,
    delete_rule,
    delete_table,
    insert_rule,
    replace_rule,
    table_changes,
)
from reconcilers.nftables.tables import read_head

_ADVICE = {
    errno.ENOENT: "it vanished, or what it refers to; plan again",
    errno.EEXIST: "someone else made it meanwhile; plan again",
    errno.EBUSY: "something still refers to it; plan again",
    errno.EPERM: "it needs CAP_NET_ADMIN: run as root",
    errno.EOPNOTSUPP: "this kernel lacks an nftables feature; netctl doctor says which",
    errno.ERESTART: "another program keeps changing nftables; find it with: nft monitor",
    errno.ENOMEM: "the kernel is out of memory for it",
}


_TRACKING = "where the kernel lacks nf_conntrack_netlink, load it: modprobe nf_conntrack_netlink"


class Unmakeable(Exception):  # noqa: N818 - carries a failure, which is not an exception
    """A change that is not even sent."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Writer(Reader):
    """Reads and changes the nftables of one network namespace."""

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            # A kernel without nf_tables is an error only for a stack that needs it: when it is executed.
            with suppress(RequestError):
                self.connection.generation()
        except BackendError:
            self.connection.close()
            raise
        return self

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes, all or none. Where one fails, the others' failures name it."""
        deadline = time.monotonic() + self.context.timeout
        while True:
            try:
                failures = self._attempt(batch)
            except Interrupted:
                failures = None
            if failures is not None:
                return _outcomes(batch, failures or self._forget_stale_flows(batch))
            if time.monotonic() > deadline:
                stale = Refusal(None, errno.ERESTART)
                return _outcomes(batch, {0: Failure("change nftables", stale.answer, _ADVICE[errno.ERESTART])})

    def cut(self, left: Sequence[Left]) -> int:
        """Cut connections to endpoints that have left; how many there were. Raises BackendError."""
        try:
            return cut(self.context.netns, self.context.timeout, left)
        except OSError as error:
            raise BackendError(
                f"tracked connections cannot be removed: {error.strerror or error}", _TRACKING
            ) from error

    def _attempt(self, batch: Sequence[Change]) -> dict[int, Failure] | None:
        """Failures by the change's number, none where all were made; None where the rule set changed meanwhile."""
        generation = self.connection.generation()
        requests, failures = self._prepared(batch)
        if failures or not requests:
            return failures
        refusals = self.connection.commit(requests, generation)
        if any(refusal.request is None and refusal.errno == errno.ERESTART for refusal in refusals):
            return None
        for refusal in refusals:
            failures.setdefault(refusal.request.cause if refusal.request else 0, _failure(refusal))
        return failures

    def _forget_stale_flows(self, batch: Sequence[Change]) -> dict[int, Failure]:
        """Has clients that send datagrams without end translated by what was just changed."""
        try:
            for before, after in changed_tables((change.before, change.after) for change in batch):
                forget_stale(self.context.netns, self.context.timeout, before, after)
        except (BackendError, OSError) as error:
            return {0: Failure("remove tracked flows to former endpoints", str(error), _TRACKING)}
        return {}

    def _prepared(self, batch: Sequence[Change]) -> tuple[list[Request], dict[int, Failure]]:
        requests: list[Request] = []
        failures: dict[int, Failure] = {}
        rules = self._marked_rules(batch)
        for number, change in enumerate(batch):
            if change.implied:
                continue
            try:
                requests += [request._replace(cause=number) for request in self._requests(change, rules)]
            except Unmakeable as error:
                failures[number] = error.failure
            except ValueError as error:
                failures[number] = Failure(_attempted(change), str(error))
        return requests, failures

    def _marked_rules(self, batch: Sequence[Change]) -> dict[Key, MarkedRule]:
        """The live rules in the chains that changes are about."""
        places = {_place(_subject(change)) for change in batch if change.key.kind == "rule"}
        return rules_by_key(self.connection, sorted(places))

    def _requests(self, change: Change, rules: dict[Key, MarkedRule]) -> Iterable[Request]:
        if change.key.kind == "rule":
            return _rule_requests(change, rules.get(change.key))
        return self._table_requests(change)

    def _table_requests(self, change: Change) -> Iterable[Request]:
        if change.action is Action.CREATE:
            return create_table(_table(change.after), change.owner)
        before = _table(change.before)
        if not self._still_theirs(change, before):
            return [] if change.action is Action.DELETE else create_table(_table(change.after), change.owner)
        if change.action is Action.DELETE:
            return [delete_table(before)]
        after = _table(change.after)
        if _stack(change.owner) == _stack(change.owner_before):
            deltas = table_changes(before, after)
            if deltas is not None:
                return deltas
        return [delete_table(before), *create_table(after, change.owner)]

    def _still_theirs(self, change: Change, table: Table) -> bool:
        """False where the table is gone. Raises Unmakeable where it is another owner's than when it was observed."""
        head = read_head(self.connection, table.family, table.name)
        if head is None:
            return False
        if _stack(head.owner) != _stack(change.owner_before):
            now = f"stack '{head.owner.stack}'" if head.owner else "someone else"
            raise Unmakeable(Failure(_attempted(change), f"the table belongs to {now} by now", "plan again"))
        return True


def _rule_requests(change: Change, live: MarkedRule | None) -> list[Request]:
    subject = _subject(change)
    if change.action is Action.DELETE:
        return [] if live is None else [delete_rule(subject, live.handle)]
    if change.owner is None:
        raise ValueError("a rule in another tool's chain needs an owner, or it could not be found again")
    place = _place(subject)
    mark = rule_mark(change.owner, place, name_in(change.key, change.owner.stack, place))
    return [insert_rule(subject, mark) if live is None else replace_rule(subject, mark, live.handle)]


def _subject(change: Change) -> ForeignRule:
    attributes = change.before if change.action is Action.DELETE else change.after
    if not isinstance(attributes, ForeignRule):
        raise TypeError(f"{change.key} has attributes of another kind: {attributes!r}")
    return attributes


def _place(rule: ForeignRule) -> Place:
    return Place(rule.family, rule.table, rule.chain)


def _table(attributes: object) -> Table:
    if not isinstance(attributes, Table):
        raise TypeError(f"not a table: {attributes!r}")
    return attributes


def _stack(owner: Owner | None) -> str:
    return owner.stack if owner else ""


def _attempted(change: Change) -> str:
    return f"{change.action} {change.key.kind} {change.key.id}"


def _failure(refusal: Refusal) -> Failure:
    attempt = str(refusal.request.what) if refusal.request else "change nftables"
    return Failure(attempt, refusal.answer, _ADVICE.get(refusal.errno, ""))


def _outcomes(batch: Sequence[Change], failures: dict[int, Failure]) -> list[Outcome]:
    """One for each change; where some failed, the rest failed with the first of them."""
    if not failures:
        return [Outcome(change) for change in batch]
    first = min(failures)
    reason = f"nothing of the transaction was done, because another change failed ({failures[first].attempt})"
    return [
        Outcome(change, None if change.implied else failures.get(number) or Failure(_attempted(change), reason))
        for number, change in enumerate(batch)
    ]
