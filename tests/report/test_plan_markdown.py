"""A plan as a pull-request comment."""

from netctl.kinds.link import Bridge, link_key
from netctl.report.plan_markdown import LIMIT, plan_markdown
from tests.report.plans import assert_golden, everything, plan_of, want


def test_a_plan_with_one_of_everything_reads_as_it_is_meant_to() -> None:
    plan = everything()
    text = plan_markdown(plan, warnings=["this would cut the SSH connection"])
    assert_golden("plan.md", text.replace(plan.fingerprint[:16], "(fingerprint)"))


def test_a_plan_of_any_size_fits_a_comment() -> None:
    links = [want(link_key(f"br{n}"), Bridge("", f"br{n}"), f"networks.n{n}", n) for n in range(20_000)]
    text = plan_markdown(plan_of(links, []))
    assert len(text) < LIMIT
    assert "20000 to create" in text
    assert "more lines" in text


def test_many_warnings_conflicts_and_long_names_still_fit() -> None:
    long = "x" * 3_000
    links = [want(link_key(f"{long}{n}"), Bridge("", f"{long}{n}"), f"networks.{long}{n}", n) for n in range(50)]
    text = plan_markdown(plan_of(links, []), warnings=[long] * 100)
    assert len(text) < LIMIT


def test_names_cannot_break_out_of_the_code_that_they_are_in() -> None:
    evil = "```\n</details><script>"
    text = plan_markdown(plan_of([want(link_key(evil), Bridge("", evil), "networks.a", 1)], []))
    fence = next(line for line in text.splitlines() if line.endswith("diff")).removesuffix("diff")
    inside = text.split(fence)[1]
    assert len(fence) == 4
    assert "<script>" in inside
    assert "<script>" not in text.replace(inside, "")


def test_nothing_to_do_is_one_sentence() -> None:
    assert "**No changes. node1 matches shop.**" in plan_markdown(plan_of([], []))
