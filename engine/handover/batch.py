"""Evaluation of many prompts at once: a job file for vLLM's own batch runner, in OpenAI's batch format.

Source: vLLM 0.33.0, entrypoints/cli/run_batch.py (``vllm run-batch -i … -o … --model …``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Batch:
    """A job that was written: ``asked`` is its file, ``command`` what runs it where the cards are."""

    asked: Path
    count: int
    command: str

    @property
    def words(self) -> str:
        return f"The job of {self.count:,} {'prompt' if self.count == 1 else 'prompts'} is in {self.asked}."


def write_batch(way: Deployment, prompts: Path, max_tokens: int, seed: int = 0) -> Batch:
    """Write the job beside a file of prompts, whole or not at all. Raises :class:`Refused` for what is no such file."""
    asked, answers = prompts.with_suffix(".batch.jsonl"), prompts.with_suffix(".answers.jsonl")
    try:
        with prompts.open(encoding="utf-8-sig") as lines:
            written = list(requests(lines, way, max_tokens, seed))
        if not written:
            raise Refused(f"{prompts} has no prompts.", "Give a text a line, or {“messages”: […]} a line.")
        part = asked.with_name(asked.name + ".part")
        part.write_text("".join(written), "utf-8")
        part.replace(asked)
    except UnicodeDecodeError:
        raise Refused(f"{prompts} is not a text in UTF-8.", "Save it as UTF-8, a prompt a line.") from None
    except OSError as error:
        raise Refused(f"The job cannot be written: {error}", "Choose a file in a folder of your own.") from error
    return Batch(asked, len(written), batch_command(way, str(asked), str(answers)))


def batch_arguments(way: Deployment, asked: str, answers: str) -> list[str]:
    """Return what follows ``vllm run-batch``."""
    arguments = ["-i", asked, "-o", answers, "--model", way.model, "--served-model-name", way.served_as]
    for name, value in engine_options(way).items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def batch_command(way: Deployment, asked: str, answers: str) -> str:
    before = f"pip install {way.method.plugin} && " if way.method.plugin else ""
    return f"{before}vllm run-batch {shlex.join(batch_arguments(way, asked, answers))}"


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
