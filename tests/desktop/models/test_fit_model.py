from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt

from desktop.models.fit_model import CONTEXT, FORMAT, MEMORY, PLACE, SPEED, WHY, FitModel
from desktop.models.row_model import ROW
from tests.helpers.values import FITS


def test_it_is_a_proper_model(qtmodeltester):
    model = FitModel()
    qtmodeltester.check(model, force_py=True)
    model.show_rows(FITS)
    qtmodeltester.check(model, force_py=True)


def test_a_row_in_words():
    model = FitModel(FITS)
    words = [model.index(0, column).data() for column in range(model.columnCount())]
    assert words[FORMAT] == "Q4_K_M, good"
    assert words[MEMORY] == "5.9 GB of 18.3 GB"
    assert words[CONTEXT] == "61,440 tokens"
    assert words[SPEED] == "5.4 tokens/s"
    assert words[PLACE] == "Processor"
    assert words[WHY] == FITS[0].reason
    assert model.index(0, 0).data(ROW) is FITS[0]


def test_what_is_not_known_is_a_dash():
    model = FitModel(FITS)
    assert model.index(2, CONTEXT).data() == model.index(2, SPEED).data() == "–"


def test_memory_of_which_there_is_none_is_not_compared_with_nothing():
    model = FitModel([replace(FITS[0], free_bytes=0)])
    assert model.index(0, MEMORY).data() == "5.9 GB"


def test_the_tooltip_has_the_obstacles():
    model = FitModel(FITS)
    assert model.index(3, WHY).data(Qt.ItemDataRole.ToolTipRole).endswith("Install the package autoawq.")


def test_rows_are_found_by_format():
    model = FitModel(FITS)
    assert model.row_of("gguf-q8_0") == 1
    assert model.row_of("gguf-q2_k") == -1
    assert model.row_at(9) is None
