"""Which of vLLM's parsers part a model's thinking, and its calls of tools, from its answer.

A row holds where a chat template speaks of all its marks; what is in no row is served without a parser, and none is
guessed: a wrong one loses answers, or stops the server where the vocabulary lacks its marks. Sources: vLLM 0.33.0,
reasoning/__init__.py, tool_parsers/__init__.py and the formats that their files describe; vLLM's pages “Reasoning
Outputs” and “Tool Calling” for the models that each is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.catalog.headers.chat_template import chat_template
from engine.catalog.headers.shards import read_json
from engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class Parsers:
    """The values of ``--reasoning-parser`` and ``--tool-call-parser``; empty for none."""

    reasoning: str = ""
    tools: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A parser with the ``marks`` of its format in a template, and the ``architectures`` that it is for (none: any).

    Its ``tokens`` must be in the vocabulary, where the parser looks for them. Nothing of ``without`` may be in the
    template: that is another format.
    """

    parser: str
    marks: tuple[str, ...]
    architectures: frozenset[str] = frozenset()
    tokens: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def holds(self, architecture: str, template: str, tokens: Callable[[], frozenset[str]]) -> bool:
        known = not self.architectures or architecture in self.architectures
        marked = all(mark in template for mark in self.marks) and not any(mark in template for mark in self.without)
        return known and marked and (not self.tokens or tokens().issuperset(self.tokens))


NO_PARSERS = Parsers()
THINK = ("<think>", "</think>")
QWEN3 = frozenset({"qwen3", "qwen3moe", "qwen3next", "qwen35", "qwen35moe"})
# The prompt opens the thinking, so that the answer begins within it.
OPENED = ("<think>\\n'", "</think>")

REASONING = (
    _Row("openai_gptoss", ("<|channel|>", "analysis"), frozenset({"gpt-oss"})),
    _Row("gemma4", ("<|channel>thought", "<channel|>")),
    _Row("seed_oss", ("<seed:think>", "</seed:think>"), tokens=("<seed:think>", "</seed:think>")),
    _Row("cohere_command3", ("<|START_THINKING|>", "<|START_RESPONSE|>"), frozenset({"cohere2"})),
    _Row("mistral", ("[THINK]", "[/THINK]"), tokens=("[THINK]", "[/THINK]")),
    _Row("granite", ("Here is my thought process:", "Here is my response:")),  # Granite 3.2
    _Row("kimi_k2", ("<|im_middle|>", *THINK), tokens=THINK),
    _Row("glm45", ("<arg_key>", *THINK), frozenset({"glm4moe"}), THINK),
    _Row("qwen3", THINK, QWEN3, THINK),
    _Row("minimax_m2", ("<minimax:tool_call>", *THINK), frozenset({"minimax-m2"}), THINK),
    _Row("hunyuan_a13b", THINK, frozenset({"hunyuan-moe"})),
    _Row("deepseek_v3", ("thinking is defined", "</think>"), frozenset({"deepseek2"}), THINK),
    _Row("deepseek_r1", ("</think>",), frozenset({"deepseek2"}), THINK, without=("<|im_middle|>", "DSML")),
    _Row("deepseek_r1", OPENED, frozenset({"llama", "qwen2"}), THINK),  # distilled from R1, QwQ
)
TOOLS = (
    _Row("openai", ("<|channel|>", "functions."), frozenset({"gpt-oss"})),
    _Row("gemma4", ("<|tool_call>",)),
    _Row("seed_oss", ("<seed:tool_call>", "<function=")),
    _Row("mistral", ("[TOOL_CALLS]", "[AVAILABLE_TOOLS]"), tokens=("[TOOL_CALLS]",)),
    _Row("kimi_k2", ("<|tool_calls_section_begin|>",)),
    _Row("glm45", ("<arg_key>", "<tool_call>"), frozenset({"glm4moe"})),
    _Row("minimax_m2", ("<minimax:tool_call>",), frozenset({"minimax-m2"})),
    _Row("qwen3_coder", ("<tool_call>", "<function=", "<parameter="), QWEN3),
    _Row("hermes", ("<tool_call>", '"name"', '"arguments"'), QWEN3 | {"qwen2", "qwen2moe", "llama"}),
    _Row("granite", ("<|tool_call|>", "tools"), frozenset({"granite", "granitemoe"})),
    _Row("llama3_json", ('"parameters": dictionary of argument name and its value', "ipython"), frozenset({"llama"})),
)


def parsers_for(architecture: str, folder: Path) -> Parsers:
    """Return the parsers for a model's folder; none for one that is not here, or that speaks in a form of its own."""
    tokens = cache(lambda: frozenset(_added_tokens(folder)))
    try:
        template = chat_template(folder)
        return Parsers(*(_first(rows, architecture, template, tokens) for rows in (REASONING, TOOLS)))
    except (EngineError, OSError):
        return NO_PARSERS


def _first(rows: Iterable[_Row], architecture: str, template: str, tokens: Callable[[], frozenset[str]]) -> str:
    return next((row.parser for row in rows if row.holds(architecture, template, tokens)), "")


def _added_tokens(folder: Path) -> Iterator[str]:
    """Yield the texts that are one token each beside the vocabulary proper."""
    if (folder / "tokenizer_config.json").is_file():
        told = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder")
        if isinstance(told, dict):
            yield from _contents(told.values())
            return
    if (folder / "tokenizer.json").is_file():
        yield from _contents(read_json(folder / "tokenizer.json").get("added_tokens") or ())


def _contents(entries: Any) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            yield entry["content"]
