"""A back end without a model: it replays an answer from a file and records what it was asked.

For tests of the whole app, the worker process included. The script, ``<name>.script.json``::

    {
      "chunks": ["Hel", "lo", {"thinking": "…"}],     what is answered, a token each
      "tokens_per_s": 200,                            0 or absent: as fast as they can be sent
      "prompt_tokens_s": 1000,                        one word of the prompt is one token; absent: at once
      "context_tokens": 4096,
      "load_s": 0.5, "load_fail": "memory",           how long loading takes and how it fails
      "fitting_context": 8192,                        above this many tokens loading fails for want of memory
      "odds": [[["Hel", -0.1, [["Hel", -0.1]]]], …],  how likely each chunk's tokens were, if that is asked for
      "fail": "crash", "after": 3,                    how an answer fails, after so many chunks
      "turns": [{…}, {…}]                             other values for the first, second, … question; the last repeats
    }

Failures: ``crash`` (a real SIGSEGV), ``hang`` (native code that holds the interpreter), ``stall`` (waits, and can
be cancelled), ``memory`` (a real failed allocation), ``error`` (an exception: our own bug).

Each question appends a line to ``<name>.prompts.jsonl`` beside the script: ``{"messages": …, "sampling": …}``.
The number of its lines is the number of the turn, so that a script goes on where a crashed worker left it.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NoReturn

from engine.errors import Cancelled, ContextTooLong, DamagedFile, NotEnoughMemory
from engine.events import Event, Finished, Odds, Progress, PromptRead, Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.registry import SCRIPT_ENDING
from engine.runtime.results import FinishReason, Loaded, Usage

_STEP_S = 0.05  # how often a wait looks for a cancel


class Scripted:
    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._script: dict[str, Any] = {}
        self._prompts = Path()
        self._cached: Sequence[str] = []

    def load(self, path: Path, options: LoadOptions) -> Iterator[Event]:
        try:
            self._script = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise DamagedFile(str(path), "a script in JSON", str(error)) from error
        self._prompts = prompts_file(path)
        seconds = self._script.get("load_s", 0)
        for step in range(11):
            yield Progress("load", step, 10, "steps")
            self._wait(seconds / 10)
        _fail(self._script.get("load_fail"), self._stop)
        if options.context_tokens > (fitting := self._script.get("fitting_context", options.context_tokens)):
            raise NotEnoughMemory(options.context_tokens, fitting, fitting)
        yield Finished(
            Loaded(
                backend="scripted",
                model_name=path.name.removesuffix(SCRIPT_ENDING),
                architecture="script",
                context_tokens=self._script.get("context_tokens", options.context_tokens),
                trained_context=self._script.get("context_tokens", options.context_tokens),
                layers=0,
                gpu_layers=0,
                threads=1,
                load_s=seconds,
                template_known=True,
            )
        )

    def generate(
        self, messages: Sequence[Mapping[str, Any]], sampling: Sampling, *, continue_last: bool = False
    ) -> Iterator[Event]:
        asked_s = time.perf_counter()
        turn = self._next_turn(messages, sampling, continue_last)
        words = " ".join(message["content"] for message in messages).split()
        reused = _common_length(words, self._cached)
        prompt_s = yield from self._read_prompt(turn, words, reused)
        first_s = 0.0
        chunks, reason = self._chunks(turn, sampling)
        for count, chunk in enumerate(chunks):
            self._wait_until(asked_s + prompt_s + count / (turn.get("tokens_per_s") or 1e9))
            first_s = first_s or time.perf_counter() - asked_s
            odds = turn.get("odds", [])[count : count + 1] if sampling.logprobs else []
            told = tuple(Odds.of(record) for records in odds for record in records)
            part, text = ("answer", chunk) if isinstance(chunk, str) else ("thinking", chunk["thinking"])
            yield Token(text, part, (), told)
            if count + 1 == turn.get("after"):
                _fail(turn.get("fail"), self._stop)
        decode_s = time.perf_counter() - asked_s - first_s
        yield Finished(
            Usage(
                prompt_tokens=len(words),
                reused_tokens=reused,
                answer_tokens=len(chunks),
                first_token_s=first_s,
                prompt_tokens_s=(len(words) - reused) / prompt_s if prompt_s else 0.0,
                decode_tokens_s=(len(chunks) - 1) / decode_s if decode_s > 0 and len(chunks) > 1 else 0.0,
                peak_memory_bytes=0,
                finish_reason=reason,
                seed=max(sampling.seed, 0),
            )
        )

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> tuple[int, list[int]]:
        return sum(len(message["content"].split()) for message in messages), [len(text.split()) for text in texts]

    def unload(self) -> Iterator[Event]:
        self._script, self._cached = {}, []
        return iter(())

    def _next_turn(self, messages: Sequence[Mapping[str, Any]], sampling: Sampling, going_on: bool) -> dict[str, Any]:
        """Record the question and return the script's values for it."""
        record = {"messages": list(messages), "sampling": asdict(sampling), "continue_last": going_on}
        number = len(self._prompts.read_text("utf-8").splitlines()) if self._prompts.exists() else 0
        with self._prompts.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        turns = self._script.get("turns") or [{}]
        return {**self._script, **turns[min(number, len(turns) - 1)]}

    def _read_prompt(self, turn: dict[str, Any], words: Sequence[str], reused: int) -> Iterator[Event]:
        limit = turn.get("context_tokens", 4096)
        if len(words) >= limit:
            raise ContextTooLong(len(words), limit)
        seconds = (len(words) - reused) / turn["prompt_tokens_s"] if turn.get("prompt_tokens_s") else 0.0
        for tenth in range(11):
            yield Progress("prompt", reused + (len(words) - reused) * tenth / 10, len(words), "tokens")
            self._wait(seconds / 10)
        if turn.get("after") == 0:
            _fail(turn.get("fail"), self._stop)
        self._cached = words
        yield PromptRead(len(words), reused, seconds)
        return seconds

    def _chunks(self, turn: dict[str, Any], sampling: Sampling) -> tuple[list[Any], FinishReason]:
        chunks = turn.get("chunks", [])
        if sampling.max_tokens and len(chunks) > sampling.max_tokens:
            return chunks[: sampling.max_tokens], "length"
        return chunks, turn.get("finish_reason", "stop")

    def _wait(self, seconds: float) -> None:
        self._wait_until(time.perf_counter() + seconds)

    def _wait_until(self, moment: float) -> None:
        while (left_s := moment - time.perf_counter()) > 0:
            if self._stop.wait(min(left_s, _STEP_S)):
                raise Cancelled


def prompts_file(script: Path) -> Path:
    """Return the file beside a script that records what was asked."""
    return script.with_name(script.name.removesuffix(SCRIPT_ENDING) + ".prompts.jsonl")


def _common_length(new: Sequence[str], old: Sequence[str]) -> int:
    pairs = enumerate(itertools.zip_longest(new, old))
    return next((index for index, (left, right) in pairs if left != right), len(new))


def _fail(how: Literal["crash", "hang", "stall", "memory", "error"] | None, stop: threading.Event) -> None:
    if how == "crash":
        _crash()
    elif how == "hang":
        ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the interpreter lock: nothing else runs, heartbeats neither
    elif how == "stall":
        stop.wait()
        raise Cancelled
    elif how == "memory":
        bytearray(1 << 62)
    elif how == "error":
        raise RuntimeError("the script asked for a bug")


def _crash() -> NoReturn:
    ctypes.string_at(0)  # reads address 0: SIGSEGV, or an access violation
    os.abort()
