"""An answer's form for llama.cpp: a schema becomes a grammar, and a grammar is tried before anything is computed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from typing import Any

from llama_cpp import llama_cpp as binding
from llama_cpp.llama_grammar import json_schema_to_gbnf

from engine.errors import InvalidForm
from engine.runtime.backends.llama import native
from engine.runtime.forms import place_of, schema_of
from engine.runtime.options import Sampling

ROOT = b"root"

# llama.cpp 0c1e57098, src/llama-grammar.cpp, llama_grammar_parser::parse: the reason, then the whole source.
_SAID = re.compile(r"error parsing grammar: (?P<reason>.*)", re.DOTALL)
_AT = " at "
_RULE = re.compile(r"rule identifier '(?P<name>[^']+)'")
_CUT_OFF = "unexpected end of input"
_REASON_LETTERS = 200


def grammar_of(sampling: Sampling, vocabulary: Any) -> str:
    """Return the grammar that an answer is held to, "" for none. Raises :class:`InvalidForm`."""
    if sampling.json_schema:
        return _from_schema(sampling.json_schema, vocabulary)
    if sampling.grammar:
        binding.llama_sampler_free(parsed(sampling.grammar, vocabulary))
    return sampling.grammar


def parsed(grammar: str, vocabulary: Any) -> Any:
    """Return llama.cpp's sampler of a grammar, which is to be freed. Raises :class:`InvalidForm`."""
    lines_before = len(native.start().lines)
    sampler, said = _with_stderr(
        lambda: binding.llama_sampler_init_grammar(vocabulary, grammar.encode("utf-8", "replace"), ROOT)
    )
    if not sampler:
        raise _wrong(grammar, said, native.start().lines[lines_before:])
    return sampler


def _from_schema(text: str, vocabulary: Any) -> str:
    schema_of(text)
    try:
        grammar = json_schema_to_gbnf(text)
        binding.llama_sampler_free(parsed(grammar, vocabulary))
    except Exception as error:  # foreign code, on a schema that may say anything
        reason = error.details["reason"] if isinstance(error, InvalidForm) else str(error) or type(error).__name__
        raise InvalidForm("JSON schema", f"it cannot become a grammar ({reason[:_REASON_LETTERS]})") from error
    return grammar


def _wrong(grammar: str, said: str, logged: Any) -> InvalidForm:
    found = _SAID.search(said)
    if found is None:
        reason = next((line for line in logged if "grammar" in line), "llama.cpp does not accept it")
        return InvalidForm("grammar", reason.strip()[:_REASON_LETTERS])
    told = found["reason"].partition(f"\n\n{grammar}\n")[0]
    reason, at, rest = told.partition(_AT)
    if at and grammar.endswith(rest):
        return InvalidForm("grammar", reason, *place_of(grammar, len(grammar) - len(rest)))
    if (rule := _RULE.search(told)) and (where := re.search(rf"(?<![\w-]){re.escape(rule['name'])}(?![\w-])", grammar)):
        return InvalidForm("grammar", f"there is no rule “{rule['name']}”", *place_of(grammar, where.start()))
    place = place_of(grammar, len(grammar)) if told == _CUT_OFF else ()
    return InvalidForm("grammar", told[:_REASON_LETTERS], *place)


def _with_stderr(call: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a native function returns, and what it writes on the process's standard error."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            value = call()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return value, file.read().decode("utf-8", "replace")
