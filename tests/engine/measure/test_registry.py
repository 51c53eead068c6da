"""What can be measured, and what is said of the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util

import pytest

from engine.errors import PackageMissing, UnsupportedModel
from engine.formats import Family
from engine.measure.registry import ROWS, row_for


def test_every_family_of_formats_has_a_row():
    assert set(Family) <= set(ROWS)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.family)
def test_a_row_leads_to_its_modules(row):
    for target in (row.scorer, row.runner):
        assert importlib.util.find_spec(target.partition(":")[0])


def test_formats_that_nothing_measures():
    with pytest.raises(UnsupportedModel, match="exl2-4"):
        row_for("exl2-4")


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "distributions", lambda **_: iter(()))
    with pytest.raises(PackageMissing, match="torch"):
        row_for("awq-int4-g128")
    assert row_for("gguf-q4_k_m").family == "gguf"
