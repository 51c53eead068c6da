"""Answers held to a form, and how likely their tokens were, with the real starter model in its worker."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.errors import InvalidForm, Refused
from engine.events import Event, Odds, Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session

QUESTION = [{"role": "user", "content": "Describe a cat: its name, its age and its colours."}]
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 30},
        "colours": {"type": "array", "items": {"enum": ["black", "white", "red"]}, "minItems": 1, "maxItems": 3},
    },
    "required": ["name", "age", "colours"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def session(starter: Checkpoint) -> Iterator[Session]:
    with Session(starter, LoadOptions(context_tokens=1024, threads=1)) as session:
        yield session


def text(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def odds(events: Sequence[Event]) -> list[Odds]:
    return [one for event in events if isinstance(event, Token) for one in event.odds]


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_an_answer_follows_its_schema(session: Session, temperature: float) -> None:
    sampling = Sampling(temperature=temperature, seed=3, max_tokens=200, json_schema=json.dumps(SCHEMA))
    answer = json.loads(text(list(session.generate(QUESTION, sampling))))
    assert list(answer) == ["name", "age", "colours"]
    assert isinstance(answer["name"], str)
    assert 0 <= answer["age"] <= 30
    assert 1 <= len(answer["colours"]) <= 3
    assert set(answer["colours"]) <= {"black", "white", "red"}


def test_an_answer_follows_its_grammar_and_ends_with_it(session: Session) -> None:
    grammar = 'root ::= "It is " ("red" | "green") "."'
    found = {text(list(session.generate(QUESTION, Sampling(temperature=1.5, seed=n, grammar=grammar)))) for n in (1, 2)}
    assert found <= {"It is red.", "It is green."}


def test_the_same_seed_gives_the_same_answer_in_its_form(session: Session) -> None:
    sampling = Sampling(temperature=1.2, seed=9, max_tokens=60, json_schema=json.dumps(SCHEMA))
    first, again = (text(list(session.generate(QUESTION, sampling))) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    ("grammar", "line", "column", "reason"),
    [
        ('root ::= "a"\nb ::= ("c"', 2, 11, "expecting '\\)'"),
        ('root ::= [a]\nb ::= "c', 2, 9, "end of input"),
        ("root ::= word", 1, 10, "no rule “word”"),
        ("top ::= [a-z]", 0, 0, "root"),
        ("root ::= root | [a]", 0, 0, "left recursion"),
    ],
)
def test_a_wrong_grammar_says_where(session: Session, grammar: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(InvalidForm, match=reason) as caught:
        list(session.generate(QUESTION, Sampling(grammar=grammar)))
    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)


@pytest.mark.parametrize("schema", ['{"type": "object",\n "properties": }', '{"type": "nonsense"}', "[]"])
def test_a_wrong_schema_is_said(session: Session, schema: str) -> None:
    with pytest.raises(InvalidForm, match="JSON schema"):
        list(session.generate(QUESTION, Sampling(json_schema=schema)))


def test_an_answer_in_a_form_is_not_continued_in_the_middle(session: Session) -> None:
    begun = [*QUESTION, {"role": "assistant", "content": '{"name":'}]
    with pytest.raises(Refused, match="cannot be continued"):
        list(session.generate(begun, Sampling(json_schema="{}"), continue_last=True))


def test_the_likeliest_tokens_are_told_and_the_greedy_one_is_the_first(session: Session) -> None:
    plain = list(session.generate(QUESTION, Sampling(temperature=0.0, max_tokens=12)))
    told = list(session.generate(QUESTION, Sampling(temperature=0.0, max_tokens=12, logprobs=5)))
    assert text(told) == text(plain)
    assert odds(plain) == []
    found = odds(told)
    assert "".join(one.text for one in found) == text(told)
    for one in found:
        assert len(one.top) == 5
        assert one.top[0] == (one.text, one.logprob)
        assert [log for _, log in one.top] == sorted((log for _, log in one.top), reverse=True)
        assert sum(math.exp(log) for _, log in one.top) <= 1.001
