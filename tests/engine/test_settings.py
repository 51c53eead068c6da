"""Settings: typed, ranged, and never a reason not to start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import settings
from engine.errors import Refused


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "settings.json"
    settings.save(settings.DEFAULTS.changed(theme="dark", temperature=0), file)
    loaded = settings.load(file)
    assert (loaded["theme"], loaded["temperature"], loaded["top_k"]) == ("dark", 0.0, 40)
    assert list(file.parent.iterdir()) == [file]


def test_only_what_differs_from_the_defaults_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    settings.save(settings.DEFAULTS.changed(top_k=7), file)
    assert json.loads(file.read_text()) == {"top_k": 7}


@pytest.mark.parametrize(
    "change", [{"theme": "pink"}, {"temperature": 2.5}, {"seed": -2}, {"top_k": "many"}, {"threads": True}]
)
def test_values_out_of_range_are_refused_in_words(change: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        settings.DEFAULTS.changed(**change)
    assert settings.TABLE[next(iter(change))].title in caught.value.message


def test_one_wrong_value_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"top_k": -5, "theme": "light", "of_a_later_version": 1}')
    loaded = settings.load(file)
    assert (loaded["top_k"], loaded["theme"]) == (40, "light")
    assert len(loaded.complaints) == 1


@given(st.binary(max_size=200))
def test_no_file_keeps_the_app_from_starting(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("settings") / "settings.json"
    file.write_bytes(content)
    assert settings.load(file).values.keys() == settings.TABLE.keys()


def test_every_default_is_in_its_own_range() -> None:
    for setting in settings.TABLE.values():
        assert setting.checked(setting.default) == setting.default
        assert setting.title and setting.help
