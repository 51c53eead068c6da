"""What a person chooses from: known cards, forms, the server for GGUF, and a batch that is written whole or not."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from engine.errors import Refused
from engine.handover.batch import write_batch
from engine.handover.cards import CARDS, card_of
from engine.handover.deployment import Deployment, plan
from engine.handover.forms import FORMS
from engine.handover.llama_server import llama_arguments, llama_command
from tests.helpers.models import facts_of


def way(gpus: int = 1, nodes: int = 1) -> Deployment:
    site = CARDS[2].site(gpus, nodes)
    return plan(facts_of("Llama-3-8B"), site, model="/models/it", served_as="it", users=8)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_known_card_is_named_after_its_memory_and_can_be_planned_for(card) -> None:
    assert f"{card.memory_bytes / 1e9:g} GB" in card.name
    planned = plan(facts_of("Qwen2.5-0.5B"), card.site(1, 1), model="/m", served_as="m", users=1)
    assert planned.speed is not None
    assert planned.dtype == ("auto" if card.capability >= 8 else "float16")


def test_a_card_is_described_by_its_numbers() -> None:
    assert (card_of(24, None).memory_bytes, card_of(24, None).bandwidth_bytes_s) == (24 * 10**9, None)
    assert card_of(24, 1000).bandwidth_bytes_s == 1e12


def test_each_form_is_written_or_says_why_not() -> None:
    for form in FORMS:
        assert form.why_not(1) == ""
        assert "vLLM" in form.write(way())
        if form.why_not(2):
            with pytest.raises(Refused):
                form.write(way(nodes=2))
        else:
            assert "ray" in form.write(way(nodes=2))


def test_llama_servers_context_is_shared_out() -> None:
    facts = facts_of("Llama-3-8B")
    arguments = llama_arguments(facts, Path("/m/a b.gguf"), "a,b", 4, 2048)
    assert arguments[arguments.index("--ctx-size") + 1] == "8192"
    assert arguments[arguments.index("--alias") + 1] == "a-b"  # a comma would make two names
    text = llama_command(facts, Path("/m/a b.gguf"), "a,b", 4, 2048)
    assert "1.1 GB of cache" in text  # 131,072 bytes a token, see test_a_known_case_by_hand
    command = text.partition("llama-server")[2].replace("\\\n", " ")
    assert shlex.split(command) == arguments


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("﻿One?\nTwo?\n", "utf-8")
    batch = write_batch(way(), prompts, 64)
    assert batch.count == 2
    assert '"One?"' in batch.asked.read_text("utf-8")
    prompts.write_text('One?\n{"x": 1}\n', "utf-8")
    before = batch.asked.read_bytes()
    with pytest.raises(Refused, match="Line 2"):
        write_batch(way(), prompts, 64)
    assert batch.asked.read_bytes() == before


@pytest.mark.parametrize(("content", "said"), [(b"", "no prompts"), (b"\xff\xfe\x00", "UTF-8")])
def test_what_is_no_file_of_prompts_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_bytes(content)
    with pytest.raises(Refused, match=said):
        write_batch(way(), prompts, 64)
    assert not (tmp_path / "prompts.batch.jsonl").exists()
