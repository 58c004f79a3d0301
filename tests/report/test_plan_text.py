"""A plan for people."""

from time import process_time

from netctl.engine.change import Action
from netctl.engine.plan import Plan
from netctl.engine.protocol import Unread
from netctl.engine.resource import Live, Owner
from netctl.kinds.link import Bridge, VethPeer, link_key
from netctl.kinds.neighbour import FdbEntry, fdb_key
from netctl.report.paint import Paint
from netctl.report.plan_text import plan_text
from tests.report.plans import DESIRED, FRONTEND, LIVE, assert_golden, everything, have, plan_of, want


def test_a_plan_with_one_of_everything_reads_as_it_is_meant_to() -> None:
    assert_golden("plan.txt", plan_text(everything(), warnings=["this would cut the SSH connection"]) + "\n")


def test_the_long_form_shows_every_change_on_a_line_of_its_own() -> None:
    assert_golden("plan-verbose.txt", plan_text(everything(), verbose=True) + "\n")


def test_nothing_to_do_is_one_sentence() -> None:
    in_sync = plan_of([want(FRONTEND, Bridge("", "nc-frontend"), "networks.frontend", 1)],
                      [have(FRONTEND, Bridge("", "nc-frontend"), "networks.frontend")])  # fmt: skip
    assert plan_text(in_sync) == "No changes. node1 matches shop."


def test_of_several_conflicts_one_that_makes_a_declaration_is_offered_to_be_imported() -> None:
    peer = link_key("eth0", "db")
    desired = [
        want(peer, VethPeer("db", "eth0"), "networks.frontend", 1),
        want(FRONTEND, Bridge("", "nc-frontend"), "networks.frontend", 1),
    ]
    live = [Live(peer, VethPeer("db", "eth0")), Live(FRONTEND, Bridge("", "nc-frontend"))]
    assert plan_text(plan_of(desired, live)).splitlines()[-3].endswith(": netctl import 'kernel/link/nc-frontend'.")
    assert plan_text(plan_of(desired[:1], live[:1])).splitlines()[-3].endswith(": netctl import.")


def test_what_could_not_be_read_is_not_called_a_match() -> None:
    blind = plan_of([], [], (Unread("nftables", "everything", "permission denied"),))
    text = plan_text(blind)
    assert "No changes. " not in text
    assert "nftables: everything: permission denied" in text


def test_the_count_has_every_change_also_those_that_are_folded() -> None:
    plan = everything()
    counted = sum(plan.count().values())
    rows = plan_text(plan, verbose=True).splitlines()
    signs = [row for row in rows if row.startswith(("  +  ", "  ~  ", "  -/+", "  -  "))]
    assert len(signs) == counted


def test_the_text_does_not_depend_on_the_order_of_declarations() -> None:
    forward, backward = plan_of(DESIRED, LIVE), plan_of(DESIRED[::-1], LIVE[::-1])
    assert plan_text(forward) == plan_text(backward)


def test_names_are_sorted_as_people_count() -> None:
    links = [want(link_key(f"br{n}"), Bridge("", f"br{n}"), f"networks.n{n}", n) for n in (10, 9, 2)]
    names = [line.split()[2] for line in plan_text(plan_of(links, [])).splitlines() if line.startswith("  +")]
    assert names == ["br2", "br9", "br10"]


def test_colour_changes_nothing_but_colour() -> None:
    plain, painted = plan_text(everything()), plan_text(everything(), paint=Paint(enabled=True))
    for code in ("1", "2", "31", "32", "33", "36", "0"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == plain


def test_a_name_cannot_send_control_characters_to_the_terminal() -> None:
    evil = "a\x1b]0;owned\x07"
    text = plan_text(plan_of([want(link_key(evil), Bridge("", evil), "networks.a", 1)], []))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_ten_thousand_changes_are_printed_in_well_under_a_second() -> None:
    macs = [f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(10_000)]
    desired = [
        want(fdb_key("vx", mac, "192.0.2.1"), FdbEntry("vx", mac, "192.0.2.1"), "overlays.pods", 1) for mac in macs
    ]
    plan: Plan = plan_of(desired, [])
    started = process_time()
    text = plan_text(plan)
    assert process_time() - started < 2
    assert text.count("\n") > plan.count()[Action.CREATE]


def test_what_is_taken_over_from_another_stack_is_said_to_be() -> None:
    bridge = Bridge("", "nc-frontend")
    desired = [want(FRONTEND, bridge, "networks.frontend", 1)]
    for owner, said in ((Owner("blog", "networks.frontend"), "taken over from stack blog"), (None, "taken over")):
        plan = plan_of(desired, [have(FRONTEND, bridge)._replace(owner=owner)], adopt=True)
        assert plan_text(plan).splitlines()[1].split("nc-frontend")[1].split("stack.yaml")[0].strip() == said
