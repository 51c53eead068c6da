"""What a conversion to a folder leaves on the disk when its process dies."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from engine.convert.folders.plan import FolderOptions
from engine.convert.folders.run import FolderConversion
from engine.convert.steps import Steps
from engine.errors import DiskFull, WorkerCrashed
from tests.engine.convert.folders.test_plan import planned, write_folder


@pytest.mark.parametrize(
    ("format_id", "options", "stays"),
    [
        ("gptq-int4-g128", FolderOptions(), True),
        ("awq-int4-g128", FolderOptions(), False),  # its maker cannot go on, whatever lies there
        ("awq-int4-g128-autoawq", FolderOptions(), False),
        ("awq-int4-g128", FolderOptions(own_words=7), True),  # what the model wrote
        ("bnb-nf4", FolderOptions(), False),
    ],
)
def test_a_process_that_dies_leaves_only_what_another_can_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_id: str, options: FolderOptions, stays: bool
) -> None:
    source = write_folder(tmp_path / "models" / "someone" / "tiny", 192)
    plan = dataclasses.replace(planned(source, format_id, options), problems=())

    def dies(_: Steps, do: str, **arguments: Any) -> Any:
        for name in ("unfinished", "target"):
            (Path(arguments[name]) / "layer.safetensors").touch()
        raise WorkerCrashed(-9, "", do)
        yield

    monkeypatch.setattr(Steps, "run", dies)
    with pytest.raises(WorkerCrashed):
        list(FolderConversion(plan))
    left = [path for path in source.parent.iterdir() if path != source]
    assert bool(left) is stays
    assert not plan.target.exists()


def test_a_full_disk_is_told_with_what_is_needed_and_all_its_room_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_folder(tmp_path / "models" / "someone" / "tiny", 192)
    plan = dataclasses.replace(planned(source, "gptq-int4-g128"), problems=())

    def full(_: Steps, do: str, **arguments: Any) -> Any:
        (Path(arguments["unfinished"]) / "layer.safetensors").touch()
        raise DiskFull(0, 5, "somewhere inside")
        yield

    monkeypatch.setattr(Steps, "run", full)
    with pytest.raises(DiskFull) as told:
        list(FolderConversion(plan))
    assert plan.needs is not None
    assert told.value.details["needed_bytes"] == plan.needs.disk_bytes
    assert told.value.details["folder"] == str(source.parent)
    assert list(source.parent.iterdir()) == [source]
