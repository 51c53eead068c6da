"""What goes wrong between here and a server, as errors with a next step. None of them shows the key."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Any

from engine.catalog.hub.answers import wait_asked_s
from engine.errors import ContextTooLong, EngineError, NotFound, Offline, Refused
from engine.quantities import duration

if TYPE_CHECKING:
    import httpx2

BODY_LIMIT_BYTES = 64 << 10
SAID_LIMIT = 300
# vLLM 0.32.0, renderers/params.py; OpenAI says “your messages resulted in”.
_TOO_LONG = re.compile(
    r"maximum context length is (\d+) tokens\b.{0,80}?"
    r"\b(?:contains|resulted in|has) (at least )?(\d+) (?:input )?tokens"
)
GIVE_KEY = "Give the server its key: on the page Servers, or with halfbyte servers add URL --key."
LIST_MODELS = "Test the server to see what is there: on the page Servers, or with halfbyte servers list --models."


def not_openai(host: str, found: str) -> Refused:
    return Refused(
        f"{host} did not answer as a server of OpenAI's protocol does: {found}.",
        "Check the address; most end in /v1.",
    )


def unreachable(error: Exception, host: str) -> Offline:
    """Return what a broken connection means, in words."""
    said = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return Offline(host, f"its certificate is not to be trusted ({said.rpartition(': ')[2].strip('. ')})")
    if "SSL" in said or "TLS" in said:
        return Offline(host, f"no encrypted connection comes about ({said}); it may be http:// in place of https://")
    if "refused" in said.lower():
        return Offline(host, "nothing listens at this address; the server may not be running")
    if isinstance(_root(error), socket.gaierror):
        return Offline(host, "no computer of this name is known; there may be a typing error in the address")
    kind = type(error).__name__
    if kind in ("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"):
        return Offline(host, "it does not answer; it may be busy, or something on the way drops what is sent")
    if kind in ("RemoteProtocolError", "ReadError", "WriteError"):
        return Offline(host, "it ended the connection; it may have been stopped")
    return Offline(host, said)


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def refusal(response: httpx2.Response, model: str) -> EngineError:
    """Return what an answer with an error status means; reads a bounded part of its body."""
    status, host = response.status_code, response.url.host
    if status == 429:
        after_s = wait_asked_s(response.headers)
        when = f"Try again in {duration(after_s)}." if after_s else "Try again later."
        return Refused(f"{host} has too many requests, or your quota there is used up.", when)
    error = _error_of(_body(response))
    said = f" It says: {_said(error)}" if _said(error) else ""
    if status in (401, 403):
        known = "does not accept the key" if "authorization" in response.request.headers else "wants a key"
        return Refused(
            f"{host} {known}.{said}",
            GIVE_KEY,
        )
    if status == 404:
        if not model:
            return NotFound("A list of models", host, f"Check the address; most end in /v1.{said}")
        return NotFound(f"The model “{model}”", host, f"{LIST_MODELS}{said}")
    return said_error(error, host) or _by_status(status, host, said)


def said_error(error: Any, host: str) -> EngineError | None:
    """Return what an error object of the protocol means, in an answer or within a stream; ``None`` if it says nothing.

    Sources: llama.cpp 0c1e57098, tools/server/server-common.cpp (``exceed_context_size_error``); vLLM 0.33.0,
    entrypoints/openai, and OpenAI's API reference (``context_length_exceeded``).
    """
    if not _said(error):
        return None
    if isinstance(error, dict):
        if too_long := _too_long(error):
            return too_long
        if error.get("code") == "context_length_exceeded" or "maximum context length" in _said(error):
            return Refused(f"The conversation is too long for {host}: {_said(error)}", "Start a new conversation.")
        if error.get("type") == "server_error" or error.get("code") in (500, 503):
            return Offline(host, f"it has a problem: {_said(error)}")
    return Refused(f"{host} refuses the request: {_said(error)}", "Change the request, or ask who runs the server.")


def _too_long(error: dict[str, Any]) -> ContextTooLong | None:
    used, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
    if error.get("type") == "exceed_context_size_error" and isinstance(used, int) and isinstance(limit, int):
        return ContextTooLong(used, limit)
    if counted := _TOO_LONG.search(_said(error)):
        return ContextTooLong(int(counted[3]), int(counted[1]), bool(counted[2]))
    return None


def _by_status(status: int, host: str, said: str) -> EngineError:
    if status >= 500:
        return Offline(host, f"it answers with the error {status}.{said}")
    if status < 400:
        return Refused(f"{host} sends the request on to another address ({status}).", "Add the server by that address.")
    return not_openai(host, f"it answers with the error {status}")


def _body(response: httpx2.Response) -> bytes:
    import httpx2

    body = bytearray()
    try:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > BODY_LIMIT_BYTES:
                break
    except httpx2.HTTPError:
        pass  # the status is known, and its reason is lost
    return bytes(body)


def _error_of(body: bytes) -> Any:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value.get("error", value.get("detail")) if isinstance(value, dict) else None


def _said(error: Any) -> str:
    text = error.get("message") if isinstance(error, dict) else error
    words = " ".join(text.split())[:SAID_LIMIT] if isinstance(text, str) else ""
    return f"{words}." if words and words[-1].isalnum() else words
