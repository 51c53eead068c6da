"""Evaluation of many prompts at once: a job file for vLLM's own batch runner, in OpenAI's batch format.

Source: vLLM 0.33.0, entrypoints/cli/run_batch.py (``vllm run-batch -i … -o … --model …``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from engine.errors import Refused
from engine.handover.commands import engine_options
from engine.handover.deployment import Deployment


def requests(prompts: Iterable[str], way: Deployment, max_tokens: int, seed: int) -> Iterator[str]:
    """Yield one line for each prompt: a text, or JSON with ``messages``. Empty lines are left out."""
    for number, line in enumerate(prompts, 1):
        if line.strip():
            body = {
                "model": way.served_as,
                "messages": _messages(line.strip(), number),
                "temperature": 0.0,
                "max_completion_tokens": max_tokens,
                "seed": seed,
            }
            asked = {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            yield json.dumps(asked, ensure_ascii=False) + "\n"


def batch_arguments(way: Deployment, asked: str, answers: str) -> list[str]:
    """Return what follows ``vllm run-batch``."""
    arguments = ["-i", asked, "-o", answers, "--model", way.model, "--served-model-name", way.served_as]
    for name, value in engine_options(way).items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def batch_command(way: Deployment, asked: str, answers: str) -> str:
    return f"vllm run-batch {shlex.join(batch_arguments(way, asked, answers))}"


def _messages(line: str, number: int) -> list[Any]:
    if not line.startswith("{"):
        return [{"role": "user", "content": line}]
    try:
        messages = json.loads(line)["messages"]
    except (ValueError, KeyError, TypeError):
        messages = None
    if not isinstance(messages, list) or not messages:
        raise Refused(f"Line {number} is no JSON with messages.", "Give a text a line, or {“messages”: […]} a line.")
    return messages
