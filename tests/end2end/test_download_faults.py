"""A small fault campaign with a real process that is killed: two downloads of each kind of fault."""

from __future__ import annotations

import pytest

from tests.campaigns.download_faults import FAULTS, campaign


@pytest.mark.timeout(240)
def test_downloads_under_faults_end_exactly_or_clearly() -> None:
    trials = campaign(2 * len(FAULTS), seconds=150)
    assert len(trials) >= len(FAULTS)
    assert {trial.number: trial.complaint for trial in trials if trial.complaint} == {}
    for trial in trials:
        if trial.fault in ("cut", "killed", "full", "moved_branch"):
            assert trial.twice < 0.25 * trial.size, (trial.number, trial.fault)
