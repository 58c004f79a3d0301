"""The state of each declaration."""

import json

from netctl.kinds.link import Bridge
from netctl.report.status import State, Status, status_document, status_of, status_text
from tests.report.plans import DESIRED, FRONTEND, LIVE, UNREAD, assert_golden, have, plan_of, want


def status() -> Status:
    extra = want(next(iter(UNREAD[0].keys)), Bridge("db", "eth0"), "networks.backend", 25)
    synced = want(FRONTEND._replace(id="nc-calm"), Bridge("", "nc-calm"), "networks.calm", 29)
    desired = [*DESIRED, extra, synced]
    plan = plan_of(desired, [*LIVE, have(synced.key, Bridge("", "nc-calm"), "networks.calm")], UNREAD)
    return status_of(plan, {wanted.key: wanted for wanted in desired})


def states() -> dict[str, State]:
    return {entry.name: entry.state for entry in status().declarations}


def test_each_declaration_has_the_worst_state_of_its_resources() -> None:
    assert states() == {
        "networks.backend": State.UNKNOWN,
        "networks.calm": State.IN_SYNC,
        "networks.frontend": State.DRIFTED,
        "networks.lan": State.CONFLICT,
        "overlays.pods": State.DRIFTED,
        "routes[0]": State.MISSING,
        "routes[1]": State.MISSING,
        "rules[0]": State.MISSING,
    }


def test_what_is_owned_and_no_longer_declared_is_left_over() -> None:
    assert [str(change.key) for change in status().leftovers] == [
        "kernel/link/nc-old",
        "kernel/address/nc-old 10.9.0.1/24",
    ]
    assert not status().in_sync


def test_the_text_reads_as_it_is_meant_to() -> None:
    assert_golden("status.txt", status_text(status()) + "\n")


def test_all_in_sync_is_said_in_the_last_line() -> None:
    calm = [want(FRONTEND, Bridge("", "nc-frontend"), "networks.frontend", 20)]
    plan = plan_of(calm, [have(FRONTEND, Bridge("", "nc-frontend"), "networks.frontend")])
    found = status_of(plan, {wanted.key: wanted for wanted in calm})
    assert found.in_sync
    assert status_text(found).splitlines()[-1] == "node1 matches shop."


def test_the_document_has_the_drift_of_each_declaration() -> None:
    document = json.loads(json.dumps(status_document(status())))
    frontend = next(entry for entry in document["declarations"] if entry["declaration"] == "networks.frontend")
    assert frontend["state"] == "drifted"
    assert {"address": str(FRONTEND), "actions": ["update"], "changed": ["mtu"]} in frontend["drift"]
    assert document["in_sync"] is False
    assert len(document["leftovers"]) == 2
