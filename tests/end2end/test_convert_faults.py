"""Conversions that go wrong: each ends in an error with a next step, and leaves nothing half-made behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.plan import Options, Plan, plan
from engine.convert.room import GOES_ON
from engine.convert.run import Conversion
from engine.convert.steps import Steps
from engine.errors import Cancelled, DamagedFile, DiskFull, EngineError, Refused, UnsupportedModel, WorkerCrashed
from engine.events import Event, Finished, Notice, Progress
from tests.helpers.gguf_files import write_gguf
from tests.helpers.safetensors_folder import write_json, write_weights
from tests.helpers.tiny_models import families, tiny_weights, write_tiny_model

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and limits of Linux")
SLOW_LAYERS = 60  # about a second of quantizing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model("llama", tmp_path / "model")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


def planned(source: Path, library: Library, format_id: str = "gguf-q4_k_m") -> Plan:
    return plan(source, format_id, library.folder / "acme" / "model-GGUF" / "model.gguf", library)


def converted(made: Plan) -> Checkpoint:
    last = list(Conversion(made))[-1]
    assert isinstance(last, Finished)
    return last.value


def run_until(made: Plan, step: str, act: Callable[[Conversion], object]) -> list[Event]:
    """Run a conversion and act once, at the first progress of a step."""
    conversion, events, acted = Conversion(made), [], False
    for event in conversion:
        events.append(event)
        if not acted and isinstance(event, Progress) and event.step == step:
            acted = True
            act(conversion)
    return events


def worker() -> psutil.Process:
    return next(child for child in psutil.Process().children() if "engine.convert.worker" in child.cmdline())


def assert_nothing_stays(library: Library) -> None:
    assert not library.folder.exists() or list(library.folder.rglob("*")) == []
    with pytest.raises(StopIteration):
        worker()


# Cancelled and killed


@pytest.mark.parametrize(
    ("format_id", "step"),
    [("gguf-bf16", "Reading and casting"), ("gguf-q4_k_m", "Quantizing"), ("gguf-q4_k_m", "Checking")],
)
def test_a_cancelled_conversion_ends_at_once(folder: Path, library: Library, format_id: str, step: str) -> None:
    cancelled_s = 0.0

    def cancel(conversion: Conversion) -> None:
        nonlocal cancelled_s
        cancelled_s = time.monotonic()
        conversion.cancel()

    with pytest.raises(Cancelled):
        run_until(planned(folder, library, format_id), step, cancel)
    assert time.monotonic() - cancelled_s < 1.0
    assert_nothing_stays(library)


@pytest.mark.parametrize("step", ["Learning what matters", "Quantizing without importance"])
def test_a_cancelled_conversion_leaves_no_matrix_and_no_twin(folder: Path, library: Library, step: str) -> None:
    text = folder.parent / "text.txt"
    text.write_text("some words of a person " * 100, "utf-8")
    options = Options(computes_importance=True, calibration=(text,))
    target = library.folder / "acme" / "model-GGUF" / "model.gguf"
    with pytest.raises(Cancelled):
        run_until(plan(folder, "gguf-q4_0", target, library, options), step, Conversion.cancel)
    assert_nothing_stays(library)


def test_a_conversion_that_was_cancelled_before_it_began(folder: Path, library: Library) -> None:
    conversion = Conversion(planned(folder, library))
    conversion.cancel()
    with pytest.raises(Cancelled):
        list(conversion)
    assert_nothing_stays(library)


def test_a_conversion_that_nobody_watches_any_more(folder: Path, library: Library) -> None:
    events = iter(Conversion(planned(folder, library)))
    assert isinstance(next(event for event in events if isinstance(event, Progress)), Progress)
    events.close()  # type: ignore[attr-defined]
    assert_nothing_stays(library)


@linux_only
@pytest.mark.parametrize(("format_id", "step"), [("gguf-bf16", "Reading and casting"), ("gguf-q4_k_m", "Quantizing")])
def test_a_killed_worker_is_told_and_the_next_conversion_goes_on(
    folder: Path, library: Library, format_id: str, step: str
) -> None:
    expected = converted(planned(folder, library, format_id)).record["sha256"]
    library.delete(library.entries()[0])
    made = planned(folder, library, format_id)
    with pytest.raises(WorkerCrashed):
        run_until(made, step, lambda _: worker().kill())
    assert library.entries() == ()
    assert converted(made).record["sha256"] == expected
    assert list(library.folder.rglob("*.part")) == []


@linux_only
def test_what_a_killed_app_leaves_is_gone_on_with_by_the_next(tmp_path: Path, library: Library) -> None:
    source = write_gguf(tmp_path / "source.gguf", layers=SLOW_LAYERS)
    target = library.folder / "acme" / "model-GGUF" / "model.gguf"
    code = (
        "import sys; from pathlib import Path; from engine.convert.plan import plan\n"
        "from engine.convert.run import Conversion\n"
        "for event in Conversion(plan(Path(sys.argv[1]), 'gguf-q4_k_m', Path(sys.argv[2]))): print(event, flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(source), str(target)], stdout=subprocess.PIPE) as app:
        assert app.stdout
        assert any(b"Quantizing" in line for line in app.stdout)
        children = psutil.Process(app.pid).children()
        app.send_signal(signal.SIGKILL)
        app.wait()
    psutil.wait_procs(children, timeout=5)
    left = list(target.parent.iterdir())
    assert left
    assert all(path.suffix == ".part" for path in left)
    assert library.entries() == ()
    with pytest.raises(EngineError):  # it has no vocabulary; what counts is that it was taken over
        list(Conversion(plan(source, "gguf-q4_k_m", target, library)))
    assert not any(path.exists() for path in left)


def test_a_comparison_that_cannot_run_spoils_no_result(
    folder: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is made and checked; that nobody compared it is told."""
    run = Steps.run

    def crashing(steps: Steps, do: str, **arguments: object) -> Iterator[Event]:
        if do == "compare":
            raise WorkerCrashed(-9, "")
        return run(steps, do, **arguments)

    monkeypatch.setattr(Steps, "run", crashing)
    events = list(Conversion(planned(folder, library)))
    assert isinstance(events[-1], Finished)
    assert events[-1].value.record["agreement"] == {}
    told = [event.text for event in events if isinstance(event, Notice) and event.level == "warning"]
    assert any("could not be compared with its original" in text for text in told)
    assert list(library.folder.rglob("*.part")) == []


# Full disks


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of a few megabytes, where this user may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.name == "nt" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@linux_only
def test_a_disk_that_fills_up_meanwhile(folder: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        library = Library(disk / "library")
        made = planned(folder, library)
        assert made.obstacles == ()
        (disk / "other").write_bytes(bytes(13 << 20))
        assert planned(folder, library).obstacles, "the plan sees the full disk before a byte is written"
        told: list[str] = []
        for event in Conversion(made):
            if (isinstance(event, Notice) and event.level == "warning") or told:
                told.append(event.text if isinstance(event, Notice) else "")
            if told and "is full" in told[0] and (disk / "other").exists():
                assert library.entries() == ()
                (disk / "other").unlink()
        assert GOES_ON in told
        (entry,) = library.entries()
        assert entry.record["sha256"] == converted(planned(folder, Library(tmp_path / "roomy"))).record["sha256"]


@linux_only
@pytest.mark.parametrize(("format_id", "step"), [("gguf-bf16", "Reading and casting"), ("gguf-q4_k_m", "Quantizing")])
def test_a_file_that_may_not_grow(folder: Path, library: Library, format_id: str, step: str) -> None:
    """A limit of the system or a quota looks like a full disk, in either step."""

    def limit(_: Conversion) -> None:
        worker().rlimit(psutil.RLIMIT_FSIZE, (1 << 19, 1 << 19))  # type: ignore[attr-defined]

    with pytest.raises(DiskFull):
        run_until(planned(folder, library, format_id), step, limit)
    assert_nothing_stays(library)


# Models that cannot be converted


def spoilt(name: str, folder: Path, number: float, kind: str) -> Path:
    """Write a model with one weight that is no usable number."""
    write_tiny_model(name, folder, kind)
    weights = tiny_weights(name)
    weights["model.layers.1.mlp.up_proj.weight"][3, 5] = number
    write_weights(folder, weights, kind)
    return folder


@pytest.mark.parametrize("format_id", ["gguf-q4_k_m", "gguf-bf16"])
def test_nan_weights_are_found(tmp_path: Path, library: Library, format_id: str) -> None:
    source = spoilt("llama", tmp_path / "model", float("nan"), "F32")
    with pytest.raises(DamagedFile, match="finite numbers") as damaged:
        converted(planned(source, library, format_id))
    assert damaged.value.details["file"] == str(source)
    assert_nothing_stays(library)


def test_weights_that_are_too_large_for_f16_fit_other_formats(tmp_path: Path, library: Library) -> None:
    source = spoilt("llama", tmp_path / "model", 1e6, "BF16")
    with pytest.raises(Refused) as refused:
        converted(planned(source, library, "gguf-f16"))
    assert "BF16" in refused.value.hint
    assert_nothing_stays(library)
    assert converted(planned(source, library, "gguf-bf16")).format_id == "gguf-bf16"


def test_an_unknown_pre_tokenizer_is_refused_before_a_byte_is_written(folder: Path, library: Library) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    numbers = tokenizer["model"]["vocab"]
    numbers["!"], numbers["?"] = numbers["?"], numbers["!"]
    write_json(folder / "tokenizer.json", tokenizer)
    with pytest.raises(UnsupportedModel, match="splits text in a way"):
        list(Conversion(planned(folder, library)))
    assert_nothing_stays(library)


def test_a_family_that_transformers_completes_and_we_cannot_is_refused_by_the_worker_too(
    folder: Path, library: Library
) -> None:
    """The converter alone would make do with the bare config.json, and guess the rest."""
    made = planned(folder, library)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    write_json(folder / "config.json", {**config, "model_type": "dbrx"})  # after the plan looked
    with pytest.raises(UnsupportedModel, match=r"dbrx.*pip install -e '\.\[convert\]'"):
        list(Conversion(made))
    assert_nothing_stays(library)


def test_a_family_that_transformers_does_not_know_is_read_as_it_stands(tmp_path: Path, library: Library) -> None:
    """With torch too: nobody completes its configuration, so that it must be complete."""
    source = write_tiny_model("llama", tmp_path / "model", model_type="llama9")
    with pytest.raises(UnsupportedModel, match=r"layer_norm_rms_epsilon"):
        list(Conversion(planned(source, library)))
    assert_nothing_stays(library)
    write_json(
        source / "config.json", {**json.loads((source / "config.json").read_text("utf-8")), "rms_norm_eps": 1e-5}
    )
    assert converted(planned(source, library)).format_id == "gguf-q4_k_m"


@pytest.mark.parametrize(("family", "format_id"), [("llama-hf", "gguf-q8_0"), ("phi3-long", "gguf-q4_0")])
def test_small_vocabularies_and_tensors_that_the_converter_adds(
    family: str, format_id: str, tmp_path: Path, library: Library
) -> None:
    """phi3-long gets two tensors of rotary factors, which no safetensors file has."""
    source = write_tiny_model(family, tmp_path / "model")
    assert converted(planned(source, library, format_id)).format_id == format_id


def test_weights_that_the_converter_does_not_know(folder: Path, library: Library) -> None:
    write_weights(folder, {**tiny_weights("llama"), "model.layers.0.odd.weight": np.ones((4, 4), np.float32)}, "F32")
    with pytest.raises(UnsupportedModel, match=r"odd\.weight"):
        list(Conversion(planned(folder, library)))
    assert_nothing_stays(library)


def test_a_file_that_is_cut_off_after_the_plan(folder: Path, library: Library) -> None:
    made = planned(folder, library)
    weights = folder / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    with pytest.raises((DamagedFile, UnsupportedModel, WorkerCrashed)):
        list(Conversion(made))
    assert_nothing_stays(library)


def test_a_plan_with_problems_is_not_carried_out(folder: Path, library: Library) -> None:
    (folder / "tokenizer.json").unlink()
    made = planned(folder, library)
    with pytest.raises(type(made.problems[0])):
        list(Conversion(made))
    assert_nothing_stays(library)


def test_a_target_that_came_into_being_is_kept(folder: Path, library: Library) -> None:
    made = planned(folder, library)

    def interfere(_: Conversion) -> None:
        made.target.write_bytes(b"precious")

    with pytest.raises(Refused, match="meanwhile"):
        run_until(made, "Checking", interfere)
    assert [path.name for path in made.target.parent.iterdir()] == ["model.gguf"]
    assert made.target.read_bytes() == b"precious"


# Names and hostile contents


def test_awkward_names(tmp_path: Path, library: Library) -> None:
    source = write_tiny_model("llama", tmp_path / "mödel {ftype} – 100% 'it'")
    target = library.folder / "ä b" / "{outtype}" / "{0} %s.gguf"
    made = converted(plan(source, "gguf-q8_0", target, library))
    assert made.path == target
    assert target.is_file()


def test_code_in_a_folder_is_never_run(folder: Path, library: Library, tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    (folder / "README.md").write_text(f"---\nlicense: !!python/object/apply:os.mkdir ['{trap}']\n---\n# Model\n")
    for name in ("configuration_evil", "sitecustomize", "torch", "conversion"):
        (folder / f"{name}.py").write_text(f"import os; os.mkdir({str(trap)!r})")
    events = list(Conversion(planned(folder, library)))
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, Notice) and "README.md" in event.text for event in events)
    assert not trap.exists()


def test_a_model_that_this_llama_cannot_open_is_told(tmp_path: Path, library: Library) -> None:
    """llama.cpp looks up tokens that every model named Phi-3 has, and this one has not."""
    with pytest.raises(UnsupportedModel, match=r"phi3.*error loading model vocabulary"):
        converted(planned(write_tiny_model("phi3", tmp_path / "phi3"), library))
    assert_nothing_stays(library)


@pytest.mark.parametrize("changes", [{"num_hidden_layers": 3}, {"hidden_size": 64}])
def test_weights_that_config_json_does_not_describe_are_told(folder: Path, library: Library, changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["num_hidden_layers"] == 2
    (folder / "config.json").write_text(json.dumps({**config, **changes}), "utf-8")
    with pytest.raises(DamagedFile, match=r"the tensors that config\.json describes, found .*tensor") as told:
        converted(planned(folder, library))
    assert told.value.details["file"] == str(folder)
    assert_nothing_stays(library)


@pytest.mark.parametrize("name", ["gemma3", "llama-spm", "llama3", "qwen3_moe", "gpt2"])
def test_other_kinds_of_models_pass_all_steps(name: str, tmp_path: Path, library: Library) -> None:
    made = converted(planned(write_tiny_model(name, tmp_path / name, shards=2), library, "gguf-q8_0"))
    assert made.record["source"]["stored_type"] == "BF16"
    assert families()[name]["config"]["architectures"]
