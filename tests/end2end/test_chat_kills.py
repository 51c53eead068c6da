"""A few deaths of what tests/campaigns/chat_kills.py does by the hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.chat_kills import run


@pytest.mark.parametrize(("window", "kills"), [(False, 6), (True, 4)])
def test_nothing_that_was_shown_is_lost_when_the_app_is_killed(tmp_path: Path, window: bool, kills: int) -> None:
    outcome = run(tmp_path, kills, seed=5, window=window)
    assert outcome.faults == []
    assert outcome.kills >= kills
    assert outcome.pieces > 0
    assert not window or outcome.reopened > 0
