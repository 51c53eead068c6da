"""Where a value of the sampling comes from, and what of a file's values is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.generation import NOTHING, STARTER_NAME, Recommended, read_recommended
from engine.chat.presets import BUNDLED, LastChosen, presets
from engine.chat.steering import NUMBERS, STOPS_LIMIT, Choice, Steering, sound
from engine.errors import InvalidForm, NotFound, Refused
from engine.runtime.options import Sampling
from engine.settings import DEFAULTS, TABLE
from tests.helpers.gguf_files import write_gguf

MODEL = Recommended({"temperature": 0.6, "top_p": 0.9}, "generation_config.json")


def test_a_value_comes_from_the_first_that_has_one() -> None:
    settings = DEFAULTS.changed(top_p=0.5)
    steering = Steering(Choice().with_value("top_k", 7), MODEL, settings)
    sampling = steering.sampling()
    assert (sampling.top_k, sampling.top_p, sampling.temperature, sampling.min_p) == (7, 0.5, 0.6, 0.05)
    assert steering.inherited("top_k") == (40, "halfbyte")
    assert steering.inherited("top_p") == (0.5, "settings")
    assert steering.inherited("temperature") == (0.6, "model")


def test_nothing_chosen_is_the_default() -> None:
    assert Steering().sampling() == Sampling()
    assert Steering().when_full == "stop"


def test_a_choice_is_taken_back() -> None:
    choice = Choice().with_value("temperature", 1.5).with_value("stop", ["END", "END", ""])
    assert choice.sampling == {"temperature": 1.5, "stop": ["END"]}
    assert choice.with_value("temperature", None).with_value("stop", None) == Choice()
    assert Steering(choice).sampling().stop == ("END",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 3.0),
        ("top_k", "7"),
        ("stop", "END"),
        ("stop", [1]),
        ("colour", 1),
        ("logprobs", 21),
        ("logprobs", True),
        ("grammar", 3),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(Refused):
        Choice().with_value(name, value)


def test_too_many_stop_strings_are_refused() -> None:
    with pytest.raises(Refused, match="are the most"):
        Choice().with_value("stop", [str(number) for number in range(STOPS_LIMIT + 1)])


def test_a_choice_survives_the_store() -> None:
    choice = Choice({"temperature": 0.3, "stop": ["a"]}, "drop_oldest")
    assert Choice.of(json.loads(json.dumps(choice.record()))) == choice
    assert Choice.of({}) == Choice()
    larger = Choice({}, "", 8192)
    assert Choice.of(larger.record()) == larger
    for senseless in ("8192", True, -1, 1, 1 << 40, 8192.0, None):
        assert Choice.of({"context_tokens": senseless}) == Choice()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_nonsense_of_a_file_never_reaches_an_answer(value: object) -> None:
    kept = sound(dict.fromkeys((*NUMBERS, "stop", "json_schema", "grammar", "logprobs", "other"), value))
    Steering(Choice(kept)).sampling()
    assert all(TABLE[name].checked(kept[name]) == kept[name] for name in kept.keys() & set(NUMBERS))
    assert Choice.of({"sampling": value, "when_full": value}).when_full == ""


def folder_with(folder: Path, **config: object) -> Path:
    (folder / "generation_config.json").write_text(json.dumps(config))
    return folder


def test_a_folder_says_what_its_makers_recommend(tmp_path: Path) -> None:
    folder_with(tmp_path, do_sample=True, temperature=0.6, top_p=0.95, top_k=20, repetition_penalty=1.05)
    found = read_recommended(tmp_path)
    assert found.values == {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "repeat_penalty": 1.05}
    assert found.source == "generation_config.json"


def test_a_folder_that_samples_greedily_has_temperature_0(tmp_path: Path) -> None:
    assert read_recommended(folder_with(tmp_path, do_sample=False, top_p=1.0)).values["temperature"] == 0.0


@pytest.mark.parametrize("config", [{}, {"eos_token_id": 2}, {"temperature": "hot", "top_k": -3, "top_p": True}])
def test_what_says_nothing_sensible_recommends_nothing(tmp_path: Path, config: dict[str, object]) -> None:
    assert read_recommended(folder_with(tmp_path, **config)) == NOTHING


def test_a_damaged_or_absent_file_recommends_nothing(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text("[")
    (tmp_path / "model.gguf").write_bytes(b"GGUF\x03")
    assert read_recommended(tmp_path) == NOTHING
    assert read_recommended(tmp_path / "model.gguf") == NOTHING
    assert read_recommended(tmp_path / "nowhere.gguf") == NOTHING


def test_a_gguf_file_says_it_in_its_metadata(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", values={"general.sampling.temp": 0.6, "general.sampling.top_k": 20})
    found = read_recommended(path)
    assert found.values == {"temperature": 0.6, "top_k": 20}
    assert found.source == "general.sampling"


def test_the_starter_model_is_known_by_its_name_and_has_a_prompt_and_an_end(tmp_path: Path) -> None:
    starter = read_recommended(write_gguf(tmp_path / "m.gguf", values={"general.name": STARTER_NAME}))
    steering = Steering(recommended=starter)
    assert steering.system_prompt.startswith("You are a helpful")
    assert (steering.sampling().temperature, steering.sampling().max_tokens) == (0.0, 512)
    assert steering.inherited("max_tokens") == (512, "model")
    assert sound(starter.values) == starter.values


def test_a_system_prompt_comes_from_the_first_that_has_one() -> None:
    model = Recommended(system_prompt="Model.")
    settings = DEFAULTS.changed(system_prompt="Settings.")
    assert Steering(recommended=model).system_prompt == "Model."
    assert Steering(recommended=model, settings=settings).system_prompt == "Settings."
    assert Steering(recommended=model, settings=settings, instructed="").system_prompt == ""


def test_presets_are_kept_beside_the_bundled_ones(tmp_path: Path) -> None:
    kept = presets(tmp_path / "presets.json")
    kept.put("  My   own ", {"temperature": 0.4})
    again = presets(tmp_path / "presets.json")
    assert list(again.all()) == [*BUNDLED, "My own"]
    assert again.named("my OWN") == {"temperature": 0.4}
    again.delete("My own")
    assert list(kept.all()) == list(BUNDLED)
    with pytest.raises(NotFound, match="My own"):
        kept.named("My own")


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "precise"])
def test_some_names_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused):
        presets(tmp_path / "presets.json").put(name, {})


def test_every_bundled_preset_is_sound() -> None:
    for values in BUNDLED.values():
        assert sound(values) == values


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be written"):
        presets(tmp_path / "file" / "presets.json").put("Mine", {})


def test_each_model_has_what_was_last_chosen_with_it(tmp_path: Path) -> None:
    chosen = LastChosen(tmp_path / "chosen.json")
    chosen.note("publisher/" + "very-long-name" * 10, {"temperature": 0.1, "nonsense": 3})
    assert chosen.of("publisher/" + "very-long-name" * 10) == {"temperature": 0.1}
    assert chosen.of("another") == {}


def test_a_form_is_checked_as_far_as_that_needs_no_model() -> None:
    with pytest.raises(InvalidForm, match="line 1, column 2"):
        Choice().with_value("json_schema", "{nonsense}")
    choice = Choice().with_value("json_schema", '{"type": "object"}').with_value("logprobs", 3)
    assert Steering(choice).sampling() == Sampling(json_schema='{"type": "object"}', logprobs=3)
    assert sound({"json_schema": "{nonsense}", "grammar": "root ::= word"}) == {"grammar": "root ::= word"}
