"""Verifying what lies in the library, and mending what it finds through the line of downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog import records
from engine.catalog.download.job import Download
from engine.catalog.download.line import DownloadLine, State
from engine.catalog.download.line_run import LineRun
from engine.catalog.download.repair import repairing
from engine.catalog.download.verify import Verified, verifying
from engine.catalog.library import Library
from engine.errors import Cancelled, Refused
from engine.events import Finished, Progress
from tests.helpers.downloads import client, plan_for, run, weights
from tests.helpers.hub_server import serving

PARTS = ("Q4_0/m-00001-of-00002.gguf", "Q4_0/m-00002-of-00002.gguf")


@pytest.fixture
def served():
    with serving() as served:
        yield served


def verified(checkpoint) -> tuple[Verified, list[Progress]]:
    *progress, last = verifying(checkpoint)
    assert isinstance(last, Finished)
    return last.value, progress


def test_damage_is_found_in_every_part_and_mended_by_the_line(served, tmp_path: Path) -> None:
    library = Library(tmp_path)
    files = {PARTS[0]: weights(20_000_000), PARTS[1]: weights(3_000_000, 1)}
    made, _ = run(Download(plan_for(served, files, entry=PARTS[0]), client(served), library))
    found, progress = verified(made)
    assert found.whole
    assert {path.name for path in found.right} == {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}
    assert (progress[-1].done, progress[-1].total) == (23_000_000, 23_000_000)
    assert len(progress) > 2

    second = tmp_path / "acme" / "Tiny-GGUF" / PARTS[1]
    second.write_bytes(b"x" + second.read_bytes()[1:])
    found, _ = verified(made)
    assert [damage.path for damage in found.damaged] == [second]
    assert found.damaged[0].found == records.sha256(second)

    *_, planned = repairing(client(served), made)
    before = served.body_bytes(PARTS[0])
    line = DownloadLine(client(served), library)
    line.add(planned.value)
    list(LineRun(line))
    assert [item.state for item in line.items] == [State.DONE]
    assert verified(made)[0].whole
    assert served.body_bytes(PARTS[0]) == before  # what is right is not fetched


def test_a_missing_file_is_damage_too(served, tmp_path: Path) -> None:
    files = {PARTS[0]: weights(5_000), PARTS[1]: weights(3_000, 1)}
    made, _ = run(Download(plan_for(served, files, entry=PARTS[0]), client(served), Library(tmp_path)))
    (tmp_path / "acme" / "Tiny-GGUF" / PARTS[1]).unlink()
    found, _ = verified(made)
    assert [damage.words for damage in found.damaged] == ["m-00002-of-00002.gguf is missing"]
    assert "no file" in found.damaged[0].error.message


def test_a_model_without_a_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    with pytest.raises(Refused, match="no record"):
        verified(Library(tmp_path).find("own"))


def test_it_stops_when_cancelled(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(bytes(1000))
    records.write(tmp_path / "own.gguf", {"sha256": "0" * 64})
    job = verifying(Library(tmp_path).find("own"))
    job.cancel()
    with pytest.raises(Cancelled):
        list(job)
