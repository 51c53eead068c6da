"""The model card in a result's folder, for people and for the Hub; all of it from the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.convert.card import agreement_words
from engine.quantities import duration, size

CARD = "README.md"


def write(folder: Path, name: str, record: Mapping[str, Any]) -> None:
    """Write the card of a folder that will be called ``name``."""
    (folder / CARD).write_text(text(name, record), "utf-8")


def text(name: str, record: Mapping[str, Any]) -> str:
    """Return the card in Markdown, with the head that the Hub reads."""
    recipe, source = record["recipe"], record["source"]
    original = Path(source["path"]).name
    lines = ["---", "library_name: transformers", f"tags: [{record['format_id'].partition('-')[0]}]", "---", ""]
    lines += [f"# {name}", "", f"{recipe['level']} of {original}, made by Halfbyte.", ""]
    lines += ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in _rows(record)), ""]
    lines += ["## Source", "", *(f"- {file}: sha256 `{digest}`" for file, digest in source["sha256"].items()), ""]
    return "\n".join(lines)


def _rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    recipe, calibration, versions = record["recipe"], record["calibration"], record["versions"]
    rows = [("size", size(record["size_bytes"])), ("weights of the source", record["source"]["stored_type"])]
    if recipe["group"]:
        rows.append(("weights that share a scale", f"{recipe['group']}"))
    if calibration:
        texts = ", ".join(calibration["texts"])
        count = f"{calibration['samples']} samples of {calibration['sample_tokens']} tokens"
        rows.append(("calibrated on", f"{count} of {texts} (sha256 `{calibration['texts_sha256'][:16]}`)"))
    return [
        *rows,
        ("beside the original", agreement_words(record["agreement"])),
        ("made", f"{record['made_at']} in {duration(sum(record['seconds'].values()))}"),
        ("with", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
    ]
