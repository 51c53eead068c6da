"""A file of frames after a kill at any byte."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measure.methods.frames import Frames

HEADER = {"of": "this"}


def written(path: Path, contents: list[bytes]) -> None:
    with Frames(path, HEADER) as frames:
        for content in contents:
            frames.append(content)


def read(path: Path) -> list[bytes]:
    with Frames(path, HEADER) as frames:
        return [frames[index] for index in range(len(frames))]


def test_frames_are_there_again(tmp_path: Path):
    written(tmp_path / "f", [b"one", b"", b"three"])
    assert read(tmp_path / "f") == [b"one", b"", b"three"]
    written(tmp_path / "f", [b"four"])
    assert read(tmp_path / "f")[-1] == b"four"


def test_another_reading_begins_anew(tmp_path: Path):
    written(tmp_path / "f", [b"one"])
    with Frames(tmp_path / "f", {"of": "that"}) as frames:
        assert len(frames) == 0


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_kill_at_any_byte_leaves_whole_frames_and_the_work_goes_on(data: st.DataObject, tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / "f"
    contents = [b"first", b"second frame", b"third"]
    written(path, contents)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    left = read(path)
    assert left == contents[: len(left)]
    written(path, contents[len(left) :])
    assert path.read_bytes() == whole


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_never_passes_for_content(data: st.DataObject, tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / "f"
    contents = [b"first", b"second frame", b"third"]
    written(path, contents)
    damaged = bytearray(path.read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    left = read(path)
    assert left == contents[: len(left)]


def test_cut_drops_what_comes_after(tmp_path: Path):
    with Frames(tmp_path / "f", HEADER) as frames:
        for content in (b"one", b"two", b"three"):
            frames.append(content)
        frames.cut(1)
        frames.append(b"other")
    assert read(tmp_path / "f") == [b"one", b"other"]
