"""The shown branch as one HTML file: no script, nothing from the network, every text escaped."""

from __future__ import annotations

from html import escape

from markdown_it import MarkdownIt

from engine.chat.conversation import Message
from engine.chat.export.markdown import byline, date, heading, left_out_words
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree

# Nothing may be loaded or run, whatever an answer says: a second lock beside the escaping.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
article { margin: 1.5rem 0 } article.user { border-left: 4px solid #4a7bd0; padding-left: 1rem }
header { font-size: .85rem; opacity: .7 }
pre { overflow-x: auto; padding: .8rem; background: #8882; border-radius: 6px }
table { border-collapse: collapse } td, th { border: 1px solid #8886; padding: .2rem .6rem }
details { opacity: .8 } .note { font-style: italic; opacity: .8 }
"""


def as_html(entry: Entry, tree: Tree) -> str:
    """Return a page."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough").disable("image")
    title = escape(heading(entry))
    articles = "\n".join(_article(node.message, node.created_s, markdown) for node in tree.branch)
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


def _article(message: Message, created_s: float, markdown: MarkdownIt) -> str:
    parts = [f"<header>{escape(byline(message))} · {date(created_s)}</header>"]
    if words := left_out_words(message):
        parts.append(f'<p class="note">{escape(words)}</p>')
    if message.thinking:
        parts.append(f"<details><summary>Thoughts</summary><p>{_plain(message.thinking)}</p></details>")
    # A question is shown as it was typed.
    said = _plain(message.content) if message.role == "user" else markdown.render(message.content)
    return f'<article class="{message.role}">\n{"".join(parts)}\n<div>{said}</div>\n</article>'


def _plain(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")
