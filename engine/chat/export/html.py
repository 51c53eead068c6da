"""The shown branch as one HTML file: no script, nothing from the network, every text escaped.

Answers have what the window shows of them: tables, task lists, footnotes, and formulas as MathML, which browsers draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from engine.chat.export.markdown import byline, date, heading, left_out_words
from engine.chat.export.mathml import mathml
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Node, Tree
from engine.chat.math_rules import math_plugin

# Nothing may be loaded or run, whatever an answer says: a second lock beside the escaping.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
article { margin: 1.5rem 0 } article.user { border-left: 4px solid #4a7bd0; padding-left: 1rem }
header { font-size: .85rem; opacity: .7 }
pre { overflow-x: auto; padding: .8rem; background: #8882; border-radius: 6px }
math[display="block"] { margin: .8rem 0 } .task-list-item { list-style: none; margin-left: -1.4rem }
section.footnotes { font-size: .85rem; opacity: .8 }
table { border-collapse: collapse } td, th { border: 1px solid #8886; padding: .2rem .6rem }
details { opacity: .8 } .note { font-style: italic; opacity: .8 }
"""


def as_html(entry: Entry, tree: Tree) -> str:
    """Return a page."""
    markdown = _parser()
    title = escape(heading(entry))
    articles = "\n".join(_article(node, markdown) for node in tree.branch)
    system = f"<details><summary>System prompt</summary><p>{_plain(entry.system_prompt)}</p></details>"
    return f"""<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
{system if entry.system_prompt else ""}
{articles}
</body>
</html>
"""


def _article(node: Node, markdown: MarkdownIt) -> str:
    message, said_in = node.message, {"docId": str(node.id)}  # footnotes of several answers stay apart
    parts = [f"<header>{escape(byline(message))} · {date(node.created_s)}</header>"]
    if words := left_out_words(message):
        parts.append(f'<p class="note">{escape(words)}</p>')
    if message.thinking:
        took = "Thoughts" if message.thinking_s is None else f"Thought for {message.thinking_s:.1f} s"
        thoughts = markdown.render(message.thinking, {"docId": f"{node.id}-thoughts"})
        parts.append(f"<details><summary>{took}</summary>{thoughts}</details>")
    # A question is shown as it was typed.
    said = _plain(message.content) if message.role == "user" else markdown.render(message.content, said_in)
    return f'<article class="{message.role}">\n{"".join(parts)}\n<div>{said}</div>\n</article>'


def _parser() -> MarkdownIt:
    """Return a parser like the window's: a single line break counts, and a picture is a link."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.use(footnote_plugin).use(tasklists_plugin).use(math_plugin)
    parser.add_render_rule("image", _link)
    parser.add_render_rule("formula", _formula)
    return parser


def _link(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    address, words = str(tokens[index].attrs.get("src", "")), tokens[index].content
    return f'<a href="{escape(address)}">{escape(words or address)}</a>'


def _formula(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    drawn = mathml(token.content, display=bool(token.meta["display"])) if token.content else ""
    shown = drawn or f"<code>{escape(token.markup)}</code>"
    return f"<p>{shown}</p>\n" if token.block else shown


def _plain(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")
