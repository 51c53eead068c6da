"""What is asked of a server: OpenAI's chat completions, in the dialect that it understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import Refused
from engine.runtime.forms import refuse_form, schema_of
from engine.runtime.options import Sampling

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server understands beyond OpenAI's own parameters.

    ``names`` are its words for sampling that OpenAI lacks, by ours. ``thinking`` is the field of a message that has
    the thinking. ``counts``: it tells how many tokens a prompt has. ``progress``: it tells how far the prompt is.
    ``grammar`` is where a grammar goes, key in key.
    """

    title: str
    names: Mapping[str, str]
    thinking: str = ""
    continues: bool = False
    progress: bool = False
    counts: bool = False
    grammar: tuple[str, ...] = ()


# By the “owned_by” of a model's entry. Sources: llama.cpp 0c1e57098, tools/server/server-schema.cpp;
# vLLM 0.33.0, entrypoints/openai/chat_completion/protocol.py.
DIALECTS = {
    "llamacpp": Dialect(
        "llama.cpp's server",
        {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repeat_penalty"},
        "reasoning_content",
        continues=True,
        progress=True,
        grammar=("grammar",),
    ),
    "vllm": Dialect(
        "vLLM",
        {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"},
        "reasoning",
        continues=True,
        counts=True,
        grammar=("structured_outputs", "grammar"),
    ),
}
PLAIN = Dialect("a server of OpenAI's protocol", {})


def dialect_of(owner: str) -> Dialect:
    return DIALECTS.get(owner, PLAIN)


def body_of(
    dialect: Dialect, model: str, messages: Messages, sampling: Sampling, seed: int, *, continue_last: bool
) -> dict[str, Any]:
    """Return the request.

    Raises :class:`Refused` where the server cannot write on an answer that broke off or follow a grammar, and
    :class:`InvalidForm` for a schema that is none.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": told_messages(dialect, messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": seed,
    }
    body |= {theirs: getattr(sampling, ours) for ours, theirs in dialect.names.items()}
    if sampling.max_tokens:
        body["max_tokens"] = sampling.max_tokens
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.logprobs:
        body |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if dialect.progress:
        body["return_progress"] = True
    body |= _form(dialect, sampling)
    if continue_last:
        if not dialect.continues:
            reason = "This server cannot write on where an answer broke off."
            raise Refused(reason, "Ask again in place of continuing.")
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body


def _form(dialect: Dialect, sampling: Sampling) -> dict[str, Any]:
    """Return what holds the answer to its form. Raises :class:`Refused` for a grammar that the server cannot take."""
    if sampling.json_schema:
        schema = {"name": "answer", "schema": schema_of(sampling.json_schema), "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if not sampling.grammar:
        return {}
    if not dialect.grammar:
        refuse_form(sampling, "This server")
    value: Any = sampling.grammar
    for key in reversed(dialect.grammar):
        value = {key: value}
    return value


def told_messages(dialect: Dialect, messages: Messages) -> list[dict[str, Any]]:
    """Return messages as a server is told them."""
    return [_told(message, dialect.thinking) for message in messages]


def _told(message: Mapping[str, Any], thinking: str) -> dict[str, Any]:
    told = {"role": message["role"], "content": message["content"]}
    if thinking and message.get("thinking"):
        told[thinking] = message["thinking"]
    return told
