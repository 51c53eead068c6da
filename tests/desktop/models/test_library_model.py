from __future__ import annotations

import dataclasses
from pathlib import Path

from PySide6.QtCore import Qt

from desktop.models.library_model import FORMAT, FROM, MODEL, SIZE, USED, Entry, LibraryModel, read_library
from desktop.models.row_model import ROW
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from tests.helpers.values import DAMAGED, ENTRIES, ORIGINAL, STARTER


def test_it_is_a_proper_model(qtmodeltester):
    model = LibraryModel()
    qtmodeltester.check(model, force_py=True)
    model.show_rows(ENTRIES)
    qtmodeltester.check(model, force_py=True)


def test_a_row_in_words():
    model = LibraryModel(ENTRIES)
    words = [model.index(0, column).data() for column in range(model.columnCount())]
    assert words[MODEL] == "SmolLM2-135M-Instruct.Q4_1"
    assert words[FORMAT] == "Q4_1"
    assert words[SIZE] == "98.4 MB"
    assert words[FROM] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert model.index(0, 0).data(ROW) is STARTER
    assert model.index(0, SIZE).data(Qt.ItemDataRole.AccessibleTextRole) == "Size: 98.4 MB"


def test_what_can_be_done():
    assert STARTER.can_chat
    assert ORIGINAL.can_chat  # in PyTorch; what is missing for it is said when it is opened
    assert not DAMAGED.can_chat and DAMAGED.damaged
    assert [entry.can_convert for entry in ENTRIES] == [False, True, False]


def test_rows_are_found_by_name():
    model = LibraryModel(ENTRIES)
    assert model.row_of(ORIGINAL.checkpoint.name) == 1
    assert model.row_of("elsewhere") == -1
    assert model.row_at(-1) is None


def test_a_record_of_any_shape_is_shown():
    def source(value):
        return Entry(Checkpoint(Path("/a"), "a", "gguf-f16", 1, {"source": value}), 0).source_words

    assert source({"path": "/b/c"}) == "c"
    assert source("a friend") == "a friend"
    assert source(None) == "Added by hand"


def test_sorting_and_filtering():
    model = LibraryModel(ENTRIES)
    model.sort(SIZE, Qt.SortOrder.DescendingOrder)
    assert [entry.checkpoint.size_bytes for entry in model.rows] == [16_000_000_000, 98_362_432, 1234]
    model.sort(USED)
    model.show_filter("smol Q4_1")
    assert model.rows == (STARTER,)
    model.show_filter("", "Ollama")
    assert model.rows == () and model.all == ENTRIES
    model.show_filter("")
    assert len(model.rows) == 3


def test_what_belongs_to_another_app_is_not_ours():
    theirs = Checkpoint(Path("/o/blobs/sha256-0"), "Ollama/x:1b", "gguf-q8_0", 5, owners=("Ollama",), label="x:1b")
    entry = Entry(theirs, 0, 1_790_000_000)
    assert not entry.is_own and entry.place == entry.folder_words == entry.source_words == "Ollama"
    assert entry.can_chat and entry.can_convert  # a blob's path has no ending
    assert entry.used_words != "Never"
    shared = Entry(dataclasses.replace(theirs, name="acme/x/x.gguf", label=""), 0)
    assert shared.is_own and shared.source_words == "Ollama"


def test_the_folder_is_read(tmp_path):
    (tmp_path / "publisher" / "repository").mkdir(parents=True)
    (tmp_path / "publisher" / "repository" / "x.gguf").write_bytes(b"not a model")
    (entry,) = read_library(Library(tmp_path))
    assert entry.damaged
    assert entry.folder_words == "publisher/repository"
