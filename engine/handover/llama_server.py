"""The way out for GGUF, which vLLM does not read: llama.cpp's own server, for a few people at a time.

Source: llama.cpp 0c1e57098, common/arg.cpp.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from engine.formats import ModelFacts
from engine.quantities import size
from engine.recommend.context import Context
from engine.recommend.kv_cache import kv_cache_bytes

PORT = 8080
KEY_VARIABLE = "LLAMA_API_KEY"
USUAL_CONTEXT = 8192


def llama_arguments(facts: ModelFacts, path: Path, served_as: str, users: int, context_tokens: int | None) -> list[str]:
    """Return what follows ``llama-server``: its context is shared out evenly among the users."""
    each = context_of(facts, context_tokens)
    arguments = ["--model", str(path), "--alias", served_as.replace(",", "-"), "--host", "0.0.0.0", "--port", str(PORT)]
    return [*arguments, "--parallel", str(users), "--ctx-size", str(each * users)]


def llama_command(facts: ModelFacts, path: Path, served_as: str, users: int, context_tokens: int | None) -> str:
    """Return a script for a shell."""
    each = context_of(facts, context_tokens)
    cache = kv_cache_bytes(facts, Context(each * users, "f16", whole_windows=True))
    arguments = llama_arguments(facts, path, served_as, users, context_tokens)
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    lines = [
        f"# llama.cpp's server; {users} at once with {each:,} tokens each: {size(cache)} of cache in all.",
        f'export {KEY_VARIABLE}="${{{KEY_VARIABLE}:?Choose a key that clients must send}}"',
        " \\\n".join(["llama-server", *(f"  {name} {shlex.quote(value)}" for name, value in pairs)]),
    ]
    return "\n".join(lines) + "\n"


def context_of(facts: ModelFacts, context_tokens: int | None) -> int:
    """Return the context of one conversation: what was asked for, up to what the model was made for."""
    return min(context_tokens or USUAL_CONTEXT, facts.trained_context)
