"""The address of a server, and whether words sent to it leave this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from engine.errors import Refused

HINT = "Give it as http://localhost:8080 or https://host.example/v1."


def normal_url(text: str) -> str:
    """Return the base URL of the protocol: with a scheme, and ``/v1`` where no path was given.

    Without a scheme it is HTTPS, but HTTP on this machine. Raises :class:`Refused` for what is no server's address, or
    carries a password, which would end up in files and logs.
    """
    text = text.strip()
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
        host, port = url.hostname or "", url.port
    except ValueError:
        raise Refused(f"“{text[:80]}” is not an address.", HINT) from None
    if url.username or url.password:
        raise Refused("The address has a name or password in it.", "Give the key apart from it.")
    if not host or url.scheme not in ("", "http", "https") or url.query or url.fragment or any(map(str.isspace, text)):
        raise Refused(f"“{text[:80]}” is not the address of a server.", HINT)
    scheme = url.scheme or ("http" if is_loopback(host) else "https")
    where = f"[{host}]" if ":" in host else host
    path = url.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models") or "/v1"
    return urlunsplit((scheme, f"{where}:{port}" if port else where, path, "", ""))


def host_of(url: str) -> str:
    return urlsplit(url).hostname or url


def usual_name(url: str) -> str:
    """Return what a server is called unless the person says otherwise."""
    host = host_of(url)
    return "local" if is_loopback(host) else host.replace(":", "-")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: ``localhost`` (RFC 6761, section 6.3) or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def leaves_machine(url: str) -> bool:
    """Tell whether what is sent to a URL leaves this machine."""
    return not is_loopback(host_of(url))


def is_readable_on_the_way(url: str) -> bool:
    """Tell whether others on the network could read what is sent."""
    return leaves_machine(url) and urlsplit(url).scheme == "http"
