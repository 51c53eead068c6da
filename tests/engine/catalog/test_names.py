"""No name in a repository reaches outside the library or becomes another file."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.names import place_below, split_path, split_paths
from engine.errors import Refused

HOSTILE = (Path(__file__).parents[2] / "cases" / "hub" / "hostile_names.txt").read_text("utf-8").splitlines()


def decoded(line: str) -> str:
    return (
        line.encode("ascii")
        .decode("unicode_escape")
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "surrogatepass")
    )


@pytest.mark.parametrize("line", [line for line in HOSTILE if line and not line.startswith("#")])
def test_a_hostile_name_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        place_below(tmp_path, *split_path(decoded(line)))
    assert caught.value.message.isprintable()
    assert caught.value.hint


@pytest.mark.parametrize(
    "path",
    [
        "model.gguf",
        "Q4_K_M/model-00001-of-00002.gguf",
        "模型.gguf",
        "été (1) [final] +x,y=z~.gguf",
        ".gitattributes",
        "-rf",
    ],
)
def test_a_common_name_is_taken_as_it_is(path: str, tmp_path: Path) -> None:
    assert place_below(tmp_path, *split_path(path)).relative_to(tmp_path).as_posix() == path


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=60) | st.text("./\\:~ aCONcom1$*\0\u202e", max_size=20))
def test_whatever_is_taken_stays_below_its_folder_on_every_system(path: str) -> None:
    try:
        parts = split_path(path)
    except Refused:
        return
    assert "/".join(parts) == path
    below = Path("/library").joinpath(*parts)
    assert Path(os.path.normpath(below)) == below
    windows = PureWindowsPath("C:\\library").joinpath(*parts)
    assert windows.parts == ("C:\\", "library", *parts)
    assert not windows.is_reserved() if hasattr(windows, "is_reserved") else True
    assert all(part == part.rstrip(". ") for part in parts)


@pytest.mark.parametrize(
    "paths",
    [
        ("Model.gguf", "model.gguf"),
        ("a/x.gguf", "A/y.gguf"),
        ("caf\u00e9.gguf", "cafe\u0301.gguf"),
        ("a", "a/b"),
        ("A/b", "a"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_names_that_would_be_one_file_are_refused(paths: tuple[str, str]) -> None:
    with pytest.raises(Refused):
        split_paths(paths)
    with pytest.raises(Refused):
        split_paths(reversed(paths))


def test_names_that_differ_are_kept() -> None:
    assert split_paths(["a/b", "a/c", "d"]) == {"a/b": ("a", "b"), "a/c": ("a", "c"), "d": ("d",)}


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    library, outside = tmp_path / "library", tmp_path / "outside"
    library.mkdir()
    outside.mkdir()
    (library / "publisher").symlink_to(outside)
    (library / "here").mkdir()
    (library / "also-here").symlink_to(library / "here")
    with pytest.raises(Refused, match="link"):
        place_below(library, "publisher", "repository", "model.gguf")
    assert place_below(library, "also-here", "model.gguf") == library / "also-here" / "model.gguf"


def test_a_library_behind_a_link_is_a_library(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "library").symlink_to(tmp_path / "disk")
    assert place_below(tmp_path / "library", "a", "b") == tmp_path / "library" / "a" / "b"


def test_a_file_of_another_spelling_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "Model.gguf").write_bytes(b"")
    with pytest.raises(Refused, match="in the way"):
        place_below(tmp_path, "model.gguf")
    assert place_below(tmp_path, "Model.gguf") == tmp_path / "Model.gguf"
