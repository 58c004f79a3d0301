"""Whatever is loaded, nothing but a `DeclarationError` comes of it, and every mistake has a place and words."""

from io import BytesIO
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from netctl.codes import CODES
from netctl.errors import DeclarationError
from netctl.stack.definitions import VariableInputs
from netctl.stack.loader import LoadedStack, load
from netctl.stack.models import Stack
from netctl.stack.shapes import Either, Mapping, Record, Sequence, Shape, Variant
from netctl.stack.source import STDIN

EXAMPLE = (Path(__file__).parents[2] / "examples/quickstart.yaml").read_text(encoding="utf-8")
ANYTHING = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def check(text: bytes, inputs: VariableInputs) -> None:
    """Loads the text, and looks at what is said of it."""
    try:
        loaded = load([STDIN], inputs, BytesIO(text))
    except DeclarationError as error:
        diagnostics = error.diagnostics
    else:
        check_places(loaded)
        return
    assert diagnostics
    for diagnostic in diagnostics:
        assert diagnostic.code in CODES
        assert diagnostic.message.endswith(".")
        assert diagnostic.advice
        assert diagnostic.position is not None
        assert diagnostic.position.file


def check_places(loaded: LoadedStack) -> None:
    """Asks for all that can be asked of a loaded stack."""
    assert loaded.digest
    for section in ("hosts", "networks"):
        for name in getattr(loaded.stack, section):
            assert loaded.origin((section, name)).line > 0
            assert loaded.locate((section, name)).line > 0


INPUTS = st.builds(
    VariableInputs,
    files=st.just(()),
    command_line=st.lists(st.text("ab=$x", max_size=4), max_size=2),
    environment=st.dictionaries(st.sampled_from(["NETCTL_VAR_a", "NETCTL_VAR_", "a"]), st.text(max_size=4), max_size=2),
)
PIECES = st.sampled_from(
    [
        *(
            "stack: a\n",
            "networks:\n",
            "  n:\n",
            "    mtu: 5\n",
            "- ",
            "  ",
            "\t",
            "\n",
            "---\n",
            "...\n",
            "%YAML 1.1\n",
        ),
        *("{", "}", "[", "]", ",", ":", "? ", "&a ", "*a", "<<: ", "!!str ", "!x ", "|\n", ">-\n", "'", '"', "\\", "#"),
        *("${a}", "${a:-", "$", "}", "~", "true", "1e3", "0x", "\0", "\x85", "\u2028", "\ufeff", "é", "vars: {a: 1}\n"),
        *("include: [x]\n", "x-a: ", "hosts: {h: {address: 10.0.0.1}}\n", "routes: [{to: default}]\n"),
    ]
)


@ANYTHING
@given(st.binary(max_size=200), INPUTS)
def test_any_bytes(text: bytes, inputs: VariableInputs) -> None:
    check(text, inputs)


@ANYTHING
@given(st.text(max_size=200), INPUTS)
def test_any_text(text: str, inputs: VariableInputs) -> None:
    check(text.encode("utf-8", "surrogatepass"), inputs)


@ANYTHING
@given(st.lists(PIECES, max_size=30).map("".join), INPUTS)
def test_pieces_of_yaml_in_any_order(text: str, inputs: VariableInputs) -> None:
    check(text.encode(), inputs)


@ANYTHING
@given(st.integers(0, len(EXAMPLE)), st.integers(0, 20), PIECES)
def test_an_example_with_a_piece_replaced(index: int, length: int, piece: str) -> None:
    check((EXAMPLE[:index] + piece + EXAMPLE[index + length :]).encode(), VariableInputs())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
SENSIBLE = st.sampled_from(
    ["a", "10.0.0.0/8", "10.0.0.1", "fd00::/64", "bridge", "vxlan", "eth0", "$a", "auto", 5, 1400, True]
)
VALUES = st.recursive(
    SENSIBLE | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abn", max_size=2), inner, max_size=3),
    max_leaves=5,
)


def values_of(shape: Shape) -> st.SearchStrategy[Any]:
    """Values that look like what the shape wants, more often than not."""
    match shape:
        case Record():
            optional = {key: VALUES | values_of(field.shape) for key, field in shape.fields.items()}
            return st.fixed_dictionaries({}, optional=optional)
        case Variant() | Either():
            return st.one_of([values_of(member) for member in shape.members.values()])
        case Mapping():
            return st.dictionaries(st.text("abN", min_size=1, max_size=2), VALUES | values_of(shape.values), max_size=3)
        case Sequence():
            return st.lists(VALUES | values_of(shape.items), max_size=3)
        case _:
            return SENSIBLE | SCALARS


@ANYTHING
@given(values_of(Record(Stack)), INPUTS)
def test_any_content_of_about_the_right_shape(content: dict[str, Any], inputs: VariableInputs) -> None:
    stream = BytesIO()
    YAML(typ="safe", pure=True).dump({"stack": "s", **content}, stream)
    check(stream.getvalue(), inputs)
