"""The formats of a model beside each other."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from desktop.models.compare import Contender, Ranked, in_order, rank, read_comparison
from desktop.models.compare_chart import points_of
from desktop.models.compare_table import COLUMNS, VOTES, Cell, CompareModel, cell, place_words
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.measure.choose import Room, Rule, room_of
from engine.measure.options import MeasureOptions, default_texts
from engine.measure.run import texts_key
from engine.measure.store import Store
from engine.measure.votes import Tally
from engine.paths import Folders
from tests.helpers.level_files import level_file
from tests.helpers.reports import original, report
from tests.helpers.values import GB, MACHINE

OPTIONS = MeasureOptions()
ROOM = Room(16 * GB)
ACCESSIBLE = Qt.ItemDataRole.AccessibleTextRole


@pytest.fixture
def store(tmp_path):
    return Store(Folders(tmp_path, tmp_path / "data", tmp_path / "cache", tmp_path))


@pytest.fixture
def made(tmp_path):
    def make(level: str, name: str = "Mini") -> Checkpoint:
        path = tmp_path / f"{name}-{level}.gguf"
        path.write_bytes(level_file(level, layers=1, tokens=300, merges=10))
        return Checkpoint(path, path.name, f"gguf-{level.lower()}", path.stat().st_size)

    return make


def of(model: Checkpoint, quick: bool = True, loss: float | None = 0.05, **changes):
    """Return a report as it would be of a file, measured in a minute."""
    options = OPTIONS.quick() if quick else OPTIONS
    values = {
        "path": str(model.path),
        "size_bytes": model.size_bytes,
        "format_id": model.format_id,
        "texts_sha256": texts_key(default_texts()),
        "quality_settings": options.quality_record(),
        "measured_at": (datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds"),
    }
    return replace(report("x", loss, 20.0, GB), **{**values, **changes})


def contender(name: str, loss: float | None, rate: float, peak_bytes: int = GB) -> Contender:
    found = original(rate, peak_bytes) if loss is None else report(name, loss, rate, peak_bytes)
    return Contender(Checkpoint(Path(found.path), found.name, found.format_id, found.size_bytes), found)


def read(model, entries, store):
    return read_comparison(model.path, entries, Library(model.path.parent), OPTIONS, store)


def test_all_formats_of_the_model_and_what_was_measured_of_them(made, store):
    f16, q4, other = made("F16"), made("Q4_K_M"), made("Q8_0", "Other")
    store.save("a", of(q4))
    found = read(q4, [f16, q4, other], store)
    assert [each.model for each in found.quick] == [f16, q4]
    assert [each.report is not None for each in found.quick] == [False, True]
    assert [each.report is not None for each in found.thorough] == [False, False]
    assert found.is_quick
    store.save("b", of(q4, quick=False))
    store.save("c", of(f16, quick=False))
    assert not read(q4, [f16, q4], store).is_quick


def test_a_report_of_other_bytes_or_texts_counts_for_nothing(made, store):
    q4 = made("Q4_K_M")
    store.save("a", of(q4, size_bytes=5))
    store.save("b", of(q4, texts_sha256="other"))
    store.save("c", of(q4, measured_at="2020-01-01T00:00:00+00:00"))
    store.save("d", of(q4, measured_at="never"))
    assert read(q4, [q4], store).quick[0].report is None
    store.save("e", of(q4))
    assert read(q4, [q4], store).quick[0].report is not None
    os.utime(q4.path, (4e9, 4e9))
    assert read(q4, [q4], store).quick[0].report is None
    hashed = replace(q4, record={"sha256": of(q4).sha256})
    assert read(hashed, [hashed], store).quick[0].report is not None


def test_only_what_has_the_same_original_is_compared(made, store):
    f16, q8, q4 = made("F16"), made("Q8_0"), made("Q4_K_M")
    store.save("a", of(q4, reference_sha256="q8", reference_format="gguf-q8_0"))
    store.save("b", of(q8))
    found = {each.label: each.report for each in read(q4, [f16, q8, q4], store).quick}
    assert found["Q8_0"] is not None and found["Q4_K_M"] is None


def test_what_cannot_be_measured_says_why(made, store):
    folder = Checkpoint(Path("/models/x"), "x", "exl2-4bpw", 5)
    (each,) = read_comparison(folder.path, [folder], Library(folder.path.parent), OPTIONS, store).quick
    assert "cannot be measured" in each.why_not and not each.can_measure
    assert in_order([each]) == []


def test_the_original_is_measured_first():
    models = [Contender(Checkpoint(Path(f"/{i}"), i, i, 9 - n)) for n, i in enumerate(("gguf-q4_0", "gguf-f16"))]
    assert [each.model.format_id for each in in_order(models)] == ["gguf-f16", "gguf-q4_0"]


def test_the_rule_decides_the_order():
    full, good, fast = contender("F16", None, 4), contender("Q8_0", 0.005, 9), contender("Q2_K", 0.5, 30)
    missing = Contender(Checkpoint(Path("/q"), "q", "gguf-q5_0", 5))
    ranked = rank([full, missing, fast, good], Rule(), ROOM)
    assert [each.contender for each in ranked] == [good, full, fast, missing]
    assert [each.best for each in ranked] == [True, False, False, False]
    assert place_words(ranked[1]).startswith("It writes 4.0 tokens/s; at least 5")
    assert place_words(ranked[3]) == "It was not measured yet."
    assert rank([full, fast, good], Rule(most_divergence=1, least_tokens_s=20), ROOM)[0].contender is fast
    assert not any(each.best for each in rank([full, fast, good], Rule(memory_left_bytes=99 * GB), ROOM))


def test_the_room_of_a_machine():
    assert MACHINE.llama is not None
    assert room_of(MACHINE) == Room(18_300_000_000)
    computes = replace(MACHINE, llama=replace(MACHINE.llama, offload=True))
    assert room_of(computes) == Room(18_300_000_000, 7 * GB)


def test_each_cell_has_its_unit_and_its_spread():
    model = CompareModel(rank([contender("Q4_K_M", 0.0512, 20.0)], Rule(), ROOM))
    words = [model.index(0, column).data() for column in range(len(COLUMNS))]
    assert words == [
        "Q4_K_M, best for you, model-Q4_K_M",
        "1.0 GB",
        "1.0 GB, predicted 1.0 GB",
        "24.00 ± 1.50 over 2,040 tokens",
        "0.0512 ± 0.0010 nats; 99 % of the places are below 0.154",
        "90.0 ± 1.0 %",
        "20.0 tokens/s (18.0 to 22.0, 5 times 512 tokens)",
        "20.0 tokens/s (18.0 to 22.0, 5 times 128 tokens)",
        "0.30 s (0.20–0.40 s) after 512 tokens; loaded in 0.4 s",
        "No votes",
    ]
    assert model.index(0, 3).data(ACCESSIBLE) == f"Perplexity: {words[3]}"
    assert words[4] in model.index(0, 4).data(Qt.ItemDataRole.ToolTipRole)


def test_what_was_not_measured_is_a_dash():
    bare = Contender(Checkpoint(Path("/q"), "q", "gguf-q5_0", 5), report("q5_0"))
    untouched = Contender(Checkpoint(Path("/r"), "r", "gguf-q5_1", 5))
    for row, perplexity in zip(rank([bare, untouched], Rule(), ROOM), ("24.00", "Not measured"), strict=True):
        assert [cell(row, column).upper for column in range(2, len(COLUMNS))] == ["–", perplexity, *"––––––"]


def test_the_original_is_its_own_measure():
    (row,) = rank([contender("F16", None, 9)], Rule(), ROOM)
    assert (cell(row, 4).upper, cell(row, 4).lower) == ("0", "original")


def test_votes_are_shown_beside_a_model_also_where_nothing_was_measured() -> None:
    voted = Ranked(Contender(Checkpoint(Path("/q"), "q", "gguf-q5_0", 5), tally=Tally(3, 1, 2)))
    assert cell(voted, VOTES) == Cell("3 better", "1 worse, 2 tied", "3 better, 1 worse, 2 as good")
    assert cell(replace(voted, contender=replace(voted.contender, tally=None)), VOTES).full == "No votes"


def test_votes_are_found_by_the_hash_that_the_record_tells(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    model = Checkpoint(path, "m", "gguf-q5_0", 4, {"sha256": "5" * 64, "size_bytes": 4})
    votes = {"5" * 64: Tally(better=1)}
    found = read_comparison(path, [model], Library(tmp_path), OPTIONS, store, votes)
    assert [each.tally for each in found.quick] == [Tally(better=1)]


def test_a_model_on_a_server_stands_beside_those_that_it_was_compared_with(made, store, tmp_path):
    f16, q4 = made("F16"), made("Q4_K_M")
    there = Checkpoint(tmp_path / "m.server.json", "server:box/m", "server", 0)
    there.path.write_text("{}")
    store.save("a", of(f16, reference=f16.name))
    store.save("b", of(there, name=there.name, reference=f16.name, memory=None))
    store.save("c", of(there, name="server:box/other", reference="another.gguf", path=str(tmp_path / "gone")))
    found = read(q4, [f16, q4], store)
    assert [each.model.name for each in found.quick if each.report] == [f16.name, there.name]
    ranked = rank(found.quick, Rule(), ROOM)
    assert there.path not in {point.path for point in points_of(ranked)}
