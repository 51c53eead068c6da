"""First-token times of a long conversation, ours beside bare llama-cpp-python and ``llama-server``: medians of rounds.

    python -m tests.benchmarks.history_first_token MODEL.gguf [--server PATH] [--tokens 1500] [--rounds 5] [--threads 1]

Every program gets the same conversation and the same questions, in processes of its own, in turn: **cold** (a process
that has read nothing; loading is not counted), **warm** (the next question of that conversation) and **disk** (another
process, which has what the first one wrote to disk; reading the file is counted). The time runs from asking to the
first piece of the answer, on the asking side; temperature 0, flash attention on, batches of 512. ``--server`` is the
``llama-server`` of the same sources.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.events import Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session

PORT = 18_631
ANSWER_TOKENS = 4
STARTING_S = 60.0
KINDS = ("cold", "warm", "disk")

Messages = list[dict[str, str]]
Round = dict[str, float]


def questions(tokens: int) -> dict[str, Messages]:
    """Return what is asked cold, warm and from disk: each goes on with the conversation before."""
    items = " ".join(f"item {number}" for number in range(tokens // 5))
    cold = [{"role": "user", "content": f"Remember: {items}"}]
    warm = [*cold, _said("I will."), {"role": "user", "content": "How many were there?"}]
    disk = [*warm, _said("Many."), {"role": "user", "content": "Which was the last one?"}]
    return {"cold": cold, "warm": warm, "disk": disk}


def _said(words: str) -> dict[str, str]:
    return {"role": "assistant", "content": words}


def ours(path: Path, asked: dict[str, Messages], window: int, threads: int) -> Round:
    checkpoint = Checkpoint(path, path.name, "gguf-q4_1", path.stat().st_size)
    options, times = LoadOptions(context_tokens=window, threads=threads), {}
    with Session(checkpoint, options) as session:
        list(session.load())
        for kind in ("cold", "warm"):
            times[kind] = _until_token(session, asked[kind])
        list(session.keep("talk"))
    with Session(checkpoint, options) as session:
        list(session.load())
        times["disk"] = _until_token(session, asked["disk"], "talk")
    return times


def _until_token(session: Session, messages: Messages, key: str = "") -> float:
    started_s, first_s = time.perf_counter(), 0.0
    for event in session.generate(messages, Sampling(temperature=0.0, max_tokens=ANSWER_TOKENS), kept_as=key):
        if isinstance(event, Token) and not first_s:
            first_s = time.perf_counter() - started_s
    return first_s


def bare(path: Path, asked: dict[str, Messages], window: int, threads: int) -> Round:
    """Ask llama-cpp-python, in a process of its own for each of two lives."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        return _bare_life(path, asked, window, threads, state) | _bare_life(path, asked, window, threads, state)


def _bare_life(path: Path, asked: dict[str, Messages], window: int, threads: int, state: Path) -> Round:
    order = json.dumps({"path": str(path), "asked": asked, "window": window, "threads": threads, "state": str(state)})
    command = [sys.executable, "-m", "tests.benchmarks.history_first_token", "--bare-life"]
    done = subprocess.run(command, input=order, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def live_bare(order: dict[str, Any]) -> Round:
    """Be one life of llama-cpp-python: without a state it asks cold and warm and keeps one, else it asks from disk."""
    from llama_cpp import Llama

    threads, state, times = order["threads"], Path(order["state"]), {}
    llama = Llama(
        order["path"],
        n_ctx=order["window"],
        n_threads=threads,
        n_threads_batch=threads,
        flash_attn=True,
        verbose=False,
    )
    kinds = ("disk",) if state.exists() else ("cold", "warm")
    for kind in kinds:
        started_s = time.perf_counter()
        if kind == "disk":
            llama.load_state(pickle.loads(state.read_bytes()))
        answer = llama.create_chat_completion(
            order["asked"][kind], stream=True, temperature=0, max_tokens=ANSWER_TOKENS
        )
        for chunk in answer:
            if chunk["choices"][0]["delta"].get("content") and kind not in times:  # type: ignore[index]
                times[kind] = time.perf_counter() - started_s
    if not state.exists():
        state.write_bytes(pickle.dumps(llama.save_state()))
    return times


def upstream(server: Path, path: Path, asked: dict[str, Messages], window: int, threads: int) -> Round:
    """Ask llama-server; its slot goes to disk and back by its own ways."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [str(server), "-m", str(path), "-c", str(window), "-t", str(threads), "-tb", str(threads), "-np", "1"]
        command += ["-fa", "on", "-b", "512", "--port", str(PORT), "--slot-save-path", folder + os.sep]
        with _running(command):
            for kind in ("cold", "warm"):
                times[kind] = _until_content(asked[kind])
            _post("/slots/0?action=save", {"filename": "talk"}).close()
        with _running(command):
            started_s = time.perf_counter()
            _post("/slots/0?action=restore", {"filename": "talk"}).close()
            restored_s = time.perf_counter() - started_s
            times["disk"] = restored_s + _until_content(asked["disk"])
    return times


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + STARTING_S
    try:
        while not _is_ready():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _is_ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health") as answer:
            return answer.status == 200
    except OSError:
        return False


def _until_content(messages: Messages) -> float:
    started_s, first_s = time.perf_counter(), 0.0
    body = {"messages": messages, "stream": True, "temperature": 0, "max_tokens": ANSWER_TOKENS}
    with _post("/v1/chat/completions", body) as answer:
        for line in answer:
            if not first_s and b'"content":"' in line and b'"content":""' not in line:
                first_s = time.perf_counter() - started_s
    return first_s


def _post(place: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{place}", json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request)


def main() -> None:
    if sys.argv[1:] == ["--bare-life"]:
        print(json.dumps(live_bare(json.load(sys.stdin))))
        return
    given = _options()
    os.environ["GOMP_SPINCOUNT"] = "1000"
    asked, window = questions(given.tokens), given.tokens + 800
    programs: dict[str, Callable[[], Round]] = {
        "Halfbyte": lambda: ours(given.model, asked, window, given.threads),
        "llama-cpp-python": lambda: bare(given.model, asked, window, given.threads),
    }
    if given.server:
        programs["llama-server"] = lambda: upstream(given.server, given.model, asked, window, given.threads)
    found: dict[str, list[Round]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HALFBYTE_HOME"] = home
        for number in range(given.rounds):
            for name, run in programs.items():
                found[name].append(run())
                print(f"  round {number + 1}, {name}: {_words(found[name][-1])}", file=sys.stderr, flush=True)
    print(f"| median of {given.rounds} (lowest to highest), s | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    for name, rounds in found.items():
        print(f"| {name} | {' | '.join(_spread([each[kind] for each in rounds]) for kind in KINDS)} |")


def _words(times: Round) -> str:
    return ", ".join(f"{kind} {seconds:.3f}" for kind, seconds in times.items())


def _spread(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--server", type=Path)
    parser.add_argument("--tokens", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
