"""The parsers that part thinking and calls of tools from an answer: by published chat templates, and vLLM's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.handover.batch import batch_arguments
from engine.handover.commands import command, serve_arguments
from engine.handover.deployment import Deployment
from engine.handover.files import ray
from engine.handover.parsers import REASONING, TOOLS, Parsers, parsers_for
from tests.engine.handover.test_handover import RECORDED, planned
from tests.engine.handover.test_handover import vllm as vllm  # a fixture

TEMPLATES = Path(__file__).parents[2] / "cases" / "templates"
# What each published template is served with; “” is what vLLM has no parser of its own for, or what does not think.
EXPECTED = {
    ("deepseek-r1-distill", "llama"): ("deepseek_r1", ""),
    ("gemma-2", "gemma2"): ("", ""),
    ("gemma-4", "gemma4"): ("gemma4", "gemma4"),
    ("glm-4.6", "glm4moe"): ("glm45", "glm45"),
    ("gpt-oss", "gpt-oss"): ("openai_gptoss", "openai"),
    ("granite-3.3", "granite"): ("", "granite"),
    ("lfm2", "lfm2"): ("", ""),
    ("llama-3.2", "llama"): ("", "llama3_json"),
    ("ministral-3-reasoning", "mistral3"): ("mistral", "mistral"),
    ("mistral-nemo", "llama"): ("", "mistral"),
    ("phi-3.5", "phi3"): ("", ""),
    ("qwen2.5", "qwen2"): ("", "hermes"),
    ("qwen3", "qwen3"): ("qwen3", "hermes"),
    ("qwq", "qwen2"): ("deepseek_r1", "hermes"),
    ("seed-oss", "seed_oss"): ("seed_oss", "seed_oss"),
    ("smollm2", "llama"): ("", ""),
    ("smollm3", "smollm3"): ("", ""),
}
SPECIAL = ("<think>", "</think>", "<seed:think>", "</seed:think>", "[THINK]", "[/THINK]", "[TOOL_CALLS]")


def folder_of(folder: Path, template: str, special: tuple[str, ...] = SPECIAL) -> Path:
    """Write what of a model's folder tells of its form: template and added tokens."""
    folder.mkdir(exist_ok=True)
    shutil.copy(TEMPLATES / f"{template}.jinja", folder / "chat_template.jinja")
    added = [{"id": number, "content": text, "special": True} for number, text in enumerate(special)]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    return folder


def way_of(folder: Path, template: str, name: str = "Qwen3-30B-A3B") -> Deployment:
    return planned(name, model=str(folder_of(folder, template)))


def test_every_recorded_template_has_its_row() -> None:
    assert {name for name, _ in EXPECTED} == {file.stem for file in TEMPLATES.glob("*.jinja")}


@pytest.mark.parametrize(("template", "architecture"), EXPECTED, ids=lambda value: value)
def test_a_template_has_the_parsers_of_its_format(tmp_path: Path, template: str, architecture: str) -> None:
    found = parsers_for(architecture, folder_of(tmp_path, template))
    assert (found.reasoning, found.tools) == EXPECTED[template, architecture]


def test_every_parser_is_one_of_vllms() -> None:
    assert {row.parser for row in REASONING} <= set(RECORDED["reasoning_parsers"])
    assert {row.parser for row in TOOLS} <= set(RECORDED["tool_parsers"])


def test_marks_that_the_vocabulary_lacks_get_no_parser(tmp_path: Path) -> None:
    """vLLM's server ends with “could not locate think start/end tokens in the tokenizer”."""
    assert parsers_for("qwen3", folder_of(tmp_path, "qwen3", ())).reasoning == ""
    added = {"added_tokens_decoder": {"5": {"content": "<think>"}, "6": {"content": "</think>"}}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(added))
    assert parsers_for("qwen3", tmp_path).reasoning == "qwen3"


def test_another_family_with_the_same_tags_gets_none(tmp_path: Path) -> None:
    assert parsers_for("lfm2", folder_of(tmp_path, "qwen3")) == Parsers()


def test_a_model_that_is_not_here_or_is_damaged_gets_none(tmp_path: Path) -> None:
    assert parsers_for("qwen3", tmp_path / "nowhere") == Parsers()
    (tmp_path / "tokenizer_config.json").write_text("{")
    assert parsers_for("qwen3", tmp_path) == Parsers()


def test_what_is_written_carries_them(tmp_path: Path) -> None:
    way = way_of(tmp_path, "qwen3")
    arguments = " ".join(serve_arguments(way))
    assert "--reasoning-parser qwen3" in arguments
    assert "--enable-auto-tool-choice --tool-call-parser hermes" in arguments
    assert "as “reasoning” (read as qwen3)" in command(way)
    batch = batch_arguments(way, "in", "out")
    assert "--reasoning-parser" in batch and "--tool-call-parser" not in batch
    placed = yaml.safe_load(ray(way))["applications"][0]["args"]["llm_configs"][0]["engine_kwargs"]
    assert (placed["reasoning_parser"], placed["tool_call_parser"]) == ("qwen3", "hermes")
    assert placed["enable_auto_tool_choice"] is True


def test_nothing_is_said_of_a_model_without(tmp_path: Path) -> None:
    text = command(way_of(tmp_path, "smollm2"))
    assert "parser" not in text and "hinking" not in text and "tool" not in text


# vLLM itself


@pytest.mark.filterwarnings("default")
def test_the_parsers_are_those_of_the_vllm_that_is_installed(vllm: Any) -> None:
    from vllm.reasoning import ReasoningParserManager  # pyright: ignore[reportMissingImports]
    from vllm.tool_parsers import ToolParserManager  # pyright: ignore[reportMissingImports]

    assert set(ReasoningParserManager.list_registered()) == set(RECORDED["reasoning_parsers"])
    assert set(ToolParserManager.list_registered()) == set(RECORDED["tool_parsers"])


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("template", ["qwen3", "gpt-oss", "smollm2"])
def test_vllms_own_parser_and_checks_take_them(tmp_path: Path, template: str, vllm: Any) -> None:
    from vllm.entrypoints.common.cli_args import (  # pyright: ignore[reportMissingImports]
        make_arg_parser,
        validate_api_server_args,
    )
    from vllm.utils.argparse_utils import FlexibleArgumentParser  # pyright: ignore[reportMissingImports]

    name = {"gpt-oss": "gpt-oss-20b"}.get(template, "Qwen3-30B-A3B")
    parsed = make_arg_parser(FlexibleArgumentParser()).parse_args(serve_arguments(way_of(tmp_path, template, name)))
    parsed.structured_outputs_config.reasoning_parser = parsed.reasoning_parser
    validate_api_server_args(parsed)
    assert bool(parsed.reasoning_parser) is (template != "smollm2")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("parser", "answer"),
    [
        ("qwen3", "<think>\nTwo and two.\n</think>\n\nFour."),
        ("qwen3", "<think>\n\n</think>\n\nFour."),  # told not to think
        ("deepseek_r1", "Two and two.\n</think>\n\nFour."),  # its prompt opened the thinking
        ("glm45", "<think>Two and two.</think>\nFour."),
        ("seed_oss", "<seed:think>Two and two.</seed:think>Four."),
    ],
)
def test_vllms_parser_parts_what_such_a_model_writes(parser: str, answer: str, vllm: Any) -> None:
    """The marks are single tokens, as in the published vocabularies; it is told token by token."""
    from vllm.reasoning import ReasoningParserManager  # pyright: ignore[reportMissingImports]

    tokenizer = small_tokenizer()
    made = ReasoningParserManager.get_reasoning_parser(parser)(tokenizer)
    read: list[int] = []
    reasoning = content = shown = ""
    for token in tokenizer.encode(answer):
        more = tokenizer.decode([*read, token])
        part = made.extract_reasoning_streaming(shown, more, more[len(shown) :], read, [*read, token], [token])
        reasoning, content = reasoning + ((part and part.reasoning) or ""), content + ((part and part.content) or "")
        read, shown = [*read, token], more
    assert reasoning.strip() == ("Two and two." if "Two" in answer else "")
    assert content.strip() == "Four."


def small_tokenizer() -> Any:
    """Return a tokenizer of bytes with the marks as tokens of their own."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from tokenizers import decoders as decoding
    from transformers import PreTrainedTokenizerFast  # pyright: ignore[reportMissingImports]

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoding.ByteLevel()
    marks = ["<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<|system|>", "<|user|>", "<|assistant|>"]
    marks += ["<|observation|>", "<seed:tool_call>", "</seed:tool_call>", "<arg_key>", "</arg_key>", "<arg_value>"]
    tokenizer.add_special_tokens([*SPECIAL, *marks, "</arg_value>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)
