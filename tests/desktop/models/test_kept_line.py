"""The line on the disk: what is read is what was written, and a file of another kind is no line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.models.kept_line import Kept, read, write
from desktop.models.making import Manner

LINE = (
    Kept(Path("models/ä b"), "gguf-q4_k_m", Manner(True, "files", (Path("a.txt"), Path("b.txt")))),
    Kept(Path("model.gguf"), "gguf-q8_0", Manner(compares=False)),
    Kept(Path("folder"), "gptq-int4-g128", Manner(samples=256, sample_tokens=1024)),
)


def test_a_line_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "data" / "conversions.json"
    write(file, LINE)
    assert read(file) == LINE
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    write(file, ())
    assert not file.exists() and read(file) == ()


def test_a_line_of_an_earlier_version_tells_no_samples(tmp_path: Path) -> None:
    file = tmp_path / "conversions.json"
    write(file, LINE[:1])
    content = json.loads(file.read_text("utf-8"))
    del content["line"][0]["samples"], content["line"][0]["sample_tokens"]
    file.write_text(json.dumps(content), "utf-8")
    assert read(file) == LINE[:1]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": 2, "line": []}', '{"schema": 1, "line": [{}]}', "[" * 9999]
)
def test_a_file_that_is_none_is_no_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "conversions.json"
    file.write_text(text, "utf-8")
    assert read(file) == ()


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder", "utf-8")
    write(tmp_path / "data" / "conversions.json", LINE)


def test_an_unknown_text_to_learn_from_is_not_guessed(tmp_path: Path) -> None:
    file = tmp_path / "conversions.json"
    write(file, LINE)
    file.write_text(json.dumps(json.loads(file.read_text("utf-8"))).replace('"ours"', '"diary"'), "utf-8")
    assert read(file) == ()
