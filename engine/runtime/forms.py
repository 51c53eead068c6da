"""The form that an answer is held to: a JSON schema or a grammar in GBNF, as text.

What is checked here needs no model. Whether llama.cpp can follow a grammar is found by the back end.
"""

from __future__ import annotations

import json
from typing import Any

from engine.errors import InvalidForm, Refused
from engine.runtime.options import Sampling

LARGEST_FORM = 1 << 20  # letters


def schema_of(text: str) -> dict[str, Any] | bool:
    """Return a JSON schema. Raises :class:`InvalidForm` with the place of what is wrong."""
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidForm("JSON schema", error.msg, error.lineno, error.colno) from error
    except (ValueError, RecursionError) as error:
        raise InvalidForm("JSON schema", str(error)) from error
    if not isinstance(schema, dict | bool):
        raise InvalidForm("JSON schema", "a schema is an object, in braces", 1, 1)
    return schema


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of a letter of a text."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def refuse_form(sampling: Sampling, who: str) -> None:
    """Raise :class:`Refused` where an answer is to have a form and ``who`` cannot hold it to one."""
    if sampling.json_schema or sampling.grammar:
        what = "a JSON schema" if sampling.json_schema else "a grammar"
        raise Refused(
            f"{who} cannot hold an answer to {what}.", "Take it out of the model settings, or use a GGUF model."
        )
