"""Chat templates of real models against the renderings of their makers' library; see tests/cases/templates."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Refused
from engine.runtime.backends import template
from engine.runtime.backends.template import PLAIN, ChatTemplate, Unusable
from engine.runtime.backends.thinking import ThinkingTags

CASES = Path(__file__).parents[2] / "cases" / "templates"
NAMES = sorted(path.stem for path in CASES.glob("*.json"))
USER = {"role": "user", "content": "Hi"}


def case(name: str) -> dict[str, Any]:
    return json.loads((CASES / f"{name}.json").read_text("utf-8"))


def chat_template(name: str) -> ChatTemplate:
    return ChatTemplate((CASES / f"{name}.jinja").read_text("utf-8"), case(name)["special"])


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return cls(2026, 11, 23, 12)

    monkeypatch.setattr(template, "datetime", Clock)


@pytest.mark.parametrize(
    ("name", "conversation"), [(name, conversation) for name in NAMES for conversation in case(name)["cases"]]
)
def test_a_template_renders_as_its_makers_library_does(name, conversation):
    told = case(name)["cases"][conversation]
    assert chat_template(name).render(told["messages"]).text == told["expected"]


@pytest.mark.parametrize("name", NAMES)
def test_the_thinking_tags_are_found(name):
    tags, expected = chat_template(name).tags, case(name)["thinking"]
    assert (tags and [tags.open, tags.close]) == expected


@pytest.mark.parametrize(
    ("name", "is_open"), [("deepseek-r1-distill", True), ("qwen3", False), ("gemma-4", False), ("qwen2.5", False)]
)
def test_a_prompt_that_opens_the_thinking_says_so(name, is_open):
    assert chat_template(name).render([USER]).thinking_is_open is is_open


def test_every_case_is_there():
    assert len(NAMES) >= 17


# Templates that cannot do everything


ALTERNATING = """\
{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif -%}
{%- for m in messages -%}[{{ m.role }}]{{ m.content | trim }}{% endfor -%}"""
SILENT = "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"


@pytest.mark.parametrize("source", [ALTERNATING, SILENT])
def test_a_system_message_that_has_no_place_goes_before_the_first_question(source):
    text = ChatTemplate(source, {}).render([{"role": "system", "content": "Be kind."}, USER]).text
    assert text == "[user]Be kind.\n\nHi"


def test_a_template_that_wants_parts_gets_them():
    source = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
    assert ChatTemplate(source, {}).render([USER]).text == "Hi"


@pytest.mark.parametrize(
    "source", ["{% for %}", "constant", "{{ raise_exception('never') }}", "{{ missing.part.part }}"]
)
def test_a_template_that_shows_no_text_is_unusable(source):
    with pytest.raises(Unusable):
        ChatTemplate(source, {})


def test_a_refused_conversation_is_told_in_the_templates_own_words():
    source = "{% if messages | length > 2 %}{{ raise_exception('Too many') }}{% endif %}{{ messages[-1].content }}"
    with pytest.raises(Refused, match="Too many"):
        ChatTemplate(source, {}).render([USER, USER, USER])


def test_training_marks_and_loop_controls_are_understood():
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% break %}{% endfor %}"
    assert ChatTemplate(source, {}).render([USER]).text == "Hi"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ messages.append(1) }}",
        "{% set n = namespace(_x=1) %}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ dict.__class__ }}",
    ],
)
def test_a_hostile_template_stays_in_its_box(attack):
    chat_template = ChatTemplate(
        "{% if messages[0].content == 'Hi' %}" + attack + "{% endif %}{{ messages[0].content }}", {}
    )
    try:
        text = chat_template.render([USER]).text
    except Refused:
        return
    assert text == "Hi"  # an undefined value: nothing


# No template, and going on


def test_the_plain_stand_in_is_a_transcript():
    messages = [{"role": "system", "content": "Be kind."}, USER, {"role": "assistant", "content": "Hello."}, USER]
    text = ChatTemplate(PLAIN, {}).render(messages).text
    assert text == "Be kind.\n\nUser: Hi\nAssistant: Hello.\nUser: Hi\nAssistant:"


@pytest.mark.parametrize(
    ("name", "last", "ending", "is_open"),
    [
        ("qwen2.5", {"content": "Hel"}, "<|im_start|>assistant\nHel", False),
        ("qwen3", {"content": "Hel", "thinking": "Hm."}, "assistant\n<think>\nHm.\n</think>\n\nHel", False),
        ("qwen3", {"content": "", "thinking": "Hm"}, "assistant\n<think>\nHm", True),
        (
            "deepseek-r1-distill",
            {"content": "Hel", "thinking": "Hm."},
            "<｜Assistant｜><think>\nHm.\n</think>\n\nHel",
            False,
        ),
        ("deepseek-r1-distill", {"content": "", "thinking": "Hm"}, "<｜Assistant｜><think>\nHm", True),
    ],
)
def test_an_answer_that_breaks_off_is_left_open(name, last, ending, is_open):
    rendered = chat_template(name).render([USER, {"role": "assistant", **last}], continue_last=True)
    assert rendered.text.endswith(ending)
    assert rendered.thinking_is_open is is_open


def test_tags_are_values():
    assert ThinkingTags("a", "b").marks == ("a", "b")
