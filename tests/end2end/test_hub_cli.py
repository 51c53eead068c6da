"""Find, fetch, check and use a model from the command line, against a local server that speaks the Hub's protocol."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.helpers.hub_server import Hub, serving
from tests.helpers.program import program

NAME = "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF"
FILE = "smollm2-135m-instruct-q4_1.gguf"


@pytest.fixture
def hub(starter: Checkpoint) -> Iterator[Hub]:
    with serving() as hub:
        hub.publish(NAME, {FILE: starter.path, "README.md": b"# SmolLM2\n"})
        yield hub


def halfbyte(hub: Hub, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The starter model is not placed: the model that is used must be the one that was fetched.
    environment = {**os.environ, "HALFBYTE_HOME": str(home), "HF_ENDPOINT": hub.url, "COLUMNS": "200"}
    return subprocess.run(
        program(*arguments), env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_search_show_get_verify_chat(hub: Hub, home: Path) -> None:
    found = halfbyte(hub, home, "search", "smollm2")
    assert found.returncode == 0, found.stderr
    assert NAME in found.stdout

    before = hub.body_bytes()
    shown = halfbyte(hub, home, "show", NAME, "--json")
    assert shown.returncode == 0, shown.stderr
    offer = json.loads(shown.stdout)["offers"][0]
    assert offer["fit"]["fits"]
    assert offer["variant"]["facts"]["format_id"] == "gguf-q4_1"
    assert hub.body_bytes() - before < 3_000_000  # headers, not weights

    got = halfbyte(hub, home, "get", NAME)
    assert got.returncode == 0, got.stderr
    file = home / "data" / "models" / NAME / FILE
    assert file.is_file()
    assert not list(file.parent.rglob("*.part"))

    assert halfbyte(hub, home, "verify", FILE).returncode == 0
    answer = halfbyte(hub, home, "chat", FILE, "Hello", "--max-tokens", "5", "--temperature", "0")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()

    with file.open("r+b") as damaged:
        damaged.seek(50_000_000)
        damaged.write(b"\0\1\2\3")
    verified = halfbyte(hub, home, "verify", FILE)
    assert verified.returncode == 1
    assert "damaged" in verified.stderr


def test_an_unknown_model_says_so(hub: Hub, home: Path) -> None:
    shown = halfbyte(hub, home, "show", "nobody/nothing")
    assert shown.returncode == 1
    assert "nobody/nothing" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_an_unknown_variant_names_those_there_are(hub: Hub, home: Path) -> None:
    got = halfbyte(hub, home, "get", NAME, "Q9_X")
    assert got.returncode == 1
    assert "There are" in got.stderr
