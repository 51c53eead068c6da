"""Takes a model's address apart: a name, or what a browser's address bar or a copy button gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from engine.errors import Refused

# Source: huggingface_hub 2.4, utils/_validators.py, validate_repo_id.
NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_](?:[\w.\-]{0,94}[A-Za-z0-9_])?", re.ASCII)
HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com")
OTHER_KINDS = {"datasets": "a data set", "spaces": "a space", "papers": "a paper", "docs": "documentation"}
OTHER_PAGES = {"collections", "models", "settings", "organizations", "posts", "blog", "join", "login", "api", "chat"}
HINT = "Give it as publisher/name, or paste the address of its page."


@dataclass(frozen=True, slots=True)
class Address:
    """A repository, and the revision, file or folder that was pointed at (empty if none was)."""

    repository: str
    revision: str = ""
    path: str = ""


def parse_address(text: str, endpoint: str = "") -> Address:
    """Return the address in a name or URL; ``endpoint`` is a mirror whose URLs count as the Hub's.

    Raises :class:`Refused` for what is no model's address, with the reason.
    """
    text = text.strip().strip("<>\"'").strip()
    for prefix in ("hf://models/", "hf://", "hf download ", "ollama run "):
        text = text.removeprefix(prefix).strip()
    parts = _url_parts(text, endpoint) or _path_parts(text)
    if parts[0] in OTHER_KINDS and len(parts) > 1:
        raise Refused(f"This is the address of {OTHER_KINDS[parts[0]]}, not of a model.", HINT)
    if len(parts) < 2 or parts[0] in OTHER_PAGES:
        raise Refused(f"“{text[:80]}” is not the address of a model.", HINT)
    publisher, (name, revision) = parts[0], _with_revision(parts[1])
    if not NAME.fullmatch(publisher) or not NAME.fullmatch(name) or len(f"{publisher}/{name}") > 96:
        raise Refused(f"“{text[:80]}” is not the name of a model.", HINT)
    return _pointed_at(f"{publisher}/{name}", revision, parts[2:])


def _url_parts(text: str, endpoint: str) -> list[str]:
    """Return the parts of a URL's path; empty if the text is not a URL of the Hub."""
    address = text if "://" in text else f"https://{text}"
    try:
        url, mirror = urlsplit(address), urlsplit(endpoint)
        host = url.hostname or ""
        own = bool(mirror.netloc) and url.netloc == mirror.netloc
    except ValueError:
        raise Refused(f"“{text[:80]}” is not an address.", HINT) from None
    if host not in HUB_HOSTS and not own:
        if "://" in text:
            raise Refused(f"{host or text[:80]} is not the Hugging Face Hub.", HINT)
        return []
    path = url.path
    if own and mirror.path:
        path = path.removeprefix(mirror.path.rstrip("/"))
    return [unquote(part) for part in path.split("/") if part] or [""]


def _path_parts(text: str) -> list[str]:
    return text.strip("/").split("/")


def _with_revision(name: str) -> tuple[str, str]:
    """Split ``name@revision``; Ollama's ``name:Q4_K_M`` names a level and is left to the list of variants."""
    name, _, revision = name.partition("@")
    return name.partition(":")[0].removesuffix(".git"), revision


def _pointed_at(repository: str, revision: str, rest: list[str]) -> Address:
    """Read what follows the name: ``blob|tree|resolve|raw/revision/path``, or a path alone."""
    if not rest:
        return Address(repository, revision)
    if rest[0] in ("blob", "tree", "resolve", "raw") and len(rest) > 1:
        taken = 4 if rest[1:3] == ["refs", "pr"] else 2  # refs/pr/7 has slashes of its own
        return Address(repository, "/".join(rest[1:taken]), "/".join(rest[taken:]))
    if rest[0] in ("commit", "revision") and len(rest) > 1:
        return Address(repository, rest[1])
    if rest[0] in ("discussions", "commits", "edit", "settings", "community"):
        return Address(repository, revision)
    return Address(repository, revision, "/".join(rest))
