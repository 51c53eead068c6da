"""A model's own chat template, rendered as its makers' library renders it, in jinja2's sandbox.

A template comes with a downloaded model: it is untrusted code. The environment is that of transformers 5.23
(``utils/chat_template_utils.py``, ``_cached_compile_jinja_template``), its hardening included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.utils
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import Refused
from engine.runtime.backends.thinking import ThinkingTags, tags_of

Messages = Sequence[Mapping[str, Any]]

# For models without a template of their own: most are base models, which continue any transcript.
PLAIN = r"""
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ message.content + '\n\n' }}
{%- elif message.role == 'user' -%}{{ 'User: ' + message.content + '\n' }}
{%- else -%}{{ 'Assistant: ' + message.content + '\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}Assistant:{%- endif -%}
"""
PLAIN_STOPS = ("\nUser:",)


class Unusable(Exception):
    """Say that a template cannot render even the simplest conversation."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt's text. ``thinking_is_open``: it ends with the tag that opens the thinking part."""

    text: str
    thinking_is_open: bool


class ChatTemplate:
    """Turn messages into a prompt.

    What a template cannot do is found by trying it once: one that has no place for a system message gets it before
    the first question; one that wants lists of parts gets those.
    """

    def __init__(self, source: str, special: Mapping[str, str]) -> None:
        """``special`` are the variables ``bos_token``, ``eos_token``. Raises :class:`Unusable`."""
        self.tags: ThinkingTags | None = tags_of(source)
        self._special = dict(special)
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise Unusable(f"{error}") from error
        self._wants_parts = not self._keeps([_USER], parts=False)
        if self._wants_parts and not self._keeps([_USER], parts=True):
            raise Unusable("it does not show a message's text")
        self._takes_system = self._keeps([_SYSTEM, _USER], parts=self._wants_parts)

    def render(self, messages: Messages, *, continue_last: bool = False) -> Rendered:
        """Return the prompt for the assistant's next words.

        ``continue_last``: the last message is the assistant's own, and its text is left open. Raises :class:`Refused`
        with the template's own words if it does not accept the conversation.
        """
        *before, last = messages if continue_last else (*messages, None)
        try:
            text = self._render(self._adapted(before), parts=self._wants_parts)
        except Exception as error:  # it is foreign code: anything may happen in it
            reason = f"The model's chat template refuses this conversation: {error}"
            raise Refused(reason, "Start a new conversation.") from error
        is_open = self.tags is not None and text.rstrip().endswith(self.tags.open)
        if last is None:
            return Rendered(text, is_open)
        return self._continued(text, last, is_open)

    def _continued(self, text: str, last: Mapping[str, Any], is_open: bool) -> Rendered:
        thinking, content = last.get("thinking", ""), last["content"]
        if self.tags is None:
            return Rendered(text + content, False)
        text = text.rstrip("\n") if is_open else text
        written = self.tags.wrapped(thinking, content, is_open=is_open)
        return Rendered(text + written, not content and (is_open or bool(thinking)))

    def _adapted(self, messages: Messages) -> Messages:
        if self._takes_system or not messages or messages[0]["role"] != "system":
            return messages
        system, *others = messages
        for index, message in enumerate(others):
            if message["role"] == "user":
                others[index] = {**message, "content": f"{system['content']}\n\n{message['content']}"}
                return others
        return [{**system, "role": "user"}, *others]

    def _keeps(self, messages: Messages, *, parts: bool) -> bool:
        try:
            text = self._render(messages, parts=parts)
        except Exception:  # foreign code
            return False
        return all(message["content"] in text for message in messages)

    def _render(self, messages: Messages, *, parts: bool) -> str:
        told = [_template_message(message, parts) for message in messages]
        return self._template.render(
            messages=told, add_generation_prompt=True, tools=None, documents=None, **self._special
        )


_USER = {"role": "user", "content": "Is this text kept?"}
_SYSTEM = {"role": "system", "content": "Is a system message kept?"}


def _template_message(message: Mapping[str, Any], parts: bool) -> dict[str, Any]:
    """Return a message as templates know it; thinking under both names that are in use."""
    content = message["content"]
    told: dict[str, Any] = {
        "role": message["role"],
        "content": [{"type": "text", "text": content}] if parts else content,
    }
    if message.get("thinking"):
        told["reasoning_content"] = told["thinking"] = message["thinking"]
    return told


class _Generation(jinja2.ext.Extension):
    """Accept ``{% generation %}``, which marks answers for training and means nothing here."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Namespace(jinja2.utils.Namespace):
    """Refuse names that lead into Python's own attributes."""

    def __init__(*args: Any, **values: Any) -> None:
        self, *rest = args
        attributes = dict(*rest, **values)
        for name in attributes:
            _check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace has no {name!r}")


class _Dict:
    """The ``dict`` of a template, without the type's attributes."""

    def __call__(self, *args: Any, **values: Any) -> dict[Any, Any]:
        return dict(*args, **values)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": _raise,
        "strftime_now": _now,
        "dict": _Dict(),
        "namespace": _Namespace,
    }
    return environment


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def usable_template(source: str, special: Mapping[str, str]) -> tuple[ChatTemplate, str]:
    """Return a model's own template, or the plain one and in one sentence why that stands in."""
    if not source:
        return ChatTemplate(PLAIN, special), "It brings no chat template."
    try:
        return ChatTemplate(source, special), ""
    except Unusable as error:
        return ChatTemplate(PLAIN, special), f"Its chat template cannot be used ({error})."
