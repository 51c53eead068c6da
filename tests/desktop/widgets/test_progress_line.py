from __future__ import annotations

import pytest

from desktop.widgets.progress_line import ProgressLine, progress_words
from engine.events import Progress


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("cast", 1.2e9, 4e9, "bytes", 95e6, 29.4), "Cast: 1.2 GB of 4.0 GB · 95.0 MB/s · 29 s left"),
        (Progress("prompt", 120, 2048, "tokens", 137.2, 14), "Prompt: 120 of 2,048 tokens · 137 tokens/s · 14 s left"),
        (Progress("prompt", 120, None, "tokens"), "Prompt: 120 tokens"),
        (Progress("memory", 3, 8, "steps", 2.0), "Memory: 3 of 8"),
        (Progress("hash", 5, 5, "files", 1.0, 0.0), "Hash: 5 of 5 files · 1 files/s"),
    ],
)
def test_a_step_in_words(progress, words):
    assert progress_words(progress) == words


def test_the_bar_moves_by_itself_until_the_total_is_known(qtbot):
    line = ProgressLine("Reading")
    qtbot.addWidget(line)
    line.show_progress(Progress("read", 5, None))
    assert (line.bar.minimum(), line.bar.maximum()) == (0, 0)
    line.show_progress(Progress("read", 5, 20))
    assert line.bar.value() / line.bar.maximum() == 0.25
    line.restart("Again…")
    assert line.bar.maximum() == 0 and line.words.text() == "Again…"
