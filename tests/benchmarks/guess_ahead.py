"""What guessing ahead gains: ``python -m tests.benchmarks.guess_ahead MODEL.gguf [DRAFT.gguf]``.

For an answer that repeats its question and one that does not: processor seconds per 100 tokens (other programs disturb
them less than the clock), without and with guesses in turn, how many guesses came true, and whether the tokens agree.
With a draft model that one guesses; without one the guesses come from what was already said.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.events import Event, Finished, Token
from engine.runtime.backends.llama_cpp import LlamaCpp
from engine.runtime.options import GUESS_TOKENS, LoadOptions, Sampling

ROUNDS = 3
TOKENS = 250
QUESTIONS = {
    "repeats": f"Repeat this text word for word:\n\n{Path(__file__).read_text('utf-8')[:1200]}",
    "does not": "Tell a long story about a sailor who finds a lighthouse.",
}


def main() -> None:
    path, draft = Path(sys.argv[1]), "".join(sys.argv[2:3])
    for name, question in QUESTIONS.items():
        for _ in range(ROUNDS):
            plain, guessing = (
                _answered(path, question, LoadOptions(threads=1, guess_tokens=count, draft=draft if count else ""))
                for count in (0, GUESS_TOKENS)
            )
            agree = "the same tokens" if plain[0] == guessing[0] else "other tokens"
            print(f"{name}: {plain[1]:.2f} s without, {guessing[1]:.2f} s with; {guessing[2]}; {agree}", flush=True)


def _answered(path: Path, question: str, options: LoadOptions) -> tuple[list[int], float, str]:
    """Return the tokens, the processor seconds per 100 of them, and what became of the guesses."""
    backend = LlamaCpp(threading.Event())
    list(backend.load(path, options))
    ids: list[int] = []
    began_s = 0.0
    for event in _answer(backend, question):
        if isinstance(event, Token):
            began_s = began_s or time.process_time()
            ids += event.ids
    seconds = time.process_time() - began_s
    model: Any = backend._model
    told = f"{model.ahead.accepted} of {model.ahead.guessed} guesses came true" if model.ahead else ""
    list(backend.unload())
    return ids, 100 * seconds / len(ids), told


def _answer(backend: LlamaCpp, question: str) -> Iterator[Event]:
    events = backend.generate([{"role": "user", "content": question}], Sampling(temperature=0, max_tokens=TOKENS))
    return (event for event in events if not isinstance(event, Finished))


if __name__ == "__main__":
    main()
