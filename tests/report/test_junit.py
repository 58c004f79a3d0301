"""JUnit's XML."""

from xml.etree import ElementTree as ET

import pytest

from netctl.engine.resource import Origin
from netctl.report.junit import junit
from netctl.twin.examination import Findings
from netctl.twin.probe import Answer
from tests.report.findings import SHOP, on_paper, with_answers


def suites(findings: Findings) -> dict[str, ET.Element]:
    """By name."""
    root = ET.fromstring(junit(findings))
    assert root.tag == "testsuites"
    return {str(suite.get("name")): suite for suite in root}


def names(suite: ET.Element) -> list[str]:
    return [str(test.get("name")) for test in suite]


def test_there_is_a_test_for_each_connection_of_an_expectation_and_of_the_matrix() -> None:
    findings = on_paper()
    found = suites(findings)
    assert found.keys() == {"shop.expect", "shop.matrix"}
    assert len(found["shop.expect"]) == len(findings.results)
    assert len(found["shop.matrix"]) == len(findings.matrix or ())
    first = found["shop.expect"][0]
    assert first.get("classname") == "shop.expect"
    assert first.get("name") == "front/web to back/db-1 at 5432/tcp (labels app=web to service db, 5432/tcp: allow)"
    assert (first.get("file"), first.get("line")) == ("<stdin>", "25")


def test_a_failure_says_where_and_why() -> None:
    failures = suites(on_paper())["shop.expect"].findall("testcase/failure")
    assert len(failures) == 2
    assert failures[0].get("message") == failures[0].text
    assert failures[0].text == (
        "<stdin>:27: front/api to back/db-1 at 53/udp: expected allow, found deny: "
        "no ingress rule of policy 'db' (<stdin>:16) allows it"
    )


def test_what_was_not_tested_or_tells_nothing_is_skipped_with_the_reason() -> None:
    suite = suites(with_answers(lambda asked: Answer.SILENT if asked.source == "front/web" else "elsewhere"))[
        "shop.expect"
    ]
    reasons = {str(skipped.get("message"))[:9] for skipped in suite.findall("testcase/skipped")}
    assert reasons == {"elsewhere", "nothing c"}


@pytest.mark.parametrize("name", ["shop.expect", "shop.matrix"])
def test_a_suite_counts_its_tests_and_sums_up_their_time(name: str) -> None:
    suite = suites(with_answers(lambda asked: Answer.REFUSED if asked.source == "front/api" else "elsewhere"))[name]
    assert int(str(suite.get("tests"))) == len(suite)
    assert int(str(suite.get("failures"))) == len(suite.findall("testcase/failure")) > 0
    assert int(str(suite.get("skipped"))) == len(suite.findall("testcase/skipped")) > 0
    assert suite.get("errors") == "0"
    tried = len(suite) - len(suite.findall("testcase/skipped"))
    assert float(str(suite.get("time"))) == pytest.approx(0.25 * tried)
    assert suite.get("hostname") == "node1"


def test_names_depend_neither_on_results_nor_on_the_order_of_declarations() -> None:
    head, _, tail = SHOP.partition("expect:\n")
    reordered = f"{head}expect:\n" + "".join(reversed(tail.splitlines(keepends=True)))
    assert set(names(suites(on_paper(reordered))["shop.expect"])) == set(names(suites(on_paper())["shop.expect"]))
    silent = with_answers(lambda _: Answer.SILENT)
    assert names(suites(silent)["shop.expect"]) == names(suites(on_paper())["shop.expect"])


def test_what_is_expected_twice_has_two_names() -> None:
    found = names(suites(on_paper(SHOP + SHOP.splitlines()[-1] + "\n"))["shop.expect"])
    assert len(found) == len(set(found)) == 12
    assert sum(name.endswith(" #2") for name in found) == 4


def test_an_expectation_that_selects_nothing_is_a_skipped_test() -> None:
    nothing = "  - {from: {labels: {app: nobody}}, to: {service: db}, port: 80, verdict: deny}\n"
    suite = suites(on_paper(SHOP + nothing))["shop.expect"]
    assert suite[-1].get("name") == "labels app=nobody to service db, 80/tcp: deny"
    assert suite[-1].find("skipped") is not None
    assert suite.get("skipped") == "1"


@pytest.mark.parametrize(
    "hostile", ["a\"b<c>&'d.yaml", "]]>.yaml", "bell\x07\x00\x1b[31m.yaml", "\ud800\ufffe.yaml", "new\nline\t.yaml"]
)
def test_hostile_names_make_no_broken_document(hostile: str) -> None:
    findings = on_paper()
    origin = Origin(hostile, hostile, 7)
    results = [result._replace(trial=result.trial._replace(origin=origin, text=hostile)) for result in findings.results]
    suite = suites(findings._replace(results=results, place=hostile))["shop.expect"]
    shown = hostile if hostile.isprintable() else str(suite[0].get("file"))
    assert suite[0].get("file") == shown
    assert shown.isprintable()
    assert shown in str(suite.findall("testcase/failure")[0].text)
