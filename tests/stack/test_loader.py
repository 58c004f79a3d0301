"""A loaded stack: places, origins, digest, size."""

import contextlib
import gc
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from netctl.engine.resource import Origin
from netctl.errors import DeclarationError, Severity
from netctl.stack.loader import load
from tests.stack.declaring import loaded, many, mistakes

TEXT = """\
stack: shop
subnets:
  a: {cidr: [10.0.0.0/8, "fd00::/64"]}
  b:
    cidr: 10.1.0.0/16
networks:
  n:
    hosts: h
    attach:
      - netns: web
        address:
          - 10.0.0.5
      - {netns: db}
    mtu:
      1400
  m:
routes:
- to: default
  via: 10.0.0.1
"""


@pytest.mark.parametrize(
    ("path", "place", "key_place"),
    [
        (("stack",), (1, 8), (1, 1)),
        (("subnets",), (2, 1), (2, 1)),
        (("subnets", "a"), (3, 6), (3, 3)),
        (("subnets", "a", "cidr"), (3, 13), (3, 7)),
        (("subnets", "a", "cidr", 1), (3, 26), (3, 26)),
        (("subnets", "b"), (4, 3), (4, 3)),
        (("subnets", "b", "cidr", 0), (5, 11), (5, 11)),
        (("networks", "n", "hosts", 0), (8, 12), (8, 12)),
        (("networks", "n", "attach"), (9, 5), (9, 5)),
        (("networks", "n", "attach", 0), (10, 9), (10, 9)),
        (("networks", "n", "attach", 0, "netns"), (10, 16), (10, 9)),
        (("networks", "n", "attach", 0, "address", 0), (12, 13), (12, 13)),
        (("networks", "n", "attach", 1, "netns"), (13, 17), (13, 10)),
        (("networks", "n", "mtu"), (15, 7), (14, 5)),
        (("networks", "m"), (16, 3), (16, 3)),
        (("routes", 0), (18, 3), (18, 3)),
        (("routes", 0, "via"), (19, 8), (19, 3)),
        # Of what is not there, the nearest that is.
        (("networks", "m", "mtu"), (16, 3), (16, 3)),
        (("networks", "n", "attach", 0, "mac"), (10, 9), (10, 9)),
        (("networks", "n", "attach", 7, "mac"), (9, 5), (9, 5)),
        (("overlays", "o"), (1, 1), (1, 1)),
    ],
)
def test_every_value_and_key_has_its_exact_place(
    path: tuple[str | int, ...], place: tuple[int, int], key_place: tuple[int, int]
) -> None:
    found = loaded(TEXT)
    assert found.locate(path)[1:3] == place
    assert found.locate(path, key=True)[1:3] == key_place


def test_a_place_is_exact_in_a_later_document_and_after_other_scripts() -> None:
    found = loaded("stack: s\n---\n# ünï\nhosts: {h: {address: 10.0.0.1, labels: {ä: '日本', b: c}}}\n")
    position = found.locate(("hosts", "h", "labels", "b"))
    assert position[1:3] == (4, 53)
    assert position.text[position.column - 1] == "c"


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        (("networks", "n"), Origin("networks.n", "<stdin>", 7)),
        (("networks", "n", "attach", 0, "netns"), Origin("networks.n", "<stdin>", 7)),
        (("routes", 0, "via"), Origin("routes[0]", "<stdin>", 18)),
        (("stack",), Origin("stack", "<stdin>", 1)),
    ],
)
def test_an_origin_is_the_declaration_with_its_line(path: tuple[str | int, ...], origin: Origin) -> None:
    assert loaded(TEXT).origin(path) == origin


def test_origins_are_known_without_reading_again() -> None:
    found = loaded(TEXT)
    found.origin(("networks", "n", "attach", 0))
    assert not found.sources._outlines


def test_a_declaration_that_a_merge_key_brings_has_the_origin_of_its_section() -> None:
    found = loaded("stack: s\nx-n: &n {a: {}}\nnetworks:\n  <<: *n\n")
    assert found.origin(("networks", "a")) == Origin("networks.a", "<stdin>", 3)
    assert found.locate(("networks", "a"))[1:3] == (2, 13)


def test_a_diagnostic_of_a_later_check_is_placed_and_advised() -> None:
    found = loaded(TEXT)
    diagnostic = found.diagnostic("NC115", "No.", path=("subnets", "b", "cidr"), severity=Severity.WARNING)
    assert diagnostic.position is not None
    assert diagnostic.position[1:3] == (5, 11)
    assert (diagnostic.advice, diagnostic.severity) == (
        "Write it in the form that the message names.",
        Severity.WARNING,
    )
    assert found.diagnostic("NC115", "No.", "Do.").advice == "Do."


def test_files_are_listed_with_the_digest_of_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_bytes(b"\xef\xbb\xbfstack: s\r\n")
    assert load([str(path)]).files == ((str(path), sha256(path.read_bytes()).hexdigest()),)


def test_the_digest_is_of_what_is_declared() -> None:
    same = [
        TEXT,
        TEXT.replace("mtu:\n      1400", "mtu: 1400  # bytes"),
        "networks: {m: }\n---\n" + TEXT,
        "vars: {mtu: 1400}\n" + TEXT.replace("1400", "$mtu"),
        TEXT.replace("fd00::/64", "fd00:0::0/64"),
        TEXT.replace("stack: shop\n", "") + "stack: shop\n",
    ]
    other = [TEXT.replace("1400", "1500"), TEXT.replace("shop", "shop2"), TEXT.replace("  m:\n", "")]
    assert len({loaded(text).digest for text in same}) == 1
    assert len({loaded(text).digest for text in [TEXT, *other]}) == len(other) + 1


@pytest.mark.parametrize("text", [TEXT, "stack: s\nfoo: 1\n", "a: ["])
def test_the_garbage_collector_is_left_as_it_was(text: str) -> None:
    for is_enabled in (False, True):
        (gc.enable if is_enabled else gc.disable)()
        with contextlib.suppress(DeclarationError):
            loaded(text)
        assert gc.isenabled() is is_enabled


def calls(text: str) -> int:
    """How many functions are called while the text is loaded, those in C included."""
    count: Counter[str] = Counter()

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        count[event] += 1

    sys.setprofile(note)
    try:
        loaded(text)
    except DeclarationError:
        pass
    finally:
        sys.setprofile(None)
    return count["call"] + count["c_call"]


def documents(count: int) -> str:
    return "stack: s\n" + "".join(f"---\nnetworks: {{n{number}: {{mtu: 1400}}}}\n" for number in range(count))


@pytest.mark.parametrize(
    "text_of",
    [
        many,
        documents,
        lambda count: many(count) + "  - {to: x}\n",
        lambda count: documents(count) + "---\nfoo: 1\n",
        lambda count: many(count).replace("mtu: 1450", "mtu: x"),
        lambda count: documents(count).replace("1400", "x"),
        lambda count: "vars: {m: 1450}\n" + many(count).replace("mtu: 1450", "mtu: $m"),
        lambda count: many(count).replace("mtu: 1450", "mtu: $m"),
        lambda count: many(count).replace("mtu: 1450", "mtu: 1\n    mtu: 2"),
        lambda count: "x-a: &a {mtu: 1450}\n" + many(count).replace("mtu: 1450", "<<: *a"),
    ],
    ids=[
        "valid",
        "documents",
        "last line",
        "last document",
        "all wrong",
        "each",
        "variables",
        "undefined",
        "duplicates",
        "merge keys",
    ],
)
def test_work_grows_in_proportion_to_the_declarations(text_of: Any) -> None:
    loaded(many(4))  # imports
    small, large = calls(text_of(400)), calls(text_of(1600))
    assert large / small < 4.2


def test_ten_thousand_declarations_load_and_a_mistake_in_the_last_line_names_it() -> None:
    text = many(10_000)
    stack = loaded(text).stack
    assert len(stack.subnets) + len(stack.networks) + len(stack.routes) == 10_000
    [found] = mistakes(text + "  - {to: 10.0.0.1/8}\n")
    assert found.position is not None
    assert found.position[1:] == (text.count("\n") + 1, 10, "  - {to: 10.0.0.1/8}")


def test_ten_thousand_mistakes_are_all_reported() -> None:
    found = mistakes(many(10_000).replace("mtu: 1450", "mtu: x\n    foo: 1"))
    assert len(found) == 10_000


def test_a_rule_of_a_policy_has_a_line_of_its_own() -> None:
    text = (
        "stack: s\npolicies:\n  p:\n    applies_to: {any: true}\n    ingress:\n      - from: {any: true}\n"
        "        ports: 80\n      - ports: 81\n    egress: []\n---\npolicies:\n  p: {egress: [{ports: 1},\n    {}]}\n"
    )
    origin = loaded(text).origin
    lines = {
        path: origin(("policies", "p", *path)).line
        for path in [(), ("ingress", 0), ("ingress", 1, "ports", 0), ("egress", 0), ("egress", 1)]
    }
    assert list(lines.values()) == [12, 6, 8, 12, 13]
    assert {origin(("policies", "p", *path)).declaration for path in lines} == {"policies.p"}
