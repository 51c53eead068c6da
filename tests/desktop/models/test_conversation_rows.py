"""The heads of the list of conversations."""

from __future__ import annotations

import datetime

import pytest

from desktop.models import conversation_rows
from desktop.models.conversation_rows import Head, grouped
from engine.chat.history.rows import Entry

TODAY = datetime.date(2026, 11, 29)


def at(day: datetime.date, number: int = 1, *, pinned: bool = False) -> Entry:
    return Entry(number, pinned=pinned, changed_s=datetime.datetime.combine(day, datetime.time(12)).timestamp())


def test_conversations_stand_under_the_heads_of_their_days() -> None:
    days = [0, 0, 1, 2, 7, 8, 28, 30, 31, 59, 60, 400]
    entries = [at(TODAY - datetime.timedelta(days=back), number) for number, back in enumerate(days)]
    rows = grouped([at(TODAY, 99, pinned=True), at(TODAY + datetime.timedelta(days=2)), *entries], TODAY)
    found: dict[str, int] = {}
    head = ""
    for row in rows:
        if isinstance(row, Head):
            head = row.words
            assert head not in found
        else:
            found[head] = found.get(head, 0) + 1
    heads = {"Pinned": 1, "Today": 3, "Yesterday": 1, "Last 7 days": 2, "Last 30 days": 3}
    assert found == {**heads, "October 2026": 2, "September 2026": 1, "October 2025": 1}


def test_ten_thousand_conversations_ask_for_each_months_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is made anew with each question, in the main thread."""
    asked: list[datetime.date] = []
    name = conversation_rows.month
    monkeypatch.setattr(conversation_rows, "month", lambda day: asked.append(day) or name(day))
    first = TODAY - datetime.timedelta(days=40)
    entries = [at(first - datetime.timedelta(days=number // 100), number) for number in range(10_000)]
    rows = grouped(entries, TODAY)
    assert len(rows) == 10_000 + len(asked) and len(asked) == 4
