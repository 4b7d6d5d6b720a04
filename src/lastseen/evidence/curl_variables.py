"""The variables of curl's `--write-out`, by their own names, made into a transfer.

Sources: curl's src/tool_writeout.c and docs/cmdline-opts/write-out.md (7.10 to 8.16). Times are seconds since the
transfer began, with three decimals before 7.61 and six since; 0 says that a phase was not reached. Redirections add
their times up (docs/libcurl/curl_easy_getinfo, TIMES).
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from lastseen.evidence.curl_words import ended_by
from lastseen.evidence.texts.text import Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.transfers import Milestone, Transfer

__all__ = ["TIMES", "VARIABLE", "is_whole", "transfer_of", "variables_in"]

TIMES: Final = {
    "time_namelookup": "named",
    "time_connect": "connected",
    "time_appconnect": "secured",
    "time_pretransfer": "asked",
    "time_starttransfer": "answered",
    "time_total": "ended",
}
"""Which milestone each time is that of, in the order in which they are reached."""

_OTHERS: Final = (
    "time_queue|time_redirect|time_posttransfer|http_code|response_code|http_version|remote_ip|remote_port|local_ip"
    "|local_port|size_download|size_upload|num_connects|num_redirects|exitcode|errormsg|url_effective|scheme"
)
_SHORT: Final = {
    "namelookup": "time_namelookup", "lookup": "time_namelookup", "dns": "time_namelookup", "connect": "time_connect",
    "appconnect": "time_appconnect", "pretransfer": "time_pretransfer", "starttransfer": "time_starttransfer",
    "ttfb": "time_starttransfer", "redirect": "time_redirect", "total": "time_total",
}  # fmt: skip
"""What people call the times in layouts of their own."""
VARIABLE: Final = re.compile(
    rf"(?<![\w-])(?P<name>{'|'.join(TIMES)}|{_OTHERS}|{'|'.join(_SHORT)})(?:\s{{0,20}}[:=]\s{{0,20}}|\t{{1,3}})"
    r"(?:\"(?P<quoted>[^\"]{0,400})\"|(?P<value>[^\s,;\"|]{0,200}))",
    re.IGNORECASE,
)
_SECONDS: Final = re.compile(r"(\d{1,9})(?:[.,](\d{1,9}))?s?")
_NS: Final = 1_000_000_000


def variables_in(line: str) -> dict[str, str]:
    """Names and values of one line: `time_connect:  0.004s`, `time_connect=0.004 time_total=0.1`, `connect: 0.004`."""
    found: dict[str, str] = {}
    for one in VARIABLE.finditer(line):
        name = one["name"].lower()
        name = _SHORT.get(name, name)
        value = one["quoted"] if one["quoted"] is not None else one["value"]
        if not name.startswith("time_") or _SECONDS.fullmatch(value):
            found.setdefault(name, value)
    return found


def is_whole(values: Mapping[str, str]) -> bool:
    """Whether they tell of a transfer: its whole time, and that of one phase at least."""
    return "time_total" in values and any(name in values for name in TIMES if name != "time_total")


def transfer_of(text: Text, values: Mapping[str, str], lines: Mapping[str, int], at: int) -> Transfer:
    """The transfer that the variables tell of. `lines`: where each stands; `at`: where the first one does."""
    times = {name: ns for name in TIMES if (ns := _seconds_ns(values.get(name, ""))) is not None}
    stones = [
        Milestone(what=what, after_ns=times[name], source=text.at(lines.get(name, at))["source"], text=name)
        for name, what in TIMES.items()
        if times.get(name)
    ]
    if "connected" not in {stone.what for stone in stones}:
        stones = [
            replace(stone, what=_before_connected(values)) if stone.what == "named" else stone
            for stone in stones
        ]
    begun = Milestone(what="begun", after_ns=0, source=text.at(at)["source"])
    is_one = not _seconds_ns(values.get("time_redirect", "")) and _number(values, "num_connects") != 0
    return Transfer(
        **text.at(at),
        tool="curl",
        milestones=(begun, *sorted(stones, key=lambda stone: stone.after_ns or 0)),
        local=_endpoint(values, "local"),
        peer=_endpoint(values, "remote"),
        resolution_ns=_resolution_ns(values.get(name, "") for name in TIMES),
        is_one=is_one,
        took_ns=times.get("time_total"),
        ended_by=_ended_by(values),
        received_bytes=_number(values, "size_download"),
        sent_bytes=_number(values, "size_upload"),
    )


def _before_connected(values: Mapping[str, str]) -> str:
    """Where a transfer stood whose time_connect is 0: with TLS, 7.88 tells that time only after the handshake."""
    url = values.get("scheme", "") or values.get("url_effective", "").partition(":")[0]
    if (_number(values, "local_port") or 0) > 0:
        return "securing"
    return "named" if url.lower() == "http" else "reaching"


def _seconds_ns(shown: str) -> int | None:
    found = _SECONDS.fullmatch(shown)
    if found is None:
        return None
    return int(found[1]) * _NS + int((found[2] or "0").ljust(9, "0"))


def _resolution_ns(shown: Iterable[str]) -> int:
    """By the decimals printed."""
    decimals = [len(found[2] or "") for value in shown if (found := _SECONDS.fullmatch(value))]
    return int(10 ** (9 - min(9, max(decimals, default=0))))


def _number(values: Mapping[str, str], name: str) -> int | None:
    shown = values.get(name, "").partition(".")[0]
    return int(shown) if shown.isascii() and shown.isdecimal() else None


def _endpoint(values: Mapping[str, str], side: str) -> Endpoint | None:
    try:
        address = ipaddress.ip_address(values.get(f"{side}_ip", ""))
    except ValueError:
        return None
    return Endpoint(address=str(address), port=_number(values, f"{side}_port") or 0)


def _ended_by(values: Mapping[str, str]) -> str:
    """By the exit code, and what is said beside it; an answer's status alone does not tell that it came whole."""
    said, code = values.get("errormsg", ""), _number(values, "exitcode")
    if code == 0:
        return "done"
    if code is None and said in {"", "null"}:
        return ""
    return ended_by(said, code) or "failed"
