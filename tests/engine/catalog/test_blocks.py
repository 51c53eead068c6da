"""The journal of blocks: whatever was interrupted where, no block counts as here that is not."""

from __future__ import annotations

import random
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.download import blocks as blocks_module
from engine.catalog.download.blocks import Blocks, recorded_bytes
from engine.catalog.hub.values import RemoteFile

SIZE, BLOCK = 1000, 64  # 16 blocks, the last one short
CONTENT = random.Random(5).randbytes(SIZE)
FILE = RemoteFile("x.gguf", SIZE, "1" * 40, "2" * 64)


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks_module, "BLOCK_BYTES", BLOCK)
        yield


def opened(folder: Path, file: RemoteFile = FILE) -> Blocks:
    return Blocks(folder / "x.part", folder / "x.blocks", file)


def bring(blocks: Blocks, start: int, end: int) -> None:
    """Write a stretch as a fetcher does; ``end`` may lie within a block, which then does not count."""
    with blocks.part.open("r+b") as part:
        part.seek(start)
        part.write(CONTENT[start:end])
    for number in range(start // BLOCK, -(-end // BLOCK)):
        block = CONTENT[number * BLOCK : (number + 1) * BLOCK]
        if number * BLOCK + len(block) <= end:
            blocks.arrived(number, crc32(block))


def here(blocks: Blocks) -> set[int]:
    """Return the blocks that count as here, by taking all others."""
    missing: set[int] = set()
    while stretch := blocks.take(BLOCK):
        missing.add(stretch[0] // BLOCK)
    return set(range(16)) - missing


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.floats(0, 1), st.booleans()), max_size=12))
def test_what_counts_as_here_is_here_after_any_interruption(tmp_path_factory: pytest.TempPathFactory, steps) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    arrived: set[int] = set()
    blocks = opened(folder).__enter__()
    for count, share, killed in steps:
        stretch = blocks.take(count * BLOCK)
        if stretch is None:
            break
        start, end = stretch
        stopped = start + int((end - start) * share)
        bring(blocks, start, stopped)
        whole = range(start // BLOCK, stopped // BLOCK) if stopped < SIZE else range(start // BLOCK, 16)
        assert not arrived & set(whole)
        arrived |= set(whole)
        blocks.give_back(stopped, end)
        assert blocks.here_bytes == sum(len(CONTENT[n * BLOCK : (n + 1) * BLOCK]) for n in arrived)
        if killed:
            blocks.__exit__()
            blocks = opened(folder).__enter__()
    blocks.__exit__()
    with opened(folder) as again:
        assert recorded_bytes(folder / "x.blocks", FILE) == again.here_bytes
        assert list(again.unlike()) == [number for number in range(16) if number not in arrived]
        assert here(again) == arrived


@pytest.mark.parametrize("kept", range(0, 200, 3))
def test_a_journal_that_was_cut_off_is_believed_as_far_as_it_goes(tmp_path: Path, kept: int) -> None:
    with opened(tmp_path) as blocks:
        blocks.take(SIZE)
        bring(blocks, 0, 512)
    journal = tmp_path / "x.blocks"
    journal.write_bytes(journal.read_bytes()[:kept])
    with opened(tmp_path) as blocks:
        found = here(blocks)
        assert found == set(range(len(found)))
        blocks.give_back(0, SIZE)
        blocks.take(SIZE)
        bring(blocks, 512, SIZE)
    with opened(tmp_path) as blocks:
        assert here(blocks) == found | set(range(8, 16))


def test_a_journal_of_another_file_and_a_lost_part_begin_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as blocks:
        blocks.take(SIZE)
        bring(blocks, 0, SIZE)
        assert blocks.complete
    with opened(tmp_path, RemoteFile("x.gguf", SIZE, "1" * 40, "3" * 64)) as blocks:
        assert blocks.here_bytes == 0
        blocks.take(SIZE)
        bring(blocks, 0, SIZE)
    (tmp_path / "x.part").unlink()
    with opened(tmp_path, RemoteFile("x.gguf", SIZE, "1" * 40, "3" * 64)) as blocks:
        assert blocks.here_bytes == 0


def test_the_reach_is_what_is_here_without_a_gap(tmp_path: Path) -> None:
    with opened(tmp_path) as blocks:
        blocks.take(SIZE)
        bring(blocks, 256, 512)
        assert blocks.wait_for(0, 0) == 0
        bring(blocks, 0, 256)
        assert blocks.wait_for(0, 0) == 512
        blocks.lose([1])
        assert blocks.wait_for(0, 0) == 64
        assert blocks.take(SIZE) == (64, 128)


def test_a_doubted_block_that_comes_differently_ends_the_search(tmp_path: Path) -> None:
    with opened(tmp_path) as blocks:
        blocks.take(SIZE)
        bring(blocks, 0, SIZE)
        assert blocks.doubt()
        for number in range(4):
            assert blocks.take(BLOCK) == (number * BLOCK, (number + 1) * BLOCK)
        bring(blocks, 0, 3 * BLOCK)
        blocks.arrived(3, 12345)
        assert blocks.complete
        assert blocks.doubt()  # the wrong one may not have been the only one: what came twice alike is trusted
        assert blocks.take(SIZE) == (3 * BLOCK, SIZE)
        for number in range(3, 16):
            blocks.arrived(number, blocks._sums[number])
        assert not blocks.doubt()
