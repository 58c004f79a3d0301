"""Reading files: what is read, in which order, and what is refused before it is parsed."""

import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from netctl.errors import Position
from netctl.stack.loader import load
from netctl.stack.source import MAX_BYTES, STDIN_NAME
from tests.stack.declaring import At, loaded, mistakes_of, only, places


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_directory_is_all_its_yaml_files_by_name_without_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path / "b.yaml", "networks: {a: {mtu: 1400}}")
    write(tmp_path / "a.yml", "stack: shop\nnetworks: {a: {mtu: 1300}}")
    write(tmp_path / ".a.yaml", "not: [yaml")
    write(tmp_path / "notes.txt", "not: [yaml")
    (tmp_path / "c.yaml").mkdir()
    stack = load([str(tmp_path)])
    assert [Path(file.path).name for file in stack.files] == ["a.yml", "b.yaml"]
    assert stack.stack.networks["a"].model_dump()["mtu"] == 1400


def test_a_pattern_is_the_files_that_it_matches_by_name(tmp_path: Path) -> None:
    for name, mtu in (("b", 1400), ("a", 1300)):
        write(tmp_path / f"{name}.yaml", f"stack: s\nnetworks: {{n: {{mtu: {mtu}}}}}")
    assert load([str(tmp_path / "*.yaml")]).stack.model_dump()["networks"]["n"]["mtu"] == 1400


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    assert load([str(write(tmp_path / "[a].yaml", "stack: a"))]).stack.stack == "a"


def test_standard_input_is_a_dash() -> None:
    assert loaded("stack: shop").files[0].path == STDIN_NAME


def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=("stack: shop",))
    writer.start()
    assert load([str(fifo)]).stack.stack == "shop"
    writer.join()


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    found = loaded(b"\xef\xbb\xbfstack: shop\r\nroutes:\r\n  - {to: default,\r\n     via: 10.0.0.1}\r\n")
    assert found.locate(("stack",))[1:] == (1, 8, "stack: shop")
    assert found.locate(("routes", 0, "via"))[1:] == (4, 11, "     via: 10.0.0.1}")


@pytest.mark.parametrize("name", ["missing.yaml", "missing/stack.yaml"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    [found] = mistakes_of(tmp_path / name)
    assert found.code == "NC101"
    assert found.message == f"'{tmp_path / name}' cannot be read: No such file or directory."


def test_every_file_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = mistakes_of(tmp_path / "missing.yaml", empty, tmp_path / "*.none", write(tmp_path / "bad.yaml", "a: ["))
    assert sorted(d.code for d in found) == ["NC101", "NC102", "NC102", "NC107"]


def test_a_stack_of_no_files_is_a_mistake() -> None:
    assert [d.code for d in mistakes_of()] == ["NC102"]
    assert [d.code for d in mistakes_of("")] == ["NC102"]


def test_a_file_of_50_mb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "big.yaml", "stack: shop")
    os.truncate(path, 50_000_000)
    tracemalloc.start()
    [found] = mistakes_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.code, found.position) == ("NC103", Position(str(path)))
    assert "47.7 MiB" in found.message
    assert "16 MiB" in found.message
    assert peak < 1_000_000


def test_endless_input_is_refused_at_the_limit() -> None:
    [found] = mistakes_of("/dev/zero")
    assert found.code == "NC103"
    assert only(b"#" * (MAX_BYTES + 1)).code == "NC103"


def test_a_file_at_the_limit_is_read() -> None:
    text = b"stack: shop\n#"
    assert loaded(text + b"x" * (MAX_BYTES - len(text))).stack.stack == "shop"


@pytest.mark.parametrize(
    ("content", "place", "offset"),
    [
        (b"stack: shop\nhosts: {a: \xe4}\n", At("NC104", 2, 12), 23),
        (b"\xef\xbb\xbfstack: \xff", At("NC104", 1, 8), 10),
        ("stack: ä".encode() + b"\xc3", At("NC104", 1, 9), 9),
    ],
)
def test_bytes_that_are_not_utf_8_are_found_by_offset_line_and_column(content: bytes, place: At, offset: int) -> None:
    found = only(content)
    assert places([found]) == [place]
    assert f"at offset {offset} " in found.message


def test_utf_16_is_told_apart_from_damage() -> None:
    assert "UTF-16" in only("stack: shop".encode("utf-16")).message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("stack: a\nhosts: \0", At("NC105", 2, 8)),
        ("stack: a\x07", At("NC105", 1, 9)),
        ('stack: a\nx-a: "\\0"', At("NC105", 2, 6)),
        ('stack: a\nx-a: {"\\x00": 1}', At("NC105", 2, 7)),
    ],
)
def test_control_characters_are_refused_written_out_and_as_nul_escapes(text: str, place: At) -> None:
    assert places([only(text)]) == [place]


@pytest.mark.parametrize("text", ["", "\n\n", "# only remarks\n", "---\n", "---\n...\n---\n", "~\n"])
def test_a_file_that_declares_nothing_is_a_mistake(text: str) -> None:
    assert places([only(text)]) == [At("NC106", 1, 1)]


@pytest.mark.parametrize("text", ["- a\n", "text\n", "5\n", "stack: a\n---\n[]\n"])
def test_a_document_that_is_no_mapping_is_a_mistake(text: str) -> None:
    assert places([only(text)]) == [At("NC110", 3 if "---" in text else 1, 1)]
