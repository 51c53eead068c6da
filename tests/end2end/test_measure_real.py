"""Measuring the real starter model's levels in real workers."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine import cli, texts
from engine.catalog.checkpoint import Checkpoint
from engine.errors import Cancelled, Refused, WorkerCrashed
from engine.events import Event, Finished, Notice, Progress
from engine.measure.options import MeasureOptions
from engine.measure.report import Report
from engine.measure.run import Measurement
from engine.measure.store import Store
from engine.paths import Folders
from tests.helpers.program import program

OPTIONS = MeasureOptions(
    tokens=1024, repeats=2, prompt_tokens=32, answer_tokens=4, context_tokens=512, threads=1, gpu_layers=0
)
QUALITY_ONLY = replace(OPTIONS, repeats=0)
TEXTS = (texts.named("dialogue"),)


@pytest.fixture(scope="module")
def levels(starter: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checkpoint]:
    """Return the starter model widened to F16, and levels made of that."""
    folder = tmp_path_factory.mktemp("levels")
    for source, names in ((starter.path, ["F16"]), (folder / "F16.gguf", ["Q8_0", "Q2_K"])):
        command = [sys.executable, "-m", "tests.helpers.native_levels", str(source), str(folder), *names]
        subprocess.run(command, check=True, capture_output=True)
    files = {name: folder / f"{name}.gguf" for name in ("F16", "Q8_0", "Q2_K")}
    return {
        name: Checkpoint(file, file.name, f"gguf-{name.lower()}", file.stat().st_size) for name, file in files.items()
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store that the module's tests share, so that the reference is made once."""
    folder = tmp_path_factory.mktemp("kept")
    return Store(Folders(folder, folder / "data", folder / "cache", folder))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Folders(tmp_path, tmp_path / "data", tmp_path / "cache", tmp_path))


def measured(job: Measurement) -> tuple[list[Event], Report]:
    events = list(job)
    assert isinstance(events[-1], Finished)
    return events, events[-1].value


def reading(events: list[Event]) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress) and event.step == "Reading the text"]


def test_levels_lose_what_they_should(levels: dict[str, Checkpoint], kept: Store):
    reports = {
        name: measured(Measurement(level, levels["F16"], OPTIONS, TEXTS, kept))[1] for name, level in levels.items()
    }
    original, near, poor = (reports[name].quality for name in ("F16", "Q8_0", "Q2_K"))
    assert reports["F16"].is_reference
    assert original.divergence is None
    assert near.divergence is not None
    assert poor.divergence is not None
    assert 0 < near.divergence.mean.value < 0.02 < 0.1 < poor.divergence.mean.value
    assert near.divergence.same_top.value > 0.9 > poor.divergence.same_top.value
    assert poor.perplexity.value > original.perplexity.value
    assert poor.scored_tokens == 2 * 255
    assert poor.divergence.ln_ppl.value == pytest.approx(
        math.log(poor.perplexity.value) - math.log(original.perplexity.value), abs=1e-4
    )
    for report in reports.values():
        assert report.speed is not None
        assert report.memory is not None
        assert report.speed.decode_tokens_s.repeats == 2
        assert report.speed.prompt_tokens_s.median > 0 < report.speed.first_token_s.median
        assert report.memory.peak_bytes > report.size_bytes
        assert report.memory.predicted_bytes == pytest.approx(report.memory.peak_bytes, rel=0.25)
    assert {report.name for report in kept.latest()} == {"F16.gguf", "Q8_0.gguf", "Q2_K.gguf"}


def test_what_was_measured_is_not_measured_again(levels: dict[str, Checkpoint], kept: Store):
    first = measured(Measurement(levels["Q8_0"], levels["F16"], QUALITY_ONLY, TEXTS, kept))[1]
    job = Measurement(levels["Q8_0"], levels["F16"], QUALITY_ONLY, TEXTS, kept)
    started_s = time.monotonic()
    events, again = measured(job)
    assert again == first
    assert not reading(events)
    assert time.monotonic() - started_s < 1


def test_a_damaged_reference_is_made_again(levels: dict[str, Checkpoint], kept: Store):
    expected = measured(Measurement(levels["Q2_K"], levels["F16"], QUALITY_ONLY, TEXTS, kept))[1].quality
    (reference,) = kept.references_folder.glob("*.ref")
    content = bytearray(reference.read_bytes())
    content[len(content) // 2] ^= 0xFF
    reference.write_bytes(content)
    _forget_results(kept)
    assert measured(Measurement(levels["Q2_K"], levels["F16"], QUALITY_ONLY, TEXTS, kept))[1].quality == expected


def _forget_results(store: Store) -> None:
    for file in (*store.reports_folder.glob("*.json"), *store.references_folder.parent.rglob("entries/*.json")):
        if "scored_tokens" in file.read_text("utf-8"):
            file.unlink()


def test_without_a_reference_there_is_perplexity(starter: Checkpoint, store: Store):
    options = replace(QUALITY_ONLY, tokens=512)
    events, report = measured(Measurement(starter, None, options, TEXTS, store))
    assert report.quality.divergence is None
    assert 5 < report.quality.perplexity.value < 100
    assert any(isinstance(event, Notice) and "perplexity" in event.text for event in events)


def test_cancel_stops_inside_a_window_and_the_next_run_goes_on(starter: Checkpoint, store: Store):
    options = replace(QUALITY_ONLY, tokens=8 * 512)
    job = Measurement(starter, None, options, TEXTS, store)
    cancelled_s = 0.0
    with pytest.raises(Cancelled):
        for event in job:
            if (
                isinstance(event, Progress)
                and event.step == "Reading the text"
                and event.done >= 512
                and not cancelled_s
            ):
                cancelled_s = time.monotonic()
                job.cancel()
    assert time.monotonic() - cancelled_s < 3
    events = _first(Measurement(starter, None, options, TEXTS, store))
    assert events.done >= 512
    assert not store.reports()


def _has_read(event: Event) -> bool:
    """Tell whether a window is done."""
    return isinstance(event, Progress) and event.step == "Reading the text" and event.done >= 512


def _first(job: Measurement) -> Progress:
    """Return where the reading begins, and stop there."""
    found: list[Progress] = []
    with pytest.raises(Cancelled):
        for event in job:
            if isinstance(event, Progress) and event.step == "Reading the text":
                found.append(event)
                job.cancel()
    return found[0]


def test_a_worker_that_dies_takes_nothing_with_it(starter: Checkpoint, store: Store):
    options = replace(QUALITY_ONLY, tokens=1024)
    job = Measurement(starter, None, options, TEXTS, store)
    with pytest.raises(WorkerCrashed):
        for event in job:
            if _has_read(event):
                assert job.worker_pid is not None
                os.kill(job.worker_pid, signal.SIGKILL)
    assert not store.reports()
    events, report = measured(Measurement(starter, None, options, TEXTS, store))
    assert reading(events)[0].done >= 512
    whole = Store(Folders(*[store.reports_folder.parent / "other"] * 4))
    assert report.quality == measured(Measurement(starter, None, options, TEXTS, whole))[1].quality


def test_a_text_that_is_too_short_is_refused(starter: Checkpoint, store: Store, tmp_path: Path):
    text = tmp_path / "short.txt"
    text.write_text("Too short.", "utf-8")
    with pytest.raises(Refused, match="shorter"):
        list(Measurement(starter, None, QUALITY_ONLY, (texts.own_text(text),), store))


def test_the_command_prints_the_table(starter: Checkpoint, capsys: pytest.CaptureFixture[str]):
    command = ["measure", str(starter.path), "--no-speed", "--tokens", "512", "--threads", "1", "--text", "code"]
    assert cli.main(command) == 0
    assert "Perplexity" in capsys.readouterr().out
    assert cli.main([*command, "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["quality"]["scored_tokens"] == 255
    assert cli.main([*command, "--text", "nothing"]) == cli.EXIT_WORLD
    assert "measure-code" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C reaches a group of processes in another way")
def test_ctrl_c_ends_the_command(starter: Checkpoint, home: Path):
    command = program("measure", str(starter.path), "--threads", "1")
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for _ in _until(lambda: any(home.rglob("*.values"))):
            pass
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait(10) == cli.EXIT_CANCELLED
    assert not any(home.rglob("measured/*.json"))


def _until(there, limit_s: float = 60.0) -> Iterator[None]:
    started_s = time.monotonic()
    while not there():
        assert time.monotonic() - started_s < limit_s
        time.sleep(0.1)
        yield
