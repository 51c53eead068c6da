"""The commands for kept conversations: ``halfbyte chats list``, ``search``, ``export``, ``import`` and ``delete``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from engine.chat.asking import cache_key
from engine.chat.export.html import as_html
from engine.chat.export.markdown import as_markdown, date
from engine.chat.export.records import as_json
from engine.chat.history.rows import Entry
from engine.chat.history.search import Hit
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.chat.importing.files import Importing
from engine.cli import show
from engine.cli.library import json_option
from engine.cli.run import finish
from engine.errors import Refused
from engine.runtime import kept_prompts

FORMS = ("markdown", "html", "json")


@click.group("chats", invoke_without_command=True)
@click.pass_context
def chats(context: click.Context) -> None:
    """Look at the conversations that are kept, and move them in and out."""
    if not context.invoked_subcommand:
        context.invoke(list_command)


@chats.command("list")
@click.option("--folder", help="Only this folder's.")
@click.option("--archived", is_flag=True, help="The archived ones.")
@json_option
def list_command(folder: str | None, archived: bool, as_json: bool) -> None:
    """List the conversations, pinned ones first, then the latest."""
    with History(writing=False) as history:
        found = history.entries(archived=archived, folder=folder)
    if as_json:
        show.as_json(found)
    else:
        _show_entries(found)


@chats.command("search")
@click.argument("text")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
def search_command(text: str, limit: int, as_json: bool) -> None:
    """Find TEXT in everything that was said: all of its words, "quoted ones" next to each other."""
    with History(writing=False) as history:
        hits = history.search(text, limit)
    if as_json:
        show.as_json(hits)
        return
    for hit in hits:
        show.output.print(_hit_words(hit), soft_wrap=True)
    show.errors.print(f"{len(hits)} found." if hits else "Nothing was found.")


@chats.command("export")
@click.argument("number", type=int, required=False)
@click.option("--form", type=click.Choice(FORMS), default="markdown", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="File to write. [default: standard output]")
def export_command(number: int | None, form: str, output: Path | None) -> None:
    """Export conversation NUMBER (see `list`); without one, all of them as JSON, branches included."""
    with History(writing=False) as history:
        if number is None and form != "json":
            raise Refused("Only JSON holds several conversations.", "Name one, or choose --form json.")
        entries = (
            [history.entry(number)] if number is not None else [*history.entries(), *history.entries(archived=True)]
        )
        text = _exported([(entry, history.whole_tree(entry.id)) for entry in entries], form)
    if output is None:
        show.output.out(text, highlight=False, end="")
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}.", "Choose another file.") from error


@chats.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def import_command(file: Path, as_json: bool) -> None:
    """Import conversations from a FILE of Halfbyte, ChatGPT (conversations.json or the .zip) or Open WebUI."""
    with History() as history:
        added = finish(Importing(history, file))
    if as_json:
        show.as_json(added)
    else:
        _show_entries(added)


@chats.command("delete")
@click.argument("number", type=int)
@click.option("--undo", is_flag=True, help="Bring it back; possible for 30 days.")
def delete_command(number: int, undo: bool) -> None:
    """Delete conversation NUMBER (see `list`)."""
    with History() as history:
        entry = history.entry(number)
        if undo:
            history.undelete(number).result()
            show.errors.print(f"“{_title(entry)}” is back.", markup=False)
            return
        history.delete(number).result()
    kept_prompts.forget(cache_key(number))
    show.errors.print(
        f"“{_title(entry)}” is deleted. To bring it back: halfbyte chats delete {number} --undo", markup=False
    )


def _exported(conversations: list[tuple[Entry, Tree]], form: str) -> str:
    if form == "json":
        return as_json(conversations) + "\n"
    ((entry, tree),) = conversations
    return as_html(entry, tree) if form == "html" else as_markdown(entry, tree)


def _show_entries(entries: list[Entry]) -> None:
    if not entries:
        show.errors.print("No conversations.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("number", justify="right")
    for name in ("changed", "folder", "title"):
        table.add_column(name)
    for entry in entries:
        table.add_row(str(entry.id), date(entry.changed_s), Text(entry.folder), Text(_title(entry)))
    show.output.print(table)


def _title(entry: Entry) -> str:
    return entry.title or "Untitled"


def _hit_words(hit: Hit) -> Text:
    text = Text(f"{hit.conversation_id}  {hit.title or 'Untitled'}: ", style="dim")
    snippet = Text(" ".join(hit.snippet.text.split("\n")), style="not dim")
    for start, end in hit.snippet.marks:
        snippet.stylize("bold", start, end)
    return text + snippet
