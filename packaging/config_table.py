"""Write the table of configurations that the stand-in for transformers reads.

Run it where the transformers of llama.cpp's requirements is installed, after moving the pin of llama-cpp-python::

    python packaging/config_table.py > engine/convert/standin/transformers/defaults.json

A family is what ``model_type`` names. The table has each family that the converter knows by one of its architectures,
and the families of their parts. A row holds what the constructor assumes (``defaults``), its other names for settings
(``renamed``), its ``parts``, and which of the stand-in's rules give what the constructor derives (``derived``): those
are found by trying all of them against transformers itself. Where no set of rules gives the same answers, the family is
left out, and its name is printed. Only settings that the converter mentions are compared and kept.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import logging
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import transformers  # type: ignore[import-not-found]
from transformers.models.auto import modeling_auto  # type: ignore[import-not-found]
from transformers.models.auto.configuration_auto import (  # type: ignore[import-not-found]
    CONFIG_MAPPING,
    CONFIG_MAPPING_NAMES,
)
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[1]
CONVERSION = ROOT / "engine" / "convert" / "upstream" / "conversion"
sys.path.insert(0, str(ROOT))

from engine.convert.standin.transformers.configurations import RULES, of_row  # noqa: E402

Row = dict[str, Any]
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
TINY = {"hidden_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4}
# What each family is asked: what published folders leave out, and what their constructors derive other values from.
PROBES: dict[str, dict[str, Any]] = {
    "bare": {},
    "tiny": TINY,
    "no heads": {**TINY, "num_key_value_heads": None},
    "llama3": {**TINY, "rope_scaling": {**LLAMA3, "original_max_position_embeddings": 8192}},
    "old scaling": {**TINY, "rope_scaling": {"type": "linear", "factor": 2.0}},
    "window": {**TINY, "use_sliding_window": True, "sliding_window": 32, "max_window_layers": 3},
    "more": {**TINY, "torch_dtype": "bfloat16", "bos_token_id": 7, "foo": 1, "rotary_pct": 0.3, "max_length": 50},
}


def mentioned() -> frozenset[str]:
    """Return every word that the converter could read a setting by."""
    words: set[str] = set()
    for file in CONVERSION.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                words.add(node.value)
    return frozenset(words)


def families() -> Iterator[str]:
    """Yield the families of the architectures that the converter has a class for."""
    source = ast.parse((CONVERSION / "__init__.py").read_text("utf-8"))
    known: set[str] = set()
    for statement in source.body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target).endswith("_MODEL_MAP"):
            assert statement.value is not None
            known |= set(ast.literal_eval(statement.value))
    for name in dir(modeling_auto):
        if not name.endswith("MAPPING_NAMES"):
            continue
        for family, made in getattr(modeling_auto, name).items():
            if known & ({made} if isinstance(made, str) else set(made)):
                yield family


def constructor_defaults(kind: type) -> dict[str, Any]:
    """Return what a configuration's constructor assumes, before it derives anything from it."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {item.name: item.default for item in parameters if item.default is not inspect.Parameter.empty}


def parts_of(family: str, kind: Any) -> dict[str, tuple[str, Any]]:
    """Return the row and the class of each part of a configuration.

    A part that may be of any family has that family's row; one that is always of the same class has a row of its own.
    """
    try:
        default = kind()
    except Exception:
        return {}
    found = {}
    for name, given in getattr(kind, "sub_configs", {}).items():
        part: Any = type(getattr(default, name, None))
        if not issubclass(part, transformers.PretrainedConfig):
            continue
        found[name] = (part.model_type if given is transformers.AutoConfig else f"{family}.{name}", part)
    return found


def tokenizer_of(family: str) -> str:
    """Return the tokenizer class of folders that name none, without its ending “Fast”."""
    slow, fast = TOKENIZER_MAPPING_NAMES.get(family, (None, None))
    return (fast or slow or "").removesuffix("Fast")


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def row_of(kind: Any, parts: dict[str, str], words: frozenset[str]) -> Row:
    """Return a row without rules."""
    own = {**constructor_defaults(kind), "model_type": kind.model_type}
    renamed = {old: new for old, new in getattr(kind, "attribute_map", {}).items() if old in words or new in words}
    kept = words | set(renamed) | set(renamed.values()) | READ_BY_RULES
    own = {name: plain(value) for name, value in own.items() if name in kept and name not in parts}
    return {name: value for name, value in {"defaults": own, "parts": parts, "renamed": renamed}.items() if value}


# What the rules read, and the converter does not.
READ_BY_RULES = frozenset(
    {
        "attn_layer_indices",
        "attn_layer_offset",
        "attn_layer_period",
        "block_dim",
        "block_ff_dim",
        "block_multiple_of",
        "block_types",
        "encoder_layers",
        "expand",
        "full_attention_interval",
        "full_attn_idxs",
        "interleave_moe_layer_step",
        "layers_block_type",
        "mamba_d_head",
        "mamba_d_ssm",
        "mamba_expand",
        "mamba_n_heads",
        "max_window_layers",
        "model_type",
        "moe_layers",
        "multi_query",
        "n_embed",
        "n_expert_layers",
        "no_rope_layer_interval",
        "no_rope_layers",
        "rotary_emb_base",
        "rotary_pct",
        "sliding_window_pattern",
        "use_bidirectional_attention",
        "use_sliding_window",
        "vocabulary_map",
    }
)


def asked(kind: Any, given: dict[str, Any], words: frozenset[str]) -> dict[str, Any] | None:
    """Return what transformers completes settings to, of what the converter could read; ``None`` if it refuses them."""
    try:
        values = plain(kind.from_dict({**given, "model_type": kind.model_type}).to_dict())
    except Exception:
        return None
    inner = values.get("text_config")  # what is in there hides what has the same name outside
    return compared(values, words - set(inner if isinstance(inner, dict) else {}))


def compared(values: dict[str, Any], words: Set[str]) -> dict[str, Any]:
    """Return what has to be equal; parts are compared on their own."""
    return {name: value for name, value in values.items() if name in words and name != "model_type"}


def answered(row: Row, kind: Any, words: frozenset[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return probes in a family's own words, each with transformers' answer."""
    renamed = row.get("renamed", {})
    asks = [{renamed.get(name, name): value for name, value in given.items()} for given in PROBES.values()]
    answers = [(given, asked(kind, given, words)) for given in asks]
    return [(given, answer) for given, answer in answers if answer is not None]


def with_constants(row: Row, answers: list[tuple[dict[str, Any], dict[str, Any]]]) -> Row:
    """Add what a constructor sets whatever it is given, and take out what it keeps to itself."""
    answer = [found for _, found in answers]
    if not answer:
        return row
    same = {name: value for name, value in answer[0].items() if all(found.get(name, ...) == value for found in answer)}
    own = {
        name: value
        for name, value in row["defaults"].items()
        if name in READ_BY_RULES or any(name in found for found in answer)
    }
    added = {name: value for name, value in same.items() if not isinstance(value, dict)}
    return {**row, "defaults": {**own, **added, "model_type": row["defaults"]["model_type"]}}


def with_rules(
    family: str, row: Row, table: dict[str, Row], kind: Any, words: frozenset[str]
) -> tuple[Row | None, str]:
    """Return the row with the rules that give transformers' answers, or ``None`` and what is different at best."""
    answers = answered(row, kind, words)
    least: set[str] | None = None
    changed = with_constants(row, answers)
    for first in ("", *RULES):
        chosen = [first] if first else []
        wrong = _wrong(family, changed, table, answers, chosen)
        while wrong:
            trials = [(len(_wrong(family, changed, table, answers, [*chosen, rule])), rule) for rule in RULES]
            count, rule = min(trials)
            if count >= len(wrong):
                break
            chosen.append(rule)
            wrong = _wrong(family, changed, table, answers, chosen)
        if not wrong:
            return ({**changed, "derived": _ordered(chosen)} if chosen else changed), ""
        least = wrong if least is None or len(wrong) < len(least) else least
    return None, ", ".join(sorted(least or set())[:6])


def _ordered(rules: list[str]) -> list[str]:
    return [rule for rule in RULES if rule in rules]


def _wrong(
    family: str, row: Row, table: dict[str, Row], answers: list[tuple[dict[str, Any], dict[str, Any]]], rules: list[str]
) -> set[str]:
    """Return which settings come out otherwise than in transformers, for which probe."""
    wrong: set[str] = set()
    trial = {**table, family: {**row, "derived": _ordered(rules), "parts": {}}}
    for number, (given, expected) in enumerate(answers):
        try:
            values = plain(of_row(family, {**given, "model_type": family}, trial))
        except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
            wrong |= {f"{number}: {name}" for name in ("raises", *expected)}
            continue
        wrong |= {
            f"{number}: {name}"
            for name, value in expected.items()
            if values.get(name, "none") != value and name not in row.get("parts", {}) and not isinstance(value, dict)
        }
    return wrong


def rows() -> dict[str, Any]:
    """Return each family's row; under an empty name what all have, and the names of all families that there are."""
    words = mentioned()
    base = plain(transformers.PretrainedConfig().to_dict())
    base = {name: value for name, value in base.items() if name in words or name in READ_BY_RULES}
    table: dict[str, Any] = {"": {"defaults": base, "families": sorted(CONFIG_MAPPING_NAMES)}}
    waiting = sorted(set(families()))
    kinds: dict[str, Any] = {family: CONFIG_MAPPING[family] for family in waiting}
    while waiting:
        family = waiting.pop()
        kind = kinds[family]
        parts = parts_of(family, kind)
        row = row_of(kind, {name: part for name, (part, _) in parts.items()}, words)
        for part, part_kind in parts.values():
            if part not in kinds:
                kinds[part] = part_kind
                waiting.append(part)
        found, different = with_rules(family, row, table, kind, words)
        tokenizer = tokenizer_of(family)
        if found is None:
            print(f"{family} is left out: {different}", file=sys.stderr)
        else:
            table[family] = {**found, "tokenizer": tokenizer} if tokenizer else found
    return {family: table[family] for family in sorted(table)}


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):
        table = rows()
    lines = [f" {json.dumps(family)}: {json.dumps(row, sort_keys=True)}" for family, row in table.items()]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
