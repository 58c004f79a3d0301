"""The pages that are made from the models and the codes, and the examples in them."""

import re
import shutil
from pathlib import Path

import pytest

from netctl.codes import CODES
from netctl.stack.models import Stack
from netctl.stack.reference import BEGIN, END, errors_page, language_page, write
from netctl.stack.source import Source
from netctl.stack.yaml_events import documents
from tests.stack.declaring import loaded

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CODE = re.compile(r'"(NC[0-9]{3})"')
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "fill"), [("language.md", language_page), ("errors.md", errors_page)])
def test_a_page_is_fresh(name: str, fill: object) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert callable(fill)
    assert fill(page) == page, "run `make docs`"


def test_pages_are_brought_up_to_date_between_their_marks(tmp_path: Path) -> None:
    for name in ("language.md", "errors.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        (tmp_path / name).write_text(f"{before}{BEGIN}stale{END}{rest.partition(END)[2]}", encoding="utf-8")
    write(tmp_path)
    for name in ("language.md", "errors.md"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (DOCS / name).read_text(encoding="utf-8")


def test_every_key_of_the_language_is_on_its_page() -> None:
    page = (DOCS / "language.md").read_text(encoding="utf-8")
    for key in Stack.model_fields:
        assert f"| `{key}` |" in page


def test_every_code_that_the_program_gives_is_registered_and_every_registered_one_is_given() -> None:
    sources = [path for folder in ("netctl", "reconcilers") for path in (ROOT / folder).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources if path.name != "codes.py"]
    given = {code for text in texts for code in CODE.findall(text)}
    assert given - set(CODES) == set()
    language = {code for code in CODES if code.startswith("NC1")}
    assert language - given == set()


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for name, code in CODES.items():
        assert re.fullmatch(r"NC[1-5][0-9]{2}", name)
        assert not code.title.endswith(".")
        assert code.explanation.endswith(".")
        assert code.advice.endswith(".")


def examples() -> list[str]:
    return YAML.findall((DOCS / "language.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", [text for text in examples() if "include" not in text])
def test_the_examples_of_the_language_load(text: str) -> None:
    declared = text if re.search("^stack:", text, re.MULTILINE) else f"stack: s\n{text}"
    assert loaded(declared).stack.stack in {"s", "shop"}


def test_the_example_of_an_include_is_yaml() -> None:
    [text] = [text for text in examples() if "include" in text]
    [document] = documents(Source("text", text, ""), [])
    assert document.content == {"include": ["base.yaml", "site/routes.yaml"]}


def test_the_pages_can_be_copied_with_the_rest_of_the_documentation(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    write(tmp_path / "docs")
