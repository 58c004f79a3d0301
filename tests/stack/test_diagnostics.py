"""What is wrong with the shape of a declaration: where, in which words, with which advice."""

from collections.abc import Iterator

import pytest

from netctl.stack import reserved
from netctl.stack.models import Stack
from netctl.stack.shapes import Either, Mapping, Record, Sequence, Shape, Variant
from tests.stack.declaring import At, loaded, mistakes, only, places

HOST = "stack: s\nhosts: {h: {address: 10.0.0.1}}\n"


@pytest.mark.parametrize(
    ("text", "place", "message", "advice"),
    [
        # Unknown keys are shown at the key.
        ("netwroks: {}", At("NC111", 2, 1), "'netwroks' is not a key of a stack.", "Did you mean 'networks'?"),
        (
            "zzz: 1",
            At("NC111", 2, 1),
            "'zzz' is not a key of a stack.",
            "The keys are 'include', 'vars', 'version', 'stack'",
        ),
        ("incldue: [a.yaml]", At("NC111", 2, 1), "'incldue' is not a key of a stack.", "Did you mean 'include'?"),
        ("var: {a: 1}", At("NC111", 2, 1), "'var' is not a key of a stack.", "Did you mean 'vars'?"),
        (
            "networks:\n  n:\n    mtuu: 1400",
            At("NC111", 4, 5),
            "'mtuu' is not a key of networks.n.",
            "Did you mean 'mtu'?",
        ),
        (
            "networks:\n  n: {parent: eth0}",
            At("NC111", 3, 7),
            "'parent' is not a key of networks.n.",
            "It goes with 'driver: macvlan' or 'provider: docker'.",
        ),
        (
            "subnets: {a: {cidr: 10.0.0.0/8, cdir: 1}}",
            At("NC111", 2, 33),
            "'cdir' is not a key of subnets.a.",
            "Did you mean 'cidr'?",
        ),
        (
            "networks: {n: {attach: [{netnss: a}]}}",
            At("NC111", 2, 26),
            "'netnss' is not a key of networks.n.attach[0].",
            "Did you mean 'netns'?",
        ),
        (
            "rules: [{priority: 5, from_: 10.0.0.0/8}]",
            At("NC111", 2, 23),
            "'from_' is not a key of rules[0].",
            "Did you mean 'from'?",
        ),
        # What is missing is shown where it is missing.
        (
            "overlays:\n  o:\n    subnet: a",
            At("NC113", 3, 3),
            "overlays.o lacks the key 'vni'.",
            "Add 'vni': an integer from 1 to 16777215.",
        ),
        ("routes:\n  - via: 10.0.0.1", At("NC113", 3, 5), "routes[0] lacks the key 'to'.", "Add 'to':"),
        ("hosts:\n  h:\n", At("NC113", 3, 3), "hosts.h lacks the key 'address'.", "Add 'address': an address."),
        (
            "networks: {n: {attach: [{labels: {}}]}}",
            At("NC113", 2, 25),
            "networks.n.attach[0] has none of the keys 'netns' and 'interface'.",
            "Add 'netns' or 'interface'.",
        ),
        # Wrong types.
        (
            "networks: {n: {mtu: '1400'}}",
            At("NC114", 2, 21),
            "networks.n.mtu must be an integer from 68 to 65535, not the text '1400'.",
            "Remove the quotes.",
        ),
        (
            "networks: {n: {mtu: 1400.5}}",
            At("NC114", 2, 21),
            "networks.n.mtu must be an integer from 68 to 65535, not `1400.5`.",
            "",
        ),
        ("networks: {n: {mtu: true}}", At("NC114", 2, 21), "networks.n.mtu must be an integer", ""),
        (
            "networks: {n: {stp: yes}}",
            At("NC114", 2, 21),
            "networks.n.stp must be `true` or `false`, not the text 'yes'.",
            "",
        ),
        ("networks: {n: {stp: 1}}", At("NC114", 2, 21), "networks.n.stp must be `true` or `false`, not `1`.", ""),
        ("networks: [n]", At("NC114", 2, 11), "networks must be a mapping, not a list.", "Write a mapping"),
        ("networks: {n: 5}", At("NC114", 2, 15), "networks.n must be a mapping, not `5`.", "Write a mapping"),
        ("networks:\n  n:\n    - a", At("NC114", 3, 3), "networks.n must be a mapping, not a list.", "Write a mapping"),
        ("routes: {to: default}", At("NC114", 2, 9), "routes must be a list, not a mapping.", "Write a list"),
        (
            "networks: {n: {attach: [a]}}",
            At("NC114", 2, 25),
            "networks.n.attach[0] must be a mapping, not the text 'a'.",
            "",
        ),
        ("networks: {n: {attach: 5}}", At("NC114", 2, 24), "networks.n.attach must be a list, not `5`.", ""),
        (
            "networks: {n: {subnet: [a]}}",
            At("NC114", 2, 24),
            "networks.n.subnet must be a name or a mapping, not a list.",
            "",
        ),
        ("networks: {n: {hosts: {a: [b]}}}", At("NC114", 2, 27), "networks.n.hosts.a must be text, not a list.", ""),
        (
            "networks: {n: {hosts: [{a: b}]}}",
            At("NC114", 2, 24),
            "networks.n.hosts[0] must be a name, not a mapping.",
            "",
        ),
        ("subnets: {a: {cidr: 5}}", At("NC114", 2, 21), "subnets.a.cidr must be a CIDR, not `5`.", ""),
        ("subnets: {a: {cidr: }}", At("NC114", 2, 15), "subnets.a.cidr must be a CIDR or a list, not empty.", ""),
        (
            "overlays: {o: {subnet: a, vni: 5, mtu: big}}",
            At("NC114", 2, 40),
            "overlays.o.mtu must be `auto` or an integer from 68 to 65535, not the text 'big'.",
            "",
        ),
        # Malformed values.
        (
            "subnets: {a: {cidr: 10.1.1.1/24}}",
            At("NC115", 2, 21),
            "subnets.a.cidr: '10.1.1.1/24' has host bits set; the prefix is 10.1.1.0/24.",
            "Write 10.1.1.0/24.",
        ),
        (
            "subnets: {a: {cidr: ['fd00::1/64', 10.0.0.0/8]}}",
            At("NC115", 2, 22),
            "subnets.a.cidr[0]: 'fd00::1/64' has host bits set; the prefix is fd00::/64.",
            "Write fd00::/64.",
        ),
        ("subnets: {a: {cidr: '::ffff:10.0.0.1/120'}}", At("NC115", 2, 21), "the prefix is ::ffff:10.0.0.0/120.", ""),
        ("subnets: {a: {cidr: 10.0.0.0/33}}", At("NC115", 2, 21), "'/33' is not a prefix length from 0 to 32.", ""),
        ("hosts: {h: {address: 10.0.0.256}}", At("NC115", 2, 22), "'10.0.0.256' is not an IPv4 or IPv6 address.", ""),
        ("networks: {n: {mac: '01:00:5e:00:00:01'}}", At("NC115", 2, 21), "an interface needs a unicast one", ""),
        ("networks: {n: {interface_name: a-name-that-is-too-long}}", At("NC115", 2, 32), "the kernel allows 15", ""),
        ("networks: {n: {interface_name: 'a b'}}", At("NC115", 2, 32), "cannot be an interface's name", ""),
        ('networks: {n: {interface_name: "a\\eb"}}', At("NC115", 2, 32), "a control character", ""),
        ("networks: {n: {interface_name: default}}", At("NC115", 2, 32), "the kernel's settings", ""),
        (
            "networks: {n: {attach: [{netns: ../x}]}}",
            At("NC115", 2, 33),
            "cannot be the name of a network namespace",
            "",
        ),
        (
            "networks: {n: {subnet: 10.0.5.0/24}}",
            At("NC115", 2, 24),
            "networks.n.subnet: '10.0.5.0/24' is not a valid name.",
            "Write {cidr: 10.0.5.0/24}, or the name of a subnet that is declared.",
        ),
        (
            "networks: {n: {subnet: {cidr: 10.0.5.0}}}",
            At("NC115", 2, 31),
            "networks.n.subnet.cidr: '10.0.5.0' has no prefix length, as in 10.0.5.0/24.",
            "",
        ),
        ("networks: {N: {}}", At("NC115", 2, 12), "'N' is not a valid name.", "A name has lower-case letters"),
        (f"networks:\n  {'n' * 64}: {{}}", At("NC115", 3, 3), "is not a valid name.", "A name has lower-case letters"),
        ("networks: {n: {subnet: a_b}}", At("NC115", 2, 24), "networks.n.subnet: 'a_b' is not a valid name.", "A name"),
        (
            "networks: {n: {hosts: [a, B]}}",
            At("NC115", 2, 27),
            "networks.n.hosts[1]: 'B' is not a valid name.",
            "A name",
        ),
        # Ranges, choices, lengths.
        (
            "networks: {n: {mtu: 10}}",
            At("NC116", 2, 21),
            "networks.n.mtu is 10, but must be an integer from 68 to 65535.",
            "",
        ),
        ("overlays: {o: {subnet: a, vni: 16777216}}", At("NC116", 2, 32), "overlays.o.vni is 16777216", ""),
        (
            "overlays: {o: {subnet: a, vni: 5, mtu: 10}}",
            At("NC116", 2, 40),
            "overlays.o.mtu is 10, but must be an integer from 68 to 65535.",
            "",
        ),
        ("hosts: {h: {address: 10.0.0.1, id: 0}}", At("NC116", 2, 36), "hosts.h.id is 0", ""),
        ("version: 2", At("NC117", 2, 10), "version must be `1`, not `2`.", ""),
        (
            "networks: {n: {driver: brigde}}",
            At("NC117", 2, 24),
            "networks.n.driver must be `bridge`, `macvlan` or `host`, not the text 'brigde'.",
            "Did you mean 'bridge'?",
        ),
        ("networks: {n: {driver: [a]}}", At("NC117", 2, 24), "networks.n.driver must be", ""),
        ("overlays: {o: {backend: geneve}}", At("NC117", 2, 25), "overlays.o.backend must be `vxlan` or `host-gw`", ""),
        (
            "networks: {n: {nat: masqerade}}",
            At("NC117", 2, 21),
            "networks.n.nat must be `masquerade` or `none`, not the text 'masqerade'.",
            "Did you mean 'masquerade'?",
        ),
        ("subnets: {a: {cidr: []}}", At("NC118", 2, 21), "subnets.a.cidr has 0 entries, but must have 1 to 2.", ""),
        (
            "subnets: {a: {cidr: [10.0.0.0/8, 11.0.0.0/8, 12.0.0.0/8]}}",
            At("NC118", 2, 21),
            "subnets.a.cidr has 3 entries, but must have 1 to 2.",
            "",
        ),
        # What is to come.
        ("overlays: {o: {backend: wireguard, port: x}}", At("NC112", 2, 25), "WireGuard overlays are not", "Remove it"),
        (
            "networks: {n: {attach: [{container: web, address: x}]}}",
            At("NC112", 2, 26),
            "Attaching containers is not",
            "Remove it",
        ),
    ],
)
def test_a_mistake_is_placed_and_put_into_words(text: str, place: At, message: str, advice: str) -> None:
    found = mistakes(f"stack: s\n{text}\n")
    if text.startswith("networks: {n: {provider"):
        # Every part that is not supported is named, and nothing that only follows from it.
        assert {d.code for d in found} == {"NC112"}
    else:
        assert len(found) == 1, found
    assert places(found[:1]) == [place]
    assert message in found[0].message
    assert found[0].advice.startswith(advice)
    assert found[0].advice


def test_the_stack_s_name_is_needed() -> None:
    found = only("# remark\n\nhosts: {}\n")
    assert (places([found]), found.message) == ([At("NC113", 3, 1)], "The stack lacks the key 'stack'.")


def test_all_mistakes_of_a_file_are_reported_in_its_order() -> None:
    text = "hosts: {A: {}}\nstack: S\nnetworks: {n: {mtu: 1, mtuu: 2}, m: {driver: x}}\nroutes: [{}, {to: x}]\n"
    assert places(mistakes(text)) == [
        At("NC115", 1, 9),
        At("NC113", 1, 9),
        At("NC115", 2, 8),
        At("NC116", 3, 21),
        At("NC111", 3, 24),
        At("NC117", 3, 46),
        At("NC113", 4, 10),
        At("NC115", 4, 19),
    ]


def test_a_mistake_in_what_an_alias_or_a_merge_key_brings_is_placed_where_it_is_written() -> None:
    text = "stack: s\nx-a: &a {mtu: x}\nnetworks:\n  n: {<<: *a, stp: true}\n  m: *a\n"
    assert places(mistakes(text)) == [At("NC114", 2, 15)] * 2


def test_one_value_may_stand_for_a_list_of_one() -> None:
    text = "subnets: {a: {cidr: 10.0.0.0/8, gateway: 10.0.0.1}}\nnetworks: {n: {hosts: h}}\n"
    found = loaded(HOST + text)
    assert found.stack.subnets["a"].cidr == ["10.0.0.0/8"]
    assert found.stack.networks["n"].hosts == ["h"]


def test_a_long_value_is_shortened() -> None:
    assert len(only("stack: " + "x" * 100_000).message) < 200


def shapes(shape: Shape) -> Iterator[Shape]:
    """The shape and all within it."""
    yield shape
    inner: list[Shape] = []
    match shape:
        case Record():
            inner = [field.shape for field in shape.fields.values()]
        case Variant() | Either():
            inner = list(shape.members.values())
        case Mapping():
            inner = [shape.keys, shape.values]
        case Sequence():
            inner = [shape.items]
    for part in inner:
        yield from shapes(part)


def test_every_union_of_the_language_is_told_apart_by_what_a_value_looks_like() -> None:
    for shape in shapes(Record(Stack)):
        if isinstance(shape, Either):
            kinds = [type(member) for member in shape.members.values()]
            assert kinds.count(Record) + kinds.count(Mapping) <= 1
            assert kinds.count(Sequence) <= 1


def test_what_is_reserved_is_not_there_yet() -> None:
    for model, keys in reserved.KEYS.items():
        assert not set(Record(model).fields) & set(keys)
    choices = {
        (shape.key, tag) for shape in shapes(Record(Stack)) if isinstance(shape, Variant) for tag in shape.members
    }
    assert not choices & set(reserved.WORDS)
