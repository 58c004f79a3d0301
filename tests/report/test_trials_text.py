"""What came of expectations, for people."""

from netctl.policy.model import Connection
from netctl.report.paint import Paint
from netctl.report.trials_text import advice, failures_text, trials_text
from netctl.twin.probe import Answer
from tests.report.findings import SHOP, on_paper, with_answers


def rows(text: str) -> list[str]:
    """The lines of the expectations, without those below them."""
    table = text.partition("\n\n")[0]
    return [line for line in table.splitlines()[1:] if not line.startswith(" ")]


def test_each_expectation_has_a_line_with_its_place_both_ends_the_port_what_is_expected_found_and_why() -> None:
    first = rows(trials_text(on_paper()))[0]
    said = ["pass", "<stdin>:25", "labels app=web", "service db", "5432/tcp", "allow", "allow 2"]
    assert [part.strip() for part in first.split("  ") if part][:7] == said
    assert first.endswith("  policy 'db' allows it (<stdin>:19: allow from labels app=web, ports 5432/tcp, 53/udp)")


def test_a_failed_one_names_each_connection_that_broke_it() -> None:
    text = trials_text(on_paper())
    reason = "no ingress rule of policy 'db' (<stdin>:16) allows it"
    assert rows(text)[2].startswith("FAIL ")
    assert rows(text)[2].endswith(f"front/api to back/db-1 at 53/udp: {reason}")
    assert f"\n  FAIL      front/api to back/db-2 at 53/udp: {reason}\n" in text


def test_the_last_line_counts() -> None:
    summary = "3 expectations: 2 passed, 1 failed. 8 connections, decided on the declaration alone."
    assert trials_text(on_paper()).splitlines()[-1] == summary


def test_of_many_failures_a_few_are_shown_and_all_on_request() -> None:
    findings = with_answers(lambda _: Answer.ANSWERED, SHOP + _expecting("{any: true}", "{network: front}", "deny"))
    assert "more; --verbose shows them" in trials_text(findings)
    verbose = trials_text(findings, verbose=True)
    assert "more; --verbose shows them" not in verbose
    assert verbose.count("\n  ") == len(findings.results)


def test_packets_that_do_otherwise_than_is_declared_are_told_from_a_declaration_that_is_not_as_expected() -> None:
    findings = with_answers(lambda _: Answer.SILENT)
    assert "nothing came back, though policy 'db' allows it (<stdin>:19: " in rows(trials_text(findings))[0]
    assert advice(findings) == "node1 does otherwise than is declared. See what differs there with netctl plan."
    as_declared = with_answers(as_the_shop_does)
    assert rows(trials_text(as_declared))[2].startswith("FAIL ")
    assert advice(as_declared) == ""


def as_the_shop_does(asked: Connection) -> Answer:
    """The answer by which the kernel would keep the shop's policies."""
    allowed = asked.source == "front/web" or (asked.destination == "front/web" and asked.family == 6)
    return Answer.REFUSED if allowed else Answer.UNREACHABLE


def test_what_is_not_sent_from_here_is_not_counted_as_passed() -> None:
    findings = with_answers(lambda asked: Answer.REFUSED if asked.source == "front/web" else "it is elsewhere")
    text = trials_text(findings)
    assert [line.split()[0] for line in rows(text)] == ["pass", "untested", "partly"]
    assert rows(text)[1].endswith(
        "  it is elsewhere; as declared, no ingress rule of policy 'db' (<stdin>:16) allows it"
    )
    end = "1 passed, 1 tested in part, 1 not tested from here. 4 connections, tried with real packets from node1."
    assert text.endswith(end)


def test_silence_of_udp_is_neither_passed_nor_failed() -> None:
    findings = with_answers(lambda asked: Answer.SILENT if asked.port == 53 else Answer.REFUSED)
    assert rows(trials_text(findings))[2].startswith("untold ")
    assert "tells nothing of UDP; as declared, no ingress rule" in rows(trials_text(findings))[2]


def test_an_expectation_that_selects_nothing_is_listed_as_untested() -> None:
    findings = on_paper(SHOP + _expecting("{labels: {app: nobody}}", "{service: db}", "deny"))
    assert rows(trials_text(findings))[3].split()[0] == "untested"
    assert rows(trials_text(findings))[3].endswith("no endpoint is selected")


def test_a_stack_without_expectations_says_so() -> None:
    text = trials_text(on_paper(SHOP.partition("expect:")[0]))
    assert text == "shop declares no expectations: write some under 'expect:'."


def test_when_quiet_each_failure_has_a_line_that_stands_alone() -> None:
    lines = failures_text(on_paper()).splitlines()
    assert lines == [
        f"<stdin>:27: front/api to back/{name} at 53/udp: expected allow, found deny: "
        "no ingress rule of policy 'db' (<stdin>:16) allows it"
        for name in ("db-1", "db-2")
    ]


def test_long_selectors_are_cut_and_places_are_not() -> None:
    labels = ", ".join(f"label-{number}: value-{number}" for number in range(9))
    text = trials_text(on_paper(SHOP + _expecting(f"{{labels: {{{labels}}}}}", "{any: true}", "deny")))
    assert "labels label-0=value-0,label-1=value-1,…" in text
    assert "<stdin>:28" in text


def test_only_labels_are_coloured() -> None:
    painted = trials_text(on_paper(), Paint(enabled=True))
    assert "\x1b[32mpass\x1b[0m    <stdin>:25" in painted
    assert "\x1b[31mFAIL\x1b[0m    <stdin>:27" in painted


def _expecting(source: str, destination: str, verdict: str) -> str:
    return f"  - {{from: {source}, to: {destination}, port: 80, verdict: {verdict}}}\n"


FENCED = """\
stack: fenced
networks:
  open: {subnet: {cidr: 10.1.0.0/24}, attach: [{netns: a, ports: {http: 80}}]}
  shut: {isolated: true, subnet: {cidr: 10.2.0.0/24}, attach: [{netns: b, ports: {http: 80}}]}
policies:
  a: {applies_to: {network: open}, ingress: []}
expect:
  - {from: {network: open}, to: {network: shut}, port: 80, verdict: allow}
  - {from: {network: shut}, to: {network: open}, port: 80, verdict: deny}
"""


def test_what_no_policy_keeps_apart_but_the_networks_do_is_told_with_the_network() -> None:
    text = trials_text(on_paper(FENCED))
    assert rows(text)[0].startswith("FAIL ")
    assert rows(text)[0].endswith("open/a to shut/b at 80/tcp: network 'shut' is isolated")
    assert rows(text)[1].endswith("no ingress rule of policy 'a' (<stdin>:6) allows it")
    found = with_answers(lambda _: Answer.ANSWERED, FENCED)
    assert "it arrived and was answered, though no ingress rule of policy 'a'" in failures_text(found)
    assert "open/a to shut/b at 80/tcp: expected deny, found allow: it arrived and was answered, though network" in (
        failures_text(found)
    )
    assert advice(with_answers(lambda _: Answer.SILENT, FENCED)) == ""
