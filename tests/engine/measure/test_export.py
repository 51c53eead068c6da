"""Exports: every number is there, and what was not measured is empty."""

from __future__ import annotations

import csv
import io
import json

from engine.measure.export import HEADINGS, to_csv, to_json, to_markdown
from engine.measure.report import report_from
from engine.measure.votes import Tally
from tests.helpers.reports import original, report

REPORTS = (original(), report("Q4_K_M", 0.05, 40.0, 2_000_000_000), report("Q8_0", 0.004))


def test_json_is_read_back_as_the_same_reports():
    assert tuple(map(report_from, json.loads(to_json(REPORTS)))) == REPORTS


def test_csv_has_a_column_for_each_number():
    whole, level, untimed = csv.DictReader(io.StringIO(to_csv(REPORTS)))
    assert float(level["kl_divergence_nats"]) == 0.05
    assert float(level["decode_tokens_s_lowest"]) == 36.0
    assert level["peak_memory_bytes"] == "2000000000"
    assert level["scored_tokens"] == "2040"
    assert whole["kl_divergence_nats"] == ""
    assert untimed["decode_tokens_s"] == ""


def test_csv_of_nothing_has_a_header():
    assert to_csv(()) == "name\n"


def test_markdown_is_a_table_with_a_footnote():
    lines = to_markdown(REPORTS).splitlines()
    assert all(line.count("|") == len(HEADINGS) + 1 for line in lines[:5])
    assert "original" in lines[2]
    assert "0.0500 ± 0.0010" in lines[3]
    assert "2,040 of 4,096 tokens" in lines[-1]


def test_votes_stand_beside_what_was_measured() -> None:
    votes = {REPORTS[1].sha256: Tally(2, 1, 3)}
    assert tuple(map(report_from, json.loads(to_json(REPORTS, votes)))) == REPORTS
    assert [record.get("votes") for record in json.loads(to_json(REPORTS, votes))][1] == {
        "better": 2,
        "worse": 1,
        "tied": 3,
    }
    rows = list(csv.DictReader(io.StringIO(to_csv(REPORTS, votes))))
    assert [rows[0]["votes_better"], rows[1]["votes_better"], rows[1]["votes_tied"]] == ["", "2", "3"]
    lines = to_markdown(REPORTS, votes).splitlines()
    assert lines[0].endswith("| Votes |")
    assert lines[3].endswith("| 2 better, 1 worse, 3 as good |")
    assert lines[2].endswith("| – |")
