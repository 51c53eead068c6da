"""The model card beside a result: what it is and how it was made, for people; all of it from the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.quantities import duration, size


def card_path(model: Path) -> Path:
    """Return where a model's card lies."""
    return model.with_name(model.name + ".md")


def write(model: Path, record: Mapping[str, Any]) -> None:
    """Write the card, under a temporary name first."""
    target = card_path(model)
    temporary = target.with_name(target.name + ".part")
    temporary.write_text(text(model.name, record), "utf-8")
    temporary.replace(target)


def text(name: str, record: Mapping[str, Any]) -> str:
    """Return the card in Markdown."""
    recipe, source = record["recipe"], record["source"]
    lines = [f"# {name}", "", f"{recipe['level']} of {Path(source['path']).name}, made by Halfbyte.", ""]
    lines += ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in _rows(record)), ""]
    lines += ["## Tensors", "", "| type | tensors |", "|---|---|"]
    lines += [f"| {kind} | {count} |" for kind, count in record["tensor_types"].items()]
    lines += ["", "## Source", "", *(f"- {file}: sha256 `{digest}`" for file, digest in source["sha256"].items()), ""]
    return "\n".join(lines)


def _rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    recipe, versions = record["recipe"], record["versions"]
    rows = [
        ("size", f"{size(record['size_bytes'])}, {record['bits_per_weight']:.2f} bits per weight"),
        ("weights of the source", record["source"]["stored_type"]),
    ]
    if record.get("importance"):
        rows.append(("importance matrix", _importance(record["importance"])))
    if recipe["overrides"]:
        rows.append(("kept at another type", ", ".join(f"{name} → {kind}" for name, kind in recipe["overrides"])))
    if record.get("agreement"):
        rows.append(("beside the original", agreement_words(record["agreement"])))
    if gain := gain_words(record):
        rows.append(("importance matrix gains", gain))
    rows += [
        ("made", f"{record['made_at']} in {duration(sum(record['seconds'].values()))}"),
        ("with", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
        ("sha256", f"`{record['sha256']}`"),
    ]
    return rows


def agreement_words(found: Mapping[str, Any]) -> str:
    """Return how far a result agrees with its original, as a record has it."""
    ratio = f", perplexity × {found['perplexity_ratio']:.3f}" if "perplexity_ratio" in found else ""
    return (
        f"next token the same at {found['same']} of {found['tokens']} places, "
        f"divergence {found['divergence']:.4f} ± {found['error']:.4f} nats{ratio}"
    )


def gain_words(record: Mapping[str, Any]) -> str:
    """Return what the importance matrix of a record's model gained; "" where it was not looked at."""
    without, found = record.get("agreement_without_importance"), record.get("agreement")
    if not without or not found:
        return ""
    ratio = f"; with it: {found['divergence'] / without['divergence']:.0%} of that" if without["divergence"] else ""
    return f"without it: {agreement_words(without)}{ratio}"


def _importance(importance: Mapping[str, Any]) -> str:
    if "tokens" not in importance:
        return f"given: {Path(importance['file']).name}"
    return f"{importance['tokens']:,} tokens of {', '.join(importance['datasets'])}"
