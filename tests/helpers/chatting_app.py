"""An app that chats, for killing: ``python -m tests.helpers.chatting_app STORE SCRIPT``.

It asks, edits, answers again and goes on in turn, without end, in one conversation. What a window would show it writes
on standard output, a JSON line each: ``{"conversation", "answer", "at_s", "content", "thinking"}`` for a piece of an
answer (``at_s`` is the time when it was shown), ``{"conversation", "question", "text", "at_s"}``, ``{"worker": pid}``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.chat.asking import Asked, Asker
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.errors import EngineError
from engine.events import Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session


def main() -> None:
    store, path = Path(sys.argv[1]), Path(sys.argv[2])
    checkpoint = Checkpoint(path, "model", "script", path.stat().st_size)
    with History(store) as history, Session(checkpoint, LoadOptions(threads=1)) as session:
        asker = Asker(history, session, Sampling(seed=1))
        entry, _ = history.new()
        tree = Tree(entry.id)
        for number in itertools.count():
            tree = _turn(asker, tree, number)


def _turn(asker: Asker, tree: Tree, number: int) -> Tree:
    asked = _ask(asker, tree, number)
    for node in asked.tree.branch[-2:]:
        if node.message.role == "user":
            _show({"conversation": tree.conversation_id, "question": node.id, "text": node.message.content})
    with contextlib.suppress(EngineError):  # the worker was killed
        for event in asked.turn:
            if isinstance(event, Token):
                piece = {"thinking": event.text} if event.part == "thinking" else {"content": event.text}
                _show({"conversation": tree.conversation_id, "answer": asked.answer_id, **piece})
                if asker.session.worker_pid:
                    _show({"worker": asker.session.worker_pid})
    return asked.ended()


def _ask(asker: Asker, tree: Tree, number: int) -> Asked:
    branch = tree.branch
    if not branch or number % 4 == 0:
        return asker.ask(tree, f"Question {number}")
    answers = [node for node in branch if node.message.role == "assistant"]
    if number % 4 == 1:
        return asker.go_on(tree, answers[-1].id)
    if number % 4 == 2:
        return asker.answer_again(tree, answers[0].id)
    return asker.edit(tree, branch[0].id, f"Edited question {number}")


def _show(record: dict[str, Any]) -> None:
    line = json.dumps({**record, "at_s": time.monotonic()}) + "\n"
    os.write(1, line.encode())


if __name__ == "__main__":
    main()
