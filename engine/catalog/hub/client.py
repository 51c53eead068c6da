"""Asks the Hub, through huggingface_hub's own session: its proxies, mirrors, certificates and offline switch hold.

The session is the library's; requests, retries and errors are ours, because the library's own calls wait without
telling and cannot be stopped. Nothing heavy is imported before the first request.
"""

from __future__ import annotations

import contextlib
import platform
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from engine import __version__
from engine.catalog.hub.answers import again_after, check, run_out
from engine.catalog.hub.patience import Again, OnWait, Patience, Retries
from engine.catalog.tokens import Tokens
from engine.errors import Offline, Refused

if TYPE_CHECKING:
    import httpx2

ANSWER_LIMIT_BYTES = 64 << 20
Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer, and the address of the next page if there is one."""

    value: Any
    next: str = ""


class Hub:
    """The Hub, or a mirror of it at ``endpoint`` (``HF_ENDPOINT`` by default). Thread-safe."""

    def __init__(self, endpoint: str = "", tokens: Tokens | None = None, patience: Patience = Patience()) -> None:  # noqa: B008
        self._endpoint = endpoint.rstrip("/")
        self.tokens = tokens or Tokens()
        self.patience = patience
        self._quiet_until = 0.0

    @property
    def endpoint(self) -> str:
        if not self._endpoint:
            from huggingface_hub import constants

            self._endpoint = constants.ENDPOINT.rstrip("/")
        return self._endpoint

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or self.endpoint

    def warm_up(self) -> None:
        """Load what the first request needs; certificates and protocols take half a second on a slow machine."""
        from huggingface_hub.utils import get_session

        get_session()

    def page(self, repository: str) -> str:
        """Return the address of a model's page, where people read about it and accept its licence."""
        return f"{self.endpoint}/{repository}"

    def file_url(self, repository: str, commit: str, path: str) -> str:
        return f"{self.endpoint}/{repository}/resolve/{quote(commit, safe='')}/{quote(path)}"

    def ask(
        self,
        path: str,
        subject: str,
        parameters: Parameters = (),
        stop: threading.Event | None = None,
        on_wait: OnWait | None = None,
    ) -> Answer:
        """Return the JSON answer to a path of the API, or to the address of a next page.

        Raises what :func:`engine.catalog.hub.answers.check` does, :class:`Offline`, or :class:`Cancelled` once stopped.
        """
        url = path if "://" in path else f"{self.endpoint}{path}"
        retries = Retries(self.patience, stop or threading.Event(), on_wait)
        while True:
            try:
                return self._asked(url, subject, parameters)
            except Again as again:
                retries.wait(again)

    @contextlib.contextmanager
    def open(self, url: str, subject: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Open a file; the block reads its body. Raises what :meth:`ask` does, but :class:`Again` where that waits."""
        import httpx2
        from huggingface_hub.errors import OfflineModeIsEnabled
        from huggingface_hub.utils import get_session

        self._stay_quiet(url)
        limits = self.patience
        timeout = httpx2.Timeout(limits.stall_s, connect=limits.connect_s)
        sent = {"accept-encoding": "identity", **self._headers(url), **headers}
        host = urlsplit(url).hostname or url
        try:
            with get_session().stream("GET", url, headers=sent, timeout=timeout, follow_redirects=True) as response:
                self._check(response, subject)
                yield response
        except OfflineModeIsEnabled as error:
            raise Offline(host, "HF_HUB_OFFLINE is set") from error
        except httpx2.TransportError as error:
            raise again_after(error, host) from error
        except (httpx2.InvalidURL, httpx2.TooManyRedirects, httpx2.DecodingError, httpx2.StreamError) as error:
            raise Again(f"{host} answers strangely", Refused(f"{host} answers strangely ({error}).")) from error

    def _asked(self, url: str, subject: str, parameters: Parameters) -> Answer:
        if parameters:
            url += "?" + "&".join(f"{quote(key)}={quote(value)}" for key, value in parameters)
        with self.open(url, subject, {"accept-encoding": "gzip, deflate"}) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > ANSWER_LIMIT_BYTES:
                    raise Refused(f"{self.host} sends an answer without end.", "Try again later.")
            return Answer(self._json(bytes(body)), self._next_page(response))

    def _json(self, body: bytes) -> Any:
        import json

        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            reason = f"{self.host} did not answer as the Hub does"
            raise Again(reason, Refused(f"{reason}.", "Check HF_ENDPOINT and the proxy settings.")) from error

    def _next_page(self, response: httpx2.Response) -> str:
        from huggingface_hub.utils import fix_hf_endpoint_in_url

        url = response.links.get("next", {}).get("url", "")
        return fix_hf_endpoint_in_url(url, self.endpoint) if url else ""

    def _check(self, response: httpx2.Response, subject: str) -> None:
        if response.status_code in (401, 403, 404, 410) and not self._is_ours(str(response.url)):
            raise run_out(response)
        try:
            check(response, subject, self.page(subject))
        except Again as again:
            if again.after_s is not None and response.status_code == 429:
                self._quiet_until = time.monotonic() + again.after_s
            raise

    def _stay_quiet(self, url: str) -> None:
        """Ask nothing while the Hub has asked everybody to wait; the CDN has limits of its own."""
        left_s = self._quiet_until - time.monotonic()
        if left_s > 0 and self._is_ours(url):
            error = Refused(f"{self.host} asks to wait: too many requests.", "Try again later.")
            raise Again(f"{self.host} asks to wait", error, left_s)

    def _is_ours(self, url: str) -> bool:
        ours, other = urlsplit(self.endpoint), urlsplit(url)
        return (ours.scheme, ours.netloc) == (other.scheme, other.netloc)

    def _headers(self, url: str) -> dict[str, str]:
        """Return who asks. The token goes to the Hub alone: httpx drops it on a redirect elsewhere, too."""
        headers = {"user-agent": f"halfbyte/{__version__}; python/{platform.python_version()}"}
        token = self.tokens.current() if self._is_ours(url) else None
        return {**headers, "authorization": f"Bearer {token}"} if token else headers
