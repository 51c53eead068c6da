"""The commands for models elsewhere: servers, and the hand-over to vLLM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from engine import cli
from tests.helpers.app_layouts import tiny_gguf
from tests.helpers.chat_server import NAME, Script, serving, words
from tests.helpers.tiny_models import write_tiny_model


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.catalog.servers.keys.system_store", lambda: None)


@pytest.fixture
def script() -> Iterator[Script]:
    with serving(Script(events=words("Hel", "lo"))) as served:
        yield served


def test_a_server_is_added_listed_asked_and_removed(script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["servers", "add", script.url, "--name", "box"]) == 0
    out, err = capfd.readouterr()
    assert out.strip() == f"server:box/{NAME}"
    assert "stays here" in err
    assert cli.main(["servers", "list", "--models", "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert (row["name"], row["leaves_machine"], row["models"][0]["name"]) == ("box", False, NAME)
    assert cli.main(["chat", "server:box", "Hi"]) == 0
    assert capfd.readouterr().out.strip() == "Hello"
    assert cli.main(["servers", "remove", "box"]) == 0
    assert cli.main(["chat", f"server:box/{NAME}", "Hi"]) == cli.EXIT_WORLD


def test_a_key_without_a_keyring_goes_into_no_file(
    script: Script, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script.key = "sk-secret-key"
    assert cli.main(["servers", "add", script.url, "--name", "box", "--key", "sk-secret-key"]) == cli.EXIT_WORLD
    said = capfd.readouterr().err
    assert "HALFBYTE_SERVER_KEY_BOX" in said
    assert "sk-secret-key" not in said
    assert not any("sk-secret-key" in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_a_server_that_is_down_is_listed_with_its_problem(script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["servers", "add", script.url, "--name", "box"]) == 0
    script.models = b"<html>"
    capfd.readouterr()
    assert cli.main(["servers", "list", "--models"]) == 0
    assert "OpenAI" in capfd.readouterr().out


def test_a_server_that_does_not_answer_is_kept_and_this_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["servers", "add", "http://127.0.0.1:9", "--name", "box"]) == cli.EXIT_WORLD
    said = capfd.readouterr().err
    assert "box is kept all the same" in said and "nothing listens" in said
    assert cli.main(["servers", "list"]) == 0
    assert "box" in capfd.readouterr().out


def test_an_answer_tells_no_more_than_its_server(script: Script, capfd: pytest.CaptureFixture[str]) -> None:
    usage = {"prompt_tokens": 31, "completion_tokens": 1}
    assert cli.main(["servers", "add", script.url, "--name", "box"]) == 0
    for details, told in ({}, "31 prompt tokens,"), ({"cached_tokens": 16}, "16 of 31 prompt tokens reused,"):
        script.events = words("Hm", usage={**usage, "prompt_tokens_details": details})
        capfd.readouterr()
        assert cli.main(["chat", "server:box", "Hi"]) == 0
        said = capfd.readouterr().err
        assert "1 token, first after" in said and told in said


def test_what_vllm_turns_away_is_told_of_the_format(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_tiny_model("llama", tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    ordered = {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": True, "sym": True}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": ordered}), "utf-8")
    assert cli.main(["serve", str(folder), *CARD]) == cli.EXIT_WORLD
    said = capfd.readouterr().err
    assert "no longer loads weights whose columns are reordered" in said and "architecture" not in said


def test_a_gguf_file_is_led_to_llama_cpps_server_whatever_cards_there_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(tiny_gguf())
    for card in ([], CARD):
        assert cli.main(["serve", str(tmp_path / "tiny.gguf"), *card]) == cli.EXIT_WORLD
        said = capfd.readouterr().err
        assert "does not read GGUF" in said and "--print llama-server" in said and "NVIDIA card" not in said


CARD = ["--gpu-memory", "24", "--gpu-bandwidth", "1000"]


def test_a_folder_is_handed_over_in_each_form(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = str(write_tiny_model("llama", tmp_path / "tiny"))
    assert cli.main(["serve", folder, *CARD]) == 0
    assert f"vllm serve {folder}" in capfd.readouterr().out
    assert cli.main(["serve", folder, *CARD, "--print", "compose"]) == 0
    assert yaml.safe_load(capfd.readouterr().out)["services"]["vllm"]["command"][0] == "/model"
    assert cli.main(["serve", folder, *CARD, "--nodes", "2", "--print", "kubernetes"]) == cli.EXIT_WORLD


def test_prompts_become_a_batch_job(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("One?\nTwo?\n")
    assert cli.main(["serve", str(write_tiny_model("llama", tmp_path / "tiny")), *CARD, "--batch", str(prompts)]) == 0
    assert "vllm run-batch" in capfd.readouterr().out
    assert len((tmp_path / "prompts.batch.jsonl").read_text().splitlines()) == 2
