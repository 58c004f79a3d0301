"""What an apply did, told."""

import json

from netctl.engine.apply import Report, Result
from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.plan import Plan
from netctl.report.apply_report import failure_text, report_document, success_text
from tests.report.plans import DESIRED, LIVE, assert_golden, plan_of

PLAN: Plan = plan_of(DESIRED, LIVE)


def one(action: Action) -> Change:
    return next(change for change in PLAN.changes if change.action is action)


CREATE, UPDATE, DELETE = one(Action.CREATE), one(Action.UPDATE), one(Action.DELETE)
FAILED = Outcome(CREATE, Failure("create kernel/link/nc-web", "EEXIST: file exists", "remove it"))
STUCK = Outcome(DELETE, Failure("restore kernel/link/nc-old", "it was a bridge and is absent"))


def test_success_is_one_line() -> None:
    report = Report(Result.APPLIED, (CREATE, UPDATE))
    assert (
        success_text(report, 0.1234) == "Applied and verified in 123 ms: 1 created, 1 updated, 0 replaced, 0 deleted."
    )


def test_a_failure_tells_what_failed_what_was_undone_and_what_was_not_tried() -> None:
    report = Report(Result.UNDONE, (UPDATE,), (FAILED,), (DELETE, DELETE))
    assert_golden("undone.txt", failure_text(report) + "\n")


def test_what_did_not_stick_is_shown_with_both_values() -> None:
    text = failure_text(Report(Result.UNDONE, (UPDATE,), unverified=(UPDATE,)))
    assert f"{UPDATE.key}: mtu: 1500 -> 1450" in text


def test_what_could_not_be_undone_is_not_said_to_have_been() -> None:
    report = Report(Result.PARTIAL, (UPDATE, DELETE), (FAILED,), not_undone=(STUCK,))
    assert_golden("partial.txt", failure_text(report) + "\n")


def test_what_was_kept_on_purpose_is_listed_as_such() -> None:
    text = failure_text(Report(Result.PARTIAL, (UPDATE,), (FAILED,)))
    assert "Done, and not undone:" in text
    assert "Done and undone again" not in text


def test_a_long_list_is_cut_unless_all_of_it_is_asked_for() -> None:
    report = Report(Result.UNDONE, failed=(FAILED,) * 60)
    assert "… and 10 more" in failure_text(report)
    assert "more" not in failure_text(report, verbose=True)


def test_the_document_has_every_part() -> None:
    report = Report(Result.PARTIAL, (UPDATE,), (FAILED,), (DELETE,), (UPDATE,), (STUCK,))
    document = json.loads(json.dumps(report_document(report, stack="shop", host="node1", seconds=1.23456)))
    assert document["result"] == "partial"
    assert document["seconds"] == 1.235
    assert document["failed"][0] == {
        "address": str(CREATE.key),
        "actions": ["create"],
        "attempt": "create kernel/link/nc-web",
        "answer": "EEXIST: file exists",
        "advice": "remove it",
    }
    assert [len(document[part]) for part in ("done", "skipped", "unverified", "not_undone")] == [1, 1, 1, 1]
