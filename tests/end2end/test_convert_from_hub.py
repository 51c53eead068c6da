"""A repository becomes a GGUF file in one job, against a local server that speaks the Hub's protocol."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.catalog.download.plan import plan_download
from engine.catalog.find import ReadingFacts, looking_up
from engine.catalog.hub.client import Hub as Client
from engine.catalog.library import Library
from engine.convert.from_hub import FromHub, plans_from_hub
from engine.events import Finished
from tests.helpers.hub_server import serving
from tests.helpers.program import program
from tests.helpers.quantized_folders import write_quantized
from tests.helpers.safetensors_folder import write_json
from tests.helpers.tiny_models import write_tiny_model

NAME = "someone/tiny"


def test_fetched_and_converted_in_one_job(tmp_path: Path) -> None:
    folder = write_tiny_model("llama", tmp_path / "source")
    with serving() as server:
        server.publish(NAME, {file.name: file for file in folder.iterdir()})
        hub, library = Client(server.url), Library(tmp_path / "library")
        found = _result(looking_up(hub, NAME))
        reading = ReadingFacts(hub, found)
        (variant,) = _result(reading).all
        fetched = plan_download(found.model, variant.files, endpoint=hub.endpoint)
        (planned,) = plans_from_hub(found.model, variant, reading.headers, ["gguf-f16"], library)
        assert planned.problems == ()
        assert planned.target == library.folder / "someone" / "tiny-GGUF" / "tiny-F16.gguf"
        (made,) = _result(FromHub(fetched, ["gguf-f16"], hub, library))
        assert made.path.suffix == ".gguf"
        fetched_bytes = server.body_bytes()
        assert _result(FromHub(fetched, ["gguf-f16"], hub, library)) == (made,)
        assert server.body_bytes() == fetched_bytes, "nothing is fetched twice"


def test_on_the_command_line_by_its_name(tmp_path: Path, home: Path) -> None:
    folder = write_tiny_model("llama-hf", tmp_path / "source")
    with serving() as server:
        server.publish(NAME, {file.name: file for file in folder.iterdir()})
        first = _halfbyte(server.url, home, NAME, "-f", "q8_0")
        assert first.returncode == 0, first.stderr
        assert "q8_0" in first.stdout.lower()
        fetched_bytes = server.body_bytes()
        again = _halfbyte(server.url, home, NAME, "-f", "q4_0")
        assert again.returncode == 0, again.stderr
        assert server.body_bytes() == fetched_bytes, "the folder is here already"
        refused = _halfbyte(server.url, home, "someone/else", "-f", "q8_0")
        assert refused.returncode == 1
        assert "someone/else" in refused.stderr
    made = home / "data" / "models" / "someone"
    assert len(list(made.rglob("*.gguf"))) == 2
    assert not list(made.rglob("*.part"))


def test_learns_what_matters_of_a_model_that_is_fetched_first(tmp_path: Path, home: Path) -> None:
    folder = write_tiny_model("llama", tmp_path / "source")
    text = tmp_path / "own.txt"
    text.write_text("The quick brown fox jumps over the lazy dog. " * 200, "utf-8")
    with serving() as server:
        server.publish(NAME, {file.name: file for file in folder.iterdir()})
        made = _halfbyte(
            server.url, home, NAME, "-f", "q4_0", "--calibrate-on", str(text), "--keep", "output=Q8_0", "--no-gain"
        )
    assert made.returncode == 0, made.stderr
    (record,) = (home / "data" / "models" / "someone").rglob("*Q4_0*.json")
    told = json.loads(record.read_text("utf-8"))
    assert told["importance"]["datasets"] == ["own.txt"]
    assert told["tensor_types"]["Q8_0"] == 1


def test_the_plan_says_all_reasons_at_once_before_a_weight_is_fetched(tmp_path: Path, home: Path) -> None:
    folder = write_quantized("awq", tmp_path / "source")
    (folder / "tokenizer.json").unlink()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    write_json(folder / "config.json", {**config, "architectures": ["FutureForCausalLM"]})
    files = {file.name: file for file in folder.iterdir()}
    with serving() as server:
        server.publish(NAME, files)
        told = {"architectures": ["FutureForCausalLM"], "quantization_config": {"quant_method": "awq"}}
        server.publish("someone/closed", files, gated="manual", config=told)
        planned = _halfbyte(server.url, home, NAME, "--plan")
        assert planned.returncode == 1
        for words in ("FutureForCausalLM", "tokenizer.json or tokenizer.model", "already quantized (AWQ)", "about"):
            assert words in planned.stdout
        refused = _halfbyte(server.url, home, NAME)
        assert refused.returncode == 1
        assert refused.stderr.count("•") == 3
        closed = _halfbyte(server.url, home, "someone/closed", "--plan", "--json")
        kinds = [problem["kind"] for problem in json.loads(closed.stdout)["problems"]]
        assert kinds == ["AccessNeeded", "UnsupportedModel", "NotFound", "Refused"]
        assert server.body_bytes() < 500_000, "no weights"


def test_a_tokenizer_that_the_converter_does_not_know_is_told_before_a_weight_is_fetched(
    tmp_path: Path, home: Path
) -> None:
    folder = write_tiny_model("llama", tmp_path / "source")
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    write_json(folder / "tokenizer.json", {**tokenizer, "pre_tokenizer": {"type": "Whitespace"}})
    with serving() as server:
        server.publish(NAME, {file.name: file for file in folder.iterdir()})
        for arguments in ((NAME, "--plan"), (NAME,), (str(folder), "--plan")):
            refused = _halfbyte(server.url, home, *arguments)
            assert refused.returncode == 1
            assert (
                "splits text in a way that this version of llama.cpp does not know" in refused.stdout + refused.stderr
            )
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        assert server.body_bytes() < weights, "no weights"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_while_it_is_fetched_makes_nothing(tmp_path: Path, home: Path) -> None:
    folder = write_tiny_model("llama", tmp_path / "source")  # 6 MB
    with serving(connection_bytes_s=200_000) as server:
        server.publish(NAME, {file.name: file for file in folder.iterdir()})
        command, environment = _command(server.url, home, NAME, "-f", "q8_0", "--json")
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert any('"bytes"' in line for line in process.stdout), "its progress is told"
            process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "Traceback" not in words
    assert not list((home / "data" / "models" / "someone").rglob("*.gguf"))


def _halfbyte(endpoint: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, environment = _command(endpoint, home, *arguments)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def _command(endpoint: str, home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "HALFBYTE_HOME": str(home), "HF_ENDPOINT": endpoint, "COLUMNS": "200"}
    return program("convert", *arguments), environment


def _result(job):
    last = list(job)[-1]
    assert isinstance(last, Finished)
    return last.value
