"""Kill an app that chats, and its worker, at random moments: ``python -m tests.campaigns.chat_kills [KILLS] [SEED]``.

Real processes, a real store, the scripted back end. After each death the store is opened again, its own checks are
run, and it must hold every question and every piece of an answer that was shown more than 250 ms before the death.
An answer that did not come to its end must be marked. One death in five is the worker's: then the app lives on, and is
killed later. With ``--window`` it is the window's own process, offscreen, and each new window must open what the one
before it left, and say so where its answer was broken off.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from engine.chat.conversation import Message
from engine.chat.history.store import History
from engine.errors import NotFound
from engine.runtime.backends.scripted import prompts_file
from tests.helpers.scripts import script

GRACE_S = 0.25
_LONGEST_S = 2.0
WORKER_SHARE = 0.2
_END = "the end."
_BROKEN_OFF = "Broken off when Halfbyte ended"
_WORDS = ("alpha ", "beta ", "gamma ", "delta\n", "épsilon ", "中文 ")


@dataclass
class Outcome:
    """What the campaign found; ``latest_lost_s`` is how long before a death the oldest missing piece was shown."""

    kills: int = 0
    worker_kills: int = 0
    pieces: int = 0
    missing_late: int = 0
    latest_lost_s: float = 0.0
    slowest_open_s: float = 0.0
    interrupted: int = 0
    reopened: int = 0
    last_ending: str = ""  # of the answer that the window before was at
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Victim:
    """What is started and killed, and where it keeps its conversations."""

    folder: Path
    model: Path
    is_window: bool = False

    @property
    def store(self) -> Path:
        return self.folder / ("home/data/" if self.is_window else "") / "conversations.sqlite3"

    def start(self, shown: BinaryIO) -> subprocess.Popen[bytes]:
        own = "tests.helpers.chatting_window" if self.is_window else "tests.helpers.chatting_app"
        where = [] if self.is_window else [str(self.store)]
        environment = {**os.environ, "HALFBYTE_HOME": str(self.folder / "home"), "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-m", own, *where, str(self.model)]
        return subprocess.Popen(command, stdout=shown, stderr=subprocess.PIPE, env=environment)


def run(folder: Path, kills: int, seed: int, *, window: bool = False) -> Outcome:
    place, outcome = random.Random(seed), Outcome()
    checkpoint = script(folder, tokens_per_s=200, turns=[{"chunks": _chunks(place)} for _ in range(40)])
    victim = Victim(folder, checkpoint.path, window)
    while outcome.kills < kills:
        lines, died_s = _one_life(victim, place, outcome)
        _check(victim.store, lines, died_s, outcome)
    return outcome


def _chunks(place: random.Random) -> list[Any]:
    """Return an answer of a random length: deaths shall fall between answers as well."""
    return [{"thinking": "hm "}, *(place.choice(_WORDS) for _ in range(place.choice((2, 10, 40, 150)))), _END]


def _one_life(victim: Victim, place: random.Random, outcome: Outcome) -> tuple[list[dict[str, Any]], float]:
    """Start the app, let it live a while, kill it; return what it showed and when it died."""
    shown = victim.folder / "shown.jsonl"
    prompts_file(victim.model).unlink(missing_ok=True)
    with shown.open("wb") as file:
        app = victim.start(file)
        _wait_for_words(shown, app)
        if place.random() < WORKER_SHARE:
            time.sleep(place.uniform(0, 0.4))
            _kill_worker(shown, outcome)
        time.sleep(place.uniform(0, _LONGEST_S))
        app.send_signal(signal.SIGKILL)
        died_s = time.monotonic()
        _, errors = app.communicate()
        if b"Traceback" in errors:
            outcome.faults.append(errors.decode()[-2000:])
    outcome.kills += 1
    lines = shown.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines], died_s


def _wait_for_words(shown: Path, app: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while b'"answer"' not in shown.read_bytes():
        if app.poll() is not None or time.monotonic() > deadline:
            assert app.stderr is not None
            raise AssertionError(f"the app did not start: {app.stderr.read().decode()}")
        time.sleep(0.005)


def _kill_worker(shown: Path, outcome: Outcome) -> None:
    pids = [json.loads(line).get("worker") for line in shown.read_bytes().split(b"\n")[:-1]]
    pid = next((pid for pid in reversed(pids) if pid), None)
    if pid:
        os.kill(pid, signal.SIGKILL)
        outcome.kills += 1
        outcome.worker_kills += 1


def _check(store: Path, lines: list[dict[str, Any]], died_s: float, outcome: Outcome) -> None:
    started_s = time.perf_counter()
    with History(store) as history:
        outcome.slowest_open_s = max(outcome.slowest_open_s, time.perf_counter() - started_s)
        if history.notices:
            outcome.faults.append(history.notices[0].text)
        messages = _stored(history, lines)
    outcome.interrupted += sum(message.ending == "interrupted" for message in messages.values())
    outcome.faults += [f"said to be whole: {each}" for each in messages.values() if _is_unmarked(each)]
    _check_reopened(lines, outcome)
    outcome.last_ending = messages[max(messages)].ending if messages else ""
    shown: dict[tuple[int, str], str] = defaultdict(str)
    for line in lines:
        before_s = died_s - line["at_s"]
        if "question" in line:
            stored = messages.get(line["question"])
            _note(outcome, stored is not None and stored.content == line["text"], before_s, f"question: {line}")
        elif "answer" in line:
            part = "thinking" if "thinking" in line else "content"
            shown[line["answer"], part] += line[part]
            stored = messages.get(line["answer"])
            whole = stored is not None and getattr(stored, part).startswith(shown[line["answer"], part])
            _note(outcome, whole, before_s, f"{part} of {line['answer']}")


def _is_unmarked(message: Message) -> bool:
    return message.role == "assistant" and message.ending == "stop" and not message.content.endswith(_END)


def _check_reopened(lines: list[dict[str, Any]], outcome: Outcome) -> None:
    """See that a window opened the store, and what it said of the answer that the one before it was at."""
    for line in lines:
        if line.get("kept") is False:
            outcome.faults.append("the window could not open the store")
        if "footer" in line:
            outcome.reopened += 1
            if (outcome.last_ending == "interrupted") != line["footer"].startswith(_BROKEN_OFF):
                outcome.faults.append(f"an answer that ended as {outcome.last_ending!r} says {line['footer']!r}")


def _stored(history: History, lines: list[dict[str, Any]]) -> dict[int, Message]:
    """Return the messages of the conversation that was shown; none if not even that was stored."""
    shown = next((line["conversation"] for line in lines if "conversation" in line), None)
    if shown is None:
        return {}
    try:
        return {node.id: node.message for node in history.tree(shown).nodes}
    except NotFound:
        return {}


def _note(outcome: Outcome, there: bool, before_s: float, what: str) -> None:
    outcome.pieces += 1
    if there:
        return
    outcome.latest_lost_s = max(outcome.latest_lost_s, before_s)
    if before_s > GRACE_S:
        outcome.missing_late += 1
        outcome.faults.append(f"lost {1000 * before_s:.0f} ms before the death: {what}")


def main() -> None:
    given = _options()
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), given.kills, given.seed, window=given.window)
    print(
        f"{outcome.kills} kills ({outcome.worker_kills} of workers) in {time.perf_counter() - started_s:.0f} s; "
        f"{outcome.pieces} pieces and questions shown; lost more than {1000 * GRACE_S:.0f} ms before a death: "
        f"{outcome.missing_late}; oldest loss {1000 * outcome.latest_lost_s:.0f} ms; {outcome.interrupted} answers "
        f"interrupted; slowest opening {1000 * outcome.slowest_open_s:.0f} ms; {outcome.reopened} opened by a window"
    )
    for fault in outcome.faults[:20]:
        print("FAULT", fault)
    sys.exit(bool(outcome.faults))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int, nargs="?", default=500)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--window", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
