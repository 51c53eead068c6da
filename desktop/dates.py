"""Dates and times in the form of the person's system. Qt has a long and a short form; these lie between."""

from __future__ import annotations

import datetime
import re

from PySide6.QtCore import QDate, QLocale, QTime

_PARTS = re.compile(r"'[^']*'|d+|M+|y+|[^'dMy]+")
_SUFFIX = re.compile(r"[^\s'(),،/-]*")  # what belongs to a field: the dot of “24.”, the sign of “24日”


def day(date: QDate | datetime.date) -> str:
    """Return a day: 24 Nov 2026."""
    return _written(date, _without(_long_form(), "dddd"))


def day_of_year(date: QDate | datetime.date) -> str:
    """Return a day of this year: 24 Nov."""
    return _written(date, _without(_without(_long_form(), "dddd"), "y"))


def month(date: QDate | datetime.date) -> str:
    """Return a month: November 2026."""
    return QLocale().toString(_date(date), _without(_without(_long_form(), "dddd"), "d"))


def time_of_day(time: QTime | datetime.time) -> str:
    """Return hours and minutes: 14:05 or 2:05 PM."""
    moment = time if isinstance(time, QTime) else QTime(time.hour, time.minute)
    if QLocale().language() is QLocale.Language.C:  # its short form has seconds
        return moment.toString("HH:mm")
    return QLocale().toString(moment, QLocale.FormatType.ShortFormat)


def moment(text: str) -> str:
    """Return a time of ISO 8601 as a day and a time of the place where we are; what is none stays as it is."""
    try:
        time = datetime.datetime.fromisoformat(text).astimezone()
    except ValueError:
        return text
    return f"{day(time.date())}, {time_of_day(time.time())}"


def _date(date: QDate | datetime.date) -> QDate:
    return date if isinstance(date, QDate) else QDate(date.year, date.month, date.day)


def _written(date: QDate | datetime.date, form: str) -> str:
    return QLocale().toString(_date(date), form.replace("MMMM", "MMM"))


def _long_form() -> str:
    """Return the form of a date with its weekday: “dddd, d MMMM yyyy” (codes of Qt)."""
    return QLocale().dateFormat(QLocale.FormatType.LongFormat)


def _without(form: str, field: str) -> str:
    """Return a form without a field and what joins it to the others."""
    parts = _PARTS.findall(form)
    fields = [at for at, part in enumerate(parts) if part[0] in "dMy"]
    at = next((at for at in fields if parts[at].startswith(field)), None)
    if at is None:
        return form
    if at == fields[-1] and len(fields) > 1:
        last = fields[-2] + 1
        suffix = _SUFFIX.match(parts[last])
        return "".join(parts[:last]) + (suffix[0] if suffix else "")
    following = fields[fields.index(at) + 1] if len(fields) > 1 else len(parts)
    return "".join(parts[:at] + parts[following:])
