"""The other end of the request: what the command's own words, or the user, say about whom it talks to."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lastseen.errors import LastseenError

__all__ = ["OtherEnd", "in_command", "other_end"]

_URL: Final = re.compile(r"\bhttps?://[^\s\"'<>\\;|)]{1,2000}")
_PORTS: Final = {"http": 80, "https": 443}
MOST_ADDRESSES: Final = 8
"""A name behind a large content network has more; the filter stays short, and the rest is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEnd:
    """Addresses and port; no address: not known, everything is captured."""

    name: str = ""
    addresses: tuple[str, ...] = ()
    port: int | None = None


def in_command(command: Sequence[str]) -> OtherEnd:
    """The first URL in a command; nothing where there is none or its name means nothing here."""
    found = next((hit for word in command for hit in [_URL.search(word)] if hit), None)
    if found is None:
        return OtherEnd()
    try:
        return other_end(found[0])
    except LastseenError:
        return OtherEnd()


def other_end(text: str) -> OtherEnd:
    """HOST, HOST:PORT, [V6]:PORT or a URL. Raises LastseenError where no address can be had from it."""
    parts = urlsplit(text if "://" in text else f"//{text}")
    try:
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
        if text.count(":") > 1 and "[" not in text and "://" not in text:  # a bare IPv6 address
            host, port = text, None
    except ValueError as error:
        raise LastseenError(f"{text}: expected HOST, HOST:PORT or a URL") from error
    return OtherEnd(name=host, addresses=_addresses(host, text), port=port)


def _addresses(host: str, text: str) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LastseenError(
            f"{text}: the name {host!r} cannot be resolved here; give its address (--remote ADDRESS:PORT)"
        ) from error
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))[:MOST_ADDRESSES]
