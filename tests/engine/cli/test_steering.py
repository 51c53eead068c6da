"""The options that steer an answer reach the model; what is wrong with them is said before one is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import settings
from engine.chat.presets import presets
from engine.chat.prompts import prompts
from engine.cli import main
from engine.settings import DEFAULTS
from tests.helpers.scripts import recorded, script


def test_options_come_before_a_preset_and_a_preset_before_the_settings(tmp_path: Path) -> None:
    presets().put("Mine", {"temperature": 0.3, "top_k": 5})
    model = script(tmp_path, chunks=["Yes"])
    asked = ["chat", str(model.path), "Well?", "--preset", "mine", "--top-k", "9", "--stop", "END", "--stop", "\n"]
    assert main(asked) == 0
    sampling = recorded(model)[0]["sampling"]
    assert (sampling["temperature"], sampling["top_k"], sampling["stop"]) == (0.3, 9, ["END", "\n"])
    assert sampling["top_p"] == 0.95


def test_an_unknown_preset_tells_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", str(script(tmp_path).path), "Well?", "--preset", "wild"]) == 1
    assert "Precise, Balanced" in capsys.readouterr().err


def test_a_value_out_of_range_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert main(["chat", str(script(tmp_path).path), "Well?", "--min-p", "2"]) == 2


def test_a_saved_system_prompt_is_chosen_by_name(tmp_path: Path) -> None:
    prompts().put("Pirate", "Speak like a pirate.")
    model = script(tmp_path, chunks=["Arr"])
    assert main(["chat", str(model.path), "Well?", "--saved-prompt", "pirate"]) == 0
    assert recorded(model)[0]["messages"][0] == {"role": "system", "content": "Speak like a pirate."}


def test_an_empty_system_prompt_is_told_nothing_though_the_settings_have_one(tmp_path: Path) -> None:
    settings.save(DEFAULTS.changed(system_prompt="Be brief."))
    model = script(tmp_path, chunks=["Yes"])
    assert main(["chat", str(model.path), "Well?"]) == 0
    assert main(["chat", str(model.path), "Well?", "--system", ""]) == 0
    assert [request["messages"][0]["role"] for request in recorded(model)] == ["system", "user"]


def test_a_form_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    model = script(tmp_path, chunks=["{}"])
    assert main(["chat", str(model.path), "Well?", "--json-schema", str(tmp_path / "schema.json")]) == 0
    assert recorded(model)[0]["sampling"]["json_schema"] == '{"type": "object"}'


def test_a_wrong_schema_tells_its_place_before_a_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schema.json").write_text('{"type":\n object}')
    model = script(tmp_path, load_fail="error")
    assert main(["chat", str(model.path), "Well?", "--json-schema", str(tmp_path / "schema.json")]) == 1
    assert "line 2, column 2" in capsys.readouterr().err


def test_two_forms_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "form").write_text("{}")
    both = ["--json-schema", str(tmp_path / "form"), "--grammar", str(tmp_path / "form")]
    assert main(["chat", str(script(tmp_path).path), "Well?", *both]) == 1
    assert "not both" in capsys.readouterr().err


def test_the_odds_of_each_token_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odds = [[["Par", -0.1, [["Par", -0.1], ["Lon", -2.5]]]]]
    model = script(tmp_path, chunks=["Paris"], odds=odds)
    assert main(["chat", str(model.path), "Well?", "--logprobs", "2"]) == 0
    assert '90.5%  "Par"' in capsys.readouterr().err
    assert main(["chat", str(model.path), "Well?", "--logprobs", "2", "--json"]) == 0
    assert '"odds": [["Par", -0.1, [["Par", -0.1], ["Lon", -2.5]]]]' in capsys.readouterr().out
