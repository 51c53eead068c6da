"""The starter model as a real Hugging Face folder, converted by the real workers, and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.convert.card import card_path
from engine.convert.plan import Options, Plan, plan
from engine.convert.run import Conversion
from engine.events import Event, Finished, Notice, Progress
from engine.recommend.tensor_types import tensors_at
from engine.texts import named
from tests.helpers.starter_folder import write_starter_folder

# Questions that this model answers without a near tie: at one, 8-bit activations alone lead elsewhere.
QUESTIONS = ("List three colours.", "What is 2+2?", "What is the largest planet?")
TOKENS = 24


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def folder(starter: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as it was published, in two shards: F16 keeps its weights best."""
    return write_starter_folder(starter.path, tmp_path_factory.mktemp("hub") / "SmolLM2-135M-Instruct", "F16", 2)


@pytest.fixture(scope="module")
def plain(folder: Path, library: Library) -> tuple[Plan, list[Event], Checkpoint]:
    return converted(folder, "gguf-f16", library)


@pytest.fixture(scope="module")
def small(folder: Path, library: Library) -> tuple[Plan, list[Event], Checkpoint]:
    return converted(folder, "gguf-q4_k_m", library)


def converted(source: Path, format_id: str, library: Library) -> tuple[Plan, list[Event], Checkpoint]:
    target = library.target(library.entry_at(source), format_id)
    planned = plan(source, format_id, target, library)
    assert planned.obstacles == ()
    events = list(Conversion(planned))
    assert isinstance(events[-1], Finished)
    return planned, events, events[-1].value


def answers(model: Path) -> list[dict[str, Any]]:
    """Ask llama-cpp-python alone, greedily."""
    questions = [{"messages": [{"role": "user", "content": text}], "max_tokens": TOKENS} for text in QUESTIONS]
    run = subprocess.run(
        [sys.executable, "-m", "tests.helpers.bare_llama", str(model)],
        input="\n".join(map(json.dumps, questions)),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "GOMP_SPINCOUNT": "1000"},
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def fields(model: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    return {name: field.contents() for name, field in GGUFReader(model).fields.items()}


def steps(events: Sequence[Event]) -> Iterator[tuple[str, list[Progress]]]:
    progress = [event for event in events if isinstance(event, Progress)]
    for step in dict.fromkeys(event.step for event in progress):
        yield step, [event for event in progress if event.step == step]


def test_the_model_at_16_bits_says_the_same(starter: Checkpoint, plain: tuple[Plan, list[Event], Checkpoint]) -> None:
    source, made = answers(starter.path), answers(plain[2].path)
    assert [answer["prompt"] for answer in made] == [answer["prompt"] for answer in source]
    assert [answer["answer"] for answer in made] == [answer["answer"] for answer in source]


def test_every_weight_is_that_of_the_source(
    starter: Checkpoint, plain: tuple[Plan, list[Event], Checkpoint], tmp_path: Path
) -> None:
    """llama.cpp widens the starter's 4 bits to F16 itself; the way over the folder must lead to the same numbers."""
    from gguf import GGUFReader

    widened = tmp_path / "widened.gguf"
    code = (
        "import ctypes, os, sys; from llama_cpp import llama_cpp as binding\n"
        "parameters = binding.llama_model_quantize_default_params()\n"
        "parameters.ftype, parameters.nthread, parameters.allow_requantize = 1, 1, True\n"
        "sys.exit(binding.llama_model_quantize(*map(os.fsencode, sys.argv[1:]), ctypes.byref(parameters)))"
    )
    subprocess.run([sys.executable, "-c", code, str(starter.path), str(widened)], check=True, capture_output=True)
    expected = {tensor.name: tensor.data.tobytes() for tensor in GGUFReader(widened).tensors}
    made = {tensor.name: tensor.data.tobytes() for tensor in GGUFReader(plain[2].path).tensors}
    assert made.keys() == expected.keys()
    assert [name for name in expected if made[name] != expected[name]] == []


def test_tokenizer_and_template_are_kept(starter: Checkpoint, plain: tuple[Plan, list[Event], Checkpoint]) -> None:
    source, made = fields(starter.path), fields(plain[2].path)
    for name in source:
        if name.startswith(("tokenizer.", "llama.")):
            assert made[name] == source[name], name


def test_a_quantized_level_answers(small: tuple[Plan, list[Event], Checkpoint]) -> None:
    assert "4" in answers(small[2].path)[1]["text"]


def test_tensors_are_of_the_planned_types(folder: Path, small: tuple[Plan, list[Event], Checkpoint]) -> None:
    planned = {tensor.name: tensor.type for tensor in tensors_at(read_facts(folder), "Q4_K_M")}
    assert {tensor.name: tensor.type for tensor in read_facts(small[2].path).tensors} == planned


def test_the_estimates_hold(small: tuple[Plan, list[Event], Checkpoint]) -> None:
    planned, _, made = small
    assert planned.needs
    assert made.size_bytes <= planned.needs.result_bytes < 1.05 * made.size_bytes
    peak_bytes = made.record["peak_memory_bytes"]
    assert 0.5 * planned.needs.memory_bytes < peak_bytes < 1.1 * planned.needs.memory_bytes


def test_progress_counts_bytes_to_the_end(small: tuple[Plan, list[Event], Checkpoint]) -> None:
    found = dict(steps(small[1]))
    assert list(found) == ["Quantizing", "Reading and casting", "Comparing with the original", "Hashing", "Checking"]
    for events in found.values():
        done = [event.done for event in events]
        assert done == sorted(done)
        assert done[-1] == events[-1].total
        assert len(events) > 20 or events[0].unit == "tokens"
    assert any(event.rate and event.remaining_s is not None for event in found["Quantizing"])


def test_notices_are_the_plans_notes(small: tuple[Plan, list[Event], Checkpoint]) -> None:
    planned, events, _ = small
    assert tuple(event.text for event in events if isinstance(event, Notice)) == planned.notes
    assert "256" in planned.notes[0]


def test_the_record_tells_how_it_was_made(folder: Path, small: tuple[Plan, list[Event], Checkpoint]) -> None:
    made = small[2]
    record = records.read(made.path)
    assert record == made.record
    assert record["sha256"] == records.sha256(made.path)
    shards = sorted(folder.glob("*.safetensors"))
    assert record["source"]["sha256"] == {shard.name: records.sha256(shard) for shard in shards}
    assert record["recipe"]["level"] == "Q4_K_M"
    assert record["versions"]["llama-cpp-python"]
    assert record["versions"]["llama.cpp"] != "unknown"
    assert set(record["seconds"]) == {"make", "cast", "compare", "check", "hash"}
    assert sum(record["tensor_types"].values()) == len(read_facts(made.path).tensors)


def test_the_result_is_compared_with_its_original(small: tuple[Plan, list[Event], Checkpoint]) -> None:
    beside = small[2].record["agreement"]
    assert beside["tokens"] == 128
    assert beside["same"] > 100
    assert 0 < beside["divergence"] < 0.2


def test_only_the_models_and_their_records_stay(
    library: Library, plain: tuple[Plan, list[Event], Checkpoint], small: tuple[Plan, list[Event], Checkpoint]
) -> None:
    names = {path.name for path in plain[2].path.parent.iterdir()}
    models = {plain[2].path.name, small[2].path.name}
    assert names == models | {f"{name}{ending}" for name in models for ending in (".halfbyte.json", ".md")}
    assert {entry.path.name for entry in library.entries()} == models


def test_a_16_bit_file_is_quantized_as_the_folder_is(
    library: Library, plain: tuple[Plan, list[Event], Checkpoint], small: tuple[Plan, list[Event], Checkpoint]
) -> None:
    """Through a file at the source's own precision, both ways lead to the same bytes."""
    target = library.folder / "again" / "again.gguf"
    planned = plan(plain[2].path, "gguf-q4_k_m", target, library)
    made = list(Conversion(planned))[-1]
    assert isinstance(made, Finished)
    assert made.value.record["sha256"] == small[2].record["sha256"]
    assert made.value.record["agreement"] == small[2].record["agreement"]


def test_an_importance_matrix_shows_what_it_gains(
    library: Library, plain: tuple[Plan, list[Event], Checkpoint]
) -> None:
    target = library.folder / "gain" / "gain.gguf"
    text = target.parent / "text.txt"
    text.parent.mkdir()
    text.write_text(named("calibrate-prose").read()[:6_000], "utf-8")
    options = Options(computes_importance=True, calibration=(text,))
    events = list(Conversion(plan(plain[2].path, "gguf-q3_k_m", target, library, options)))
    assert isinstance(events[-1], Finished)
    record = events[-1].value.record
    with_it, without = record["agreement"], record["agreement_without_importance"]
    assert with_it["divergence"] < without["divergence"]
    assert "importance matrix gains" in card_path(target).read_text("utf-8")
    assert not list(target.parent.glob("*.part"))


def test_the_model_learns_from_what_it_writes_itself(starter: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed writes the same text, and its matrix has an entry for every weight of the layers."""
    from engine.convert.methods import activations

    monkeypatch.setattr(activations, "WRITTEN_CHUNKS", 2)
    monkeypatch.setattr(activations, "CHUNK_TOKENS", 48)
    told: list[tuple[int, int]] = []
    chunks, said = activations.written(starter.path, 7, 1, lambda *at: told.append(at))
    assert [len(chunk) for chunk in chunks] == [48, 48]
    assert told[-1] == (96, 96)
    assert len(said.split()) > 20
    assert activations.written(starter.path, 7, 1, lambda *_: None) == (chunks, said)
    matrix = activations.learnt(starter.path, chunks, ("own",), 1, lambda *_: None)
    assert len(matrix.sums) == 210
