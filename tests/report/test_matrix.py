"""Who reaches what, as a table."""

import pytest

from netctl.policy.model import Connection
from netctl.report.matrix import matrix_text
from netctl.report.paint import Paint
from netctl.twin.probe import Answer
from tests.report.findings import SHOP, Answers, on_paper, with_answers

SHOP_TABLE = """\
  1  service db 5432/tcp (2 endpoints)
  2  service db 53/udp (2 endpoints)
  3  front/web 80/tcp

           1 2 3
back/db-1  . . .
back/db-2  . . .
front/api  . . 6
front/web  + +

+ allowed   . denied   6 over IPv6 only"""


def table(text: str) -> dict[str, str]:
    """The rows by their name, of all parts of the table, without the headings."""
    lines = [line for line in text.splitlines() if "/" in line.split(" ")[0]]
    found: dict[str, str] = {}
    for line in lines:
        name, _, signs = line.partition(" ")
        found[name] = found.get(name, "") + signs
    return found


def test_endpoints_are_rows_and_offers_are_columns() -> None:
    assert matrix_text(on_paper()) == SHOP_TABLE


@pytest.mark.parametrize(
    ("answers", "sign"),
    [
        (lambda asked: Answer.REFUSED if asked.destination == "back/db-1" else Answer.SILENT, "!"),
        (lambda asked: Answer.SILENT if asked.port == 53 else Answer.REFUSED, "+"),
    ],
)
def test_what_is_not_as_declared_stands_out(answers: Answers, sign: str) -> None:
    assert table(matrix_text(with_answers(answers)))["front/web"].strip()[0] == sign


def test_what_is_not_as_declared_is_listed_with_the_rule() -> None:
    text = matrix_text(with_answers(lambda _: Answer.REFUSED))
    listed = text.partition("Not as declared:\n")[2].splitlines()
    assert (
        "  front/api to back/db-1 at 5432/tcp: it arrived and was refused, "
        "though no ingress rule of policy 'db' (<stdin>:16) allows it"
    ) in listed


def test_silence_of_udp_is_marked_as_telling_nothing() -> None:
    text = matrix_text(with_answers(lambda asked: Answer.SILENT if asked.port == 53 else _as_declared(asked)))
    assert {row.split()[1] for row in table(text).values()} == {"?"}
    assert "? nothing tells" in text
    assert "Not as declared" not in text


def _as_declared(asked: Connection) -> Answer:
    allowed = asked.source == "front/web" or (asked.destination == "front/web" and asked.family == 6)
    return Answer.ANSWERED if allowed else Answer.SILENT


def test_endpoints_elsewhere_are_left_out_and_counted() -> None:
    text = matrix_text(with_answers(lambda asked: Answer.REFUSED if asked.source == "front/web" else "elsewhere"))
    assert table(text).keys() == {"front/web"}
    assert "Nothing was sent from 3 endpoints, which are not on this host." in text


def test_a_service_of_which_some_endpoints_are_reached_is_marked() -> None:
    shop = SHOP.replace("{netns: db-1,", "{netns: db-1, address: 10.20.0.9,")
    shop += "  - {from: {labels: {app: web}}, to: {service: db}, port: 5432, verdict: allow}\n"
    only_one = "  some: {applies_to: {labels: {app: web}}, egress: [{to: {cidr: 10.20.0.9/32}}]}\nexpect:\n"
    assert table(matrix_text(on_paper(shop.replace("expect:\n", only_one))))["front/web"].split() == ["~", "~"]


def test_a_large_table_is_printed_in_parts_that_fit() -> None:
    text = matrix_text(on_paper(_large(endpoints=100, services=30)), width=60)
    headings = [line for line in text.splitlines() if line.strip().replace(" ", "").isdigit()]
    assert len(headings) == 2
    assert max(map(len, text.splitlines()[31:])) <= 60
    assert len(table(text)) == 100
    assert all(len(signs.split()) == 30 for signs in table(text).values())


def test_rows_and_columns_are_in_the_order_of_their_numbers() -> None:
    text = matrix_text(on_paper(_large(endpoints=12, services=11)), width=200)
    assert list(table(text))[1:3] == ["n/e1", "n/e2"]
    assert [line.split()[2] for line in text.splitlines()[:11]] == [f"s{number}" for number in range(11)]


def test_a_stack_that_offers_nothing_says_so() -> None:
    bare = "stack: bare\nnetworks: {n: {subnet: {cidr: 10.0.0.0/24}, attach: [{netns: a}]}}\n"
    assert matrix_text(on_paper(bare)).startswith("There is nothing to be reached")


def test_colour_does_not_shift_the_columns() -> None:
    findings = with_answers(lambda _: Answer.REFUSED)
    painted = matrix_text(findings, Paint(enabled=True))
    for code in ("\x1b[31m", "\x1b[2m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == matrix_text(findings)


def _large(*, endpoints: int, services: int) -> str:
    attach = "".join(f"      - {{netns: e{number}, labels: {{app: a{number % 3}}}}}\n" for number in range(endpoints))
    offered = "".join(
        f"  s{number}: {{port: {8000 + number}, endpoints: {{labels: {{app: a{number % 3}}}}}}}\n"
        for number in range(services)
    )
    network = f"networks:\n  n:\n    subnet: {{cidr: 10.0.0.0/16}}\n    attach:\n{attach}"
    return f"stack: large\n{network}services:\n{offered}"
