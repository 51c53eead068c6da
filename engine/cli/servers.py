"""``halfbyte servers``: models that run elsewhere, on any server that speaks OpenAI's protocol."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.address import host_of, normal_url, usual_name
from engine.catalog.servers.client import Served, ServerClient
from engine.catalog.servers.keys import ServerKeys, variable_of
from engine.catalog.servers.listing import PREFIX, Server, Servers, split_name
from engine.cli import show
from engine.cli.library import json_option, named, open_library
from engine.errors import EngineError, NotFound, Refused


@click.group("servers", invoke_without_command=True)
@click.pass_context
def servers_group(context: click.Context) -> None:
    """Chat with models on servers (vLLM, llama-server and others): add, list and remove them."""
    if not context.invoked_subcommand:
        context.invoke(list_command)


@servers_group.command("add")
@click.argument("url")
@click.option("--name", help="How you call it. [default: its host]")
@click.option("--key", help="Its key; “-” reads it from standard input. It is kept in the system's keyring.")
def add_command(url: str, name: str | None, key: str | None) -> None:
    """Add the server at URL, or give it a new key, and show its models."""
    url = normal_url(url)
    name = name or usual_name(url)
    key = sys.stdin.readline().strip() if key == "-" else key
    keys = ServerKeys()
    if key:
        models = _models(Server(name, url), key)  # a key is tried before it is kept
        if not keys.keep(url, key):
            hint = f"Set the environment variable {variable_of(name)} in its place."
            raise Refused("This system has no keyring, and keys go into no file.", hint)
        server = Servers().add(url, name)
    else:
        server = Servers().add(url, name)
        try:
            models = _models(server, keys.find(name, url))
        except EngineError:
            show.errors.print(
                f"{name} is kept all the same: its key or the server itself may come later.", markup=False
            )
            raise
    Servers().remember(server, [served.name for served in models])
    for served in models:
        show.output.print(f"{PREFIX}{server.name}/{served.name}", highlight=False, markup=False, soft_wrap=True)
    show.errors.print(_mark(server), soft_wrap=True)


@servers_group.command("list")
@click.option("--models", "with_models", is_flag=True, help="Ask each server for its models.")
@json_option
def list_command(with_models: bool, as_json: bool) -> None:
    """List the servers, and with --models what each of them has."""
    rows = list(_rows(with_models))
    if as_json:
        show.as_json(rows)
        return
    for row in rows:
        show.output.print(f"{row['name']}  {row['url']}", highlight=False, markup=False, soft_wrap=True)
        for model in row.get("models", ()):
            context = f"  {model['context_tokens']:,} tokens" if model["context_tokens"] else ""
            line = f"  {PREFIX}{row['name']}/{model['name']}{context}"
            show.output.print(line, highlight=False, markup=False, soft_wrap=True)
        if problem := row.get("problem"):
            show.output.print(f"  {problem}", highlight=False, markup=False, soft_wrap=True)


@servers_group.command("remove")
@click.argument("name")
def remove_command(name: str) -> None:
    """Forget the server NAME and its key."""
    server = Servers().remove(name)
    ServerKeys().forget(server.url)
    show.errors.print(f"{server.name} is forgotten.", markup=False)


def find_model(name: str) -> Checkpoint:
    """Return the model of a name: on a server for ``server:NAME/MODEL``, else in the library."""
    if not name.startswith(PREFIX):
        return open_library().find(named(name))
    server_name, model = split_name(name)
    servers = Servers()
    server = servers.named(server_name)
    return servers.checkpoint(server, model or _only(server))


def _only(server: Server) -> str:
    """Return a server's model where it has one only, as llama-server and vLLM do."""
    models = _models(server, ServerKeys().find(server.name, server.url))
    if len(models) == 1:
        return models[0].name
    names = ", ".join(served.name for served in models) or "none"
    raise NotFound("The model", server.name, f"Name one: {PREFIX}{server.name}/MODEL. There are: {names}.")


def _models(server: Server, key: str) -> tuple[Served, ...]:
    with ServerClient(server, key) as client:
        return client.models()


def _rows(with_models: bool) -> Iterator[dict]:
    keys = ServerKeys()
    for server in Servers().all():
        row: dict = {"name": server.name, "url": server.url, "leaves_machine": server.leaves_machine}
        if with_models:
            try:
                models = _models(server, keys.find(server.name, server.url))
                row["models"] = [{"name": one.name, "context_tokens": one.context_tokens} for one in models]
            except EngineError as error:
                row["problem"] = f"{error.message} {error.hint}".strip()
        yield row


def _mark(server: Server) -> str:
    if server.leaves_machine:
        return f"What you write to these models leaves this machine: it goes to {host_of(server.url)}."
    return "This server is on this machine: what you write stays here."
