"""Judges an answer of the Hub: fine, try again, or an error that says what to do."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.catalog.hub.patience import Again
from engine.errors import AccessNeeded, EngineError, NotFound, Offline, Refused
from engine.quantities import duration

if TYPE_CHECKING:
    import httpx2

PASSING = (408, 425, 429, 500, 502, 503, 504)


def check(response: httpx2.Response, subject: str, page: str) -> None:
    """Return if the answer is fine; ``subject`` is the model, ``page`` where its licence is accepted.

    Raises :class:`Again` for what may pass; :class:`AccessNeeded`, :class:`NotFound` or :class:`Refused` otherwise.
    """
    if response.status_code < 400:
        return
    host = response.url.host
    if response.status_code in PASSING:
        raise _passing(response, host)
    raise _lasting(response, host, subject, page)


def again_after(error: Exception, host: str) -> Again:
    """Return what a broken connection means: worth another try, and offline in the end."""
    reason = str(error) or type(error).__name__
    return Again(f"The connection to {host} failed ({reason.rstrip('.')})", Offline(host, reason))


def run_out(response: httpx2.Response) -> Again:
    """Return what a refusal by a CDN means: who may read was the Hub's to say, but its addresses hold for some time."""
    said = f"{response.url.host} refuses what the Hub allows (error {response.status_code})"
    return Again(said, Refused(f"{said}.", "Try again later."))


def wait_asked_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the server asks to wait, in seconds: ``Retry-After`` in either form, or ``RateLimit``."""
    from huggingface_hub.utils import parse_ratelimit_headers

    asked = headers.get("retry-after", "").strip()
    if asked.isdigit():
        return float(asked)
    if asked:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
        except ValueError:
            pass
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit and limit.remaining == 0 else None


def _passing(response: httpx2.Response, host: str) -> Again:
    after_s = wait_asked_s(response.headers)
    if response.status_code != 429:
        return Again(f"{host} has a problem (status {response.status_code})", _unwell(response, host), after_s)
    waiting = f" for {duration(after_s)}" if after_s else ""
    hint = "Try again later; with an access token more are allowed."
    error = Refused(f"{host} asks to wait{waiting}: too many requests.", hint)
    return Again(f"{host} asks to wait{waiting}", error, after_s)


def _unwell(response: httpx2.Response, host: str) -> Offline:
    return Offline(host, f"it answers with the error {response.status_code}")


def _lasting(response: httpx2.Response, host: str, subject: str, page: str) -> EngineError:
    code = response.headers.get("x-error-code", "")
    message = response.headers.get("x-error-message", "")
    known_token = "authorization" in response.request.headers
    if message == "Invalid credentials in Authorization header":
        return Refused(f"{host} does not accept the access token.", "Enter a new one in the settings.")
    if code == "GatedRepo":
        return AccessNeeded(subject, page)
    if code == "RepoNotFound" or (response.status_code == 401 and not known_token):
        hint = "Check the name. If it is private, enter an access token in the settings."
        return NotFound(f"The model “{subject}”", host, hint)
    if response.status_code in (401, 403):
        return AccessNeeded(subject, page)
    if code == "RevisionNotFound":
        return NotFound(f"This revision of {subject}", host, "It was removed. Look the model up again.")
    if response.status_code in (404, 410):
        file = response.url.path.rsplit("/", 1)[-1]
        return NotFound(f"The file {file} of {subject}", host, "Look the model up again.")
    if response.status_code == 451 or message == "Access to this resource is disabled.":
        return Refused(f"{host} has disabled {subject}.", "Choose another model.")
    return Refused(
        f"{host} answers with the error {response.status_code} for {subject}.", message or "Try again later."
    )
