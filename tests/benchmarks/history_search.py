"""Search, list and opening in a large store: ``python -m tests.benchmarks.history_search FOLDER [CONVERSATIONS]``.

Makes a store of 10,000 conversations with 20 messages each in FOLDER (once; a minute and some 300 MB), with words by
Zipf's law as in prose, and prints p50 and p99 in milliseconds. “Cold” reads with a new connection and, on Linux, with
the file dropped from the page cache.
"""

from __future__ import annotations

import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.chat.conversation import Message
from engine.chat.history import care, rows, schema
from engine.chat.history.rows import Entry
from engine.chat.history.store import History
from engine.chat.history.tree import Node

MESSAGES = 20
VOCABULARY = 50_000
QUERIES = {
    "the commonest word": "the",
    "two common words": "the of",
    "three common words, one to go on": "the of an",
    "one letter, to go on": "a",
    "two letters, to go on": "co",
    "beginning of many words": "wor",
    "a rare word": "word49000",
    "a common phrase": '"the of"',
    "a rare beside a common word": "word30000 the",
    "nothing": "zzzzzz",
}
COMMON = ["the", "of", "and", "a", "to", "in", "is", "you", "that", "it", "code", "file", "an", "with", "for", "const"]


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    file = folder / "conversations.sqlite3"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        started_s = time.perf_counter()
        fill(file, count)
        print(f"made in {time.perf_counter() - started_s:.0f} s")
    print(f"{file.stat().st_size / 1e6:.0f} MB")
    timed("quick_check", lambda: care.is_whole(file), 1)
    timed("good copy", lambda: care.keep_good_copy(file, 0), 1)
    started_s = time.perf_counter()
    with History(file) as history:
        print(f"{'open for writing':40} {1000 * (time.perf_counter() - started_s):8.1f} ms")
        timed("list of all conversations", history.entries, 5)
        ids = [entry.id for entry in history.entries()]
        place = random.Random(1)
        timed("open one conversation", lambda: history.tree(place.choice(ids)), 50)
        for name, text in QUERIES.items():
            timed(f"search {name}", lambda text=text: history.search(text), 30)
    for name, text in QUERIES.items():
        timed(f"cold: search {name}", lambda text=text: cold_search(file, text), 3)


def timed(name: str, what: Callable[[], object], times: int) -> None:
    spans = []
    for _ in range(times):
        started_s = time.perf_counter()
        what()
        spans.append(1000 * (time.perf_counter() - started_s))
    worst = sorted(spans)[min(len(spans) - 1, int(len(spans) * 0.99))]
    print(f"{name:40} p50 {statistics.median(spans):8.1f}   p99 {worst:8.1f} ms", flush=True)


def cold_search(file: Path, text: str) -> None:
    if hasattr(os, "posix_fadvise"):
        with file.open("rb") as data:
            os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with History(file, writing=False) as history:
        history.search(text)


def fill(file: Path, count: int) -> None:
    connection = schema.connect(file, writing=True)
    schema.migrate(connection)
    connection.execute("PRAGMA wal_autocheckpoint = 1000")
    words, ids = prose(random.Random(7)), itertools.count(1)
    for number in range(count):
        if number % 200 == 0:
            connection.execute("BEGIN")
        entry = Entry(next(ids), " ".join(next(words) for _ in range(5)), "model", created_s=number, changed_s=number)
        rows.add_entry(connection, entry)
        parent = None
        for turn in range(MESSAGES):
            text = " ".join(next(words) for _ in range(20 if turn % 2 == 0 else 180))
            message = Message("user", text) if turn % 2 == 0 else Message("assistant", text, ending="stop")
            node = Node(next(ids), parent, message, number)
            rows.add_node(connection, entry.id, node)
            parent = node.id
        if number % 200 == 199:
            connection.execute("COMMIT")
    if connection.in_transaction:
        connection.execute("COMMIT")
    connection.close()


def prose(place: random.Random) -> Iterator[str]:
    """Yield words whose frequency falls with their rank."""
    names = COMMON + [f"word{number}" for number in range(len(COMMON), VOCABULARY)]
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))
    while True:
        yield from place.choices(names, cum_weights=weights, k=10_000)


if __name__ == "__main__":
    main()
