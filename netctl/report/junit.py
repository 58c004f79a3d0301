"""JUnit's XML, as CI systems read it: a suite of expectations, a suite of the matrix, a test for each connection.

Names do not depend on results, nor on the order of declarations, so that a test is the same from run to run.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from netctl.engine.resource import Origin
from netctl.report.paint import printable
from netctl.report.trials_wording import connection_text, failure_text, why
from netctl.twin.examination import Findings
from netctl.twin.trials import Outcome, Result


def junit(findings: Findings) -> bytes:
    """The document, in UTF-8."""
    root = ET.Element("testsuites", name="netctl test")
    stack = findings.examination.stack
    expectations = _suite(f"{stack}.expect", findings.results, findings)
    _add_empty(expectations, findings)
    suites = [expectations]
    if findings.matrix is not None:
        suites.append(_suite(f"{stack}.matrix", findings.matrix, findings))
    for suite in suites:
        _count(suite)
        root.append(suite)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(name: str, results: Sequence[Result], findings: Findings) -> ET.Element:
    suite = ET.Element("testsuite", name=name)
    if findings.place:
        suite.set("hostname", printable(findings.place))
    for test_name, result in zip(_names(results), results, strict=True):
        test = _test(suite, name, test_name, result.trial.origin)
        test.set("time", f"{result.seconds:.3f}")
        _conclude(test, result, findings)
    return suite


def _test(suite: ET.Element, group: str, name: str, origin: Origin | None) -> ET.Element:
    test = ET.SubElement(suite, "testcase", classname=group, name=printable(name))
    if origin is not None and origin.file:
        test.set("file", printable(origin.file))
        test.set("line", str(origin.line))
    return test


def _names(results: Iterable[Result]) -> Iterable[str]:
    """Each test's name; what is expected twice is numbered."""
    seen: Counter[str] = Counter()
    for result in results:
        said = f" ({result.trial.text})" if result.trial.text else ""
        name = f"{connection_text(result.trial)}{said}"
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} #{seen[name]}"


def _conclude(test: ET.Element, result: Result, findings: Findings) -> None:
    if result.outcome is Outcome.PASSED:
        return
    evaluator = findings.examination.evaluator
    if result.outcome is not Outcome.FAILED:
        ET.SubElement(test, "skipped", message=printable(why(result, evaluator)))
        return
    message = failure_text(result, evaluator)
    ET.SubElement(test, "failure", message=message, type="verdict").text = message


def _add_empty(suite: ET.Element, findings: Findings) -> None:
    """A skipped test for each expectation that speaks of no connection."""
    for case in findings.examination.cases:
        if not case.trials:
            test = _test(suite, str(suite.get("name")), case.text, case.origin)
            test.set("time", "0.000")
            ET.SubElement(test, "skipped", message="no endpoint is selected")


def _count(suite: ET.Element) -> None:
    tests = suite.findall("testcase")
    suite.set("tests", str(len(tests)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{sum(float(test.get('time', 0)) for test in tests):.3f}")
