"""First-token times of a long conversation: ``python -m tests.benchmarks.history_first_token MODEL.gguf [TOKENS]``.

One thread, the same questions: cold (everything is read), warm (the conversation was asked just before), from disk (a
new worker and the kept KV cache), back from another conversation (kept in memory), and bare llama-cpp-python (its own
prefix match for warm). Prints seconds and the tokens that were read. With LLAMA_SERVER set to the path of a
``llama-server`` of the same sources, its cold and warm times too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

THREADS = 1
PORT = 18_631


def main() -> None:
    path, tokens = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    os.environ["GOMP_SPINCOUNT"] = "1000"
    with tempfile.TemporaryDirectory() as home:
        os.environ["HALFBYTE_HOME"] = home
        first = [
            {"role": "user", "content": "Remember: " + " ".join(f"item {number}" for number in range(tokens // 5))}
        ]
        ours(path, first, tokens + 600)
    bare(path, first, tokens + 600)
    if server := os.environ.get("LLAMA_SERVER"):
        upstream(server, path, first, tokens + 600)


def ours(path: Path, first: list[dict[str, str]], window: int) -> None:
    from engine.catalog.checkpoint import Checkpoint
    from engine.runtime.kept_prompts import file_for
    from engine.runtime.options import LoadOptions, Sampling
    from engine.runtime.session import Session

    checkpoint = Checkpoint(path, path.name, "gguf-q4_1", path.stat().st_size)
    options, sampling = LoadOptions(context_tokens=window, threads=THREADS), Sampling(temperature=0.0, max_tokens=4)

    def ask(session: Session, name: str, messages: list[dict[str, str]], key: str = "") -> None:
        events = list(session.generate(messages, sampling, kept_as=key))
        usage: dict[str, Any] = events[-1].value  # type: ignore[union-attr]
        report(f"Halfbyte, {name}", usage["first_token_s"], usage["prompt_tokens"] - usage["reused_tokens"])

    with Session(checkpoint, options) as session:
        list(session.load())
        ask(session, "cold", first)
        ask(session, "warm", following(first))
        started_s = time.perf_counter()
        list(session.keep("talk"))
        print(f"  kept in {time.perf_counter() - started_s:.2f} s, {file_for('talk').stat().st_size / 1e6:.0f} MB")
        list(session.generate([{"role": "user", "content": "Something else. " * 60}], sampling))
        ask(session, "back from another conversation", following(first))
    with Session(checkpoint, options) as session:
        list(session.load())
        started_s = time.perf_counter()
        ask(session, "from disk, without the file's reading", following(first), "talk")
        print(f"  with it, and {sampling.max_tokens} tokens: {time.perf_counter() - started_s:.2f} s")


def following(first: list[dict[str, str]]) -> list[dict[str, str]]:
    return [*first, {"role": "assistant", "content": "I will."}, {"role": "user", "content": "How many were there?"}]


def bare(path: Path, first: list[dict[str, str]], window: int) -> None:
    from llama_cpp import Llama

    llama = Llama(str(path), n_ctx=window, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)
    for name, messages in (("cold", first), ("warm", following(first))):
        started_s = time.perf_counter()
        for chunk in llama.create_chat_completion(messages, stream=True, temperature=0, max_tokens=4):  # type: ignore[arg-type]
            if chunk["choices"][0]["delta"].get("content"):  # type: ignore[index]
                report(f"llama-cpp-python, {name}", time.perf_counter() - started_s)
                break


def upstream(server: str, path: Path, first: list[dict[str, str]], window: int) -> None:
    command = [server, "-m", str(path), "-c", str(window), "-t", str(THREADS), "--port", str(PORT), "-np", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for name, messages in (("cold", first), ("warm", following(first))):
            report(f"llama-server, {name}", _first_token(messages))
    finally:
        process.terminate()
        process.wait()


def _first_token(messages: list[dict[str, str]]) -> float:
    body = json.dumps({"messages": messages, "stream": True, "temperature": 0, "max_tokens": 4}).encode()
    address = f"http://127.0.0.1:{PORT}/v1/chat/completions"
    while True:
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        started_s = time.perf_counter()
        try:
            with urllib.request.urlopen(request) as answer:
                for line in answer:
                    if b'"content":"' in line:
                        return time.perf_counter() - started_s
        except OSError:
            time.sleep(0.5)


def report(name: str, seconds: float, read: int | None = None) -> None:
    print(f"{name:60} {seconds:8.2f} s" + (f"   {read:6} tokens read" if read is not None else ""), flush=True)


if __name__ == "__main__":
    main()
