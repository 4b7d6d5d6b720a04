"""The kernel's log: `dmesg` with any time format, `journalctl -k`, or the kernel lines of a syslog file.

Formats: util-linux dmesg (2.2x to 2.40), systemd journal `-o short*` (JSON has a reader of its own), rsyslog's
traditional and RFC 3339 files. What a message is about is told by `kernel_messages`. Lines of other programs in a
syslog are passed over in silence.

Rows: one `LogLine` a kernel line; `packet` where the line names one (an invalid packet, a firewall's LOG line, a
UDP checksum, a martian).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from lastseen.evidence.kernel_messages import TOPIC_WORD, about, logged
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import LogLine
from lastseen.tables.sources import Weird

__all__ = ["KIND", "MAY_MATTER", "PACKET_LINE", "read", "recognise", "syslog_time_ns"]

KIND = "kernel log"
MAY_MATTER = TOPIC_WORD
"""In a log too long to be kept, lines without any of these words are sampled unread."""

MAX_TEXT_CHARS = 1000
"""The kernel's own line limit (LOG_LINE_MAX) is 1024 with its prefix; longer text is not from it."""

_HEAD_LINES = 20
_NS_PER_S = 1_000_000_000
_FRACTION_DIGITS = 9
_MAX_DAY, _MAX_HOUR, _MAX_MINUTE = 31, 23, 59
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1970, 2262)
"""Years whose nanoseconds fit into an int64."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)

_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
_SECOND = r":(?P<second>[0-9]{2})"
_FRACTION = r"(?P<fraction>[0-9]{1,9})"

_COMMAND = re.compile(
    r"^(?:sudo\s+|ssh\s+\S{1,255}\s+|ip\s+netns\s+exec\s+\S{1,255}\s+){0,3}"
    r"(?:/\S{0,80}/)?(?:dmesg(?:\s|$)|journalctl\s(?:[^|]{0,200}\s)?(?:-k|-[a-z]?k[a-z]?|--dmesg)(?:\s|$))"
)
_LEVEL = re.compile(r"^(?:<[0-9]{1,3}>|[a-z]{3,8}\s{0,8}:[a-z]{3,6}\s{0,8}: )")
_BOOT = re.compile(
    rf"^\[\s{{0,12}}(?P<second>[0-9]{{1,9}})\.{_FRACTION}(?:\s{{1,8}}<\s{{0,12}}[0-9.]{{1,20}}>)?\]"
    r"(?:\s?\[\s{0,8}[TC][0-9]{1,10}\])?:?\s?"
)
_CTIME = re.compile(
    rf"^\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH}\s{{1,2}}(?P<day>[0-9]{{1,2}}) {_CLOCK}{_SECOND}"
    r" (?P<year>[0-9]{4})\]\s?"
)
_RELTIME = re.compile(rf"^\[{_MONTH}\s{{1,2}}(?P<day>[0-9]{{1,2}}) {_CLOCK}\]\s?")
_DELTA = re.compile(r"^\[\s{0,12}[+<]\s{0,12}[0-9]{1,10}\.[0-9]{1,9}>?\s{0,4}\]\s?")
_ISO = re.compile(
    rf"^(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})T{_CLOCK}{_SECOND}"
    rf"(?:(?P<mark>[.,]){_FRACTION})?(?P<zone>Z|[+-][0-9]{{2}}:?[0-9]{{2}})?\s"
)
_SYSLOG = re.compile(
    rf"^{_MONTH}\s{{1,2}}(?P<day>[0-9]{{1,2}}) {_CLOCK}{_SECOND}(?:\.{_FRACTION})?\s(?=\S{{1,255}} \S)"
)
_SHORT_FULL = re.compile(
    r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2}) "
    rf"{_CLOCK}{_SECOND}"
    rf"(?:\.{_FRACTION})? (?P<zone>[A-Z]{{2,5}}|[+-][0-9]{{2}}(?:[0-9]{{2}})?) (?=\S{{1,255}} \S)"
)
_SHORT_UNIX = re.compile(rf"^(?P<second>[0-9]{{9,10}})\.{_FRACTION} (?=\S{{1,255}} \S)")
_HOST_KERNEL = re.compile(r"^\S{1,255} kernel:\s?(?:\[\s{0,12}[0-9]{1,10}\.[0-9]{1,9}\]\s?)?")

_DMESG_LINE = re.compile(
    r"^(?:<[0-9]{1,3}>|[a-z]{3,8}\s{0,8}:[a-z]{3,6}\s{0,8}: )?(?:"
    r"\[\s{0,12}[0-9]{1,10}\.[0-9]{6}(?:\s{1,8}<\s{0,12}[0-9.]{1,20}>)?\]"
    r"|\[\s{0,12}[+<]\s{0,12}[0-9]{1,10}\.[0-9]{6}>?\s{0,4}\]"
    rf"|\[(?:[A-Z][a-z]{{2}} )?{_MONTH}\s{{1,2}}[0-9]{{1,2}}"
    r" [0-9]{2}:[0-9]{2}(?::[0-9]{2} [0-9]{4})?\]"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{6}[+-][0-9]{2}:?[0-9]{2}\s"
    r")"
)
_NOT_KERNEL = re.compile(
    r"^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{1,3} [0-9:]{8} [0-9]{4}\] "
    r"(?:\[(?:emerg|alert|crit|error|warn|notice|info|debug)\]"
    r"|PHP |[0-9.]{7,15}:[0-9]|\[[0-9a-f:.]{2,45}\]:[0-9])"
)
"""Apache 2.2's error log and PHP's built-in server print the same time in brackets."""
_SYSLOG_LINE = re.compile(
    r"^(?:[A-Z][a-z]{2}\s{1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|[A-Z][a-z]{2} [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})? [A-Z0-9+-]{2,5}"
    r"|[0-9]{9,10}\.[0-9]{6}"
    r") \S{1,255} (?P<program>\S{1,255}?)(?:\[[0-9]{1,10}\])?:(?:\s|$)"
)
_JOURNAL_NOTE = re.compile(r"^-- (?:Logs begin|Journal begins|Boot [0-9a-f]|Reboot|No entries)")
_REFUSED = re.compile(r"^dmesg: ")

_KNOWN_LINE = re.compile(
    r"^(?:\[\s{0,12}[0-9]{1,10}\.[0-9]{1,9}\]\s)?(?:"
    r"nf_ct_\w{1,32}: .{0,400}SRC=|(?:(?:nf|ip)_conntrack: ){1,2}(?:expectation )?table full"
    r"|UDP(?:v6)?: bad checksum\. From |neighbour: \w{1,32}: neighbor table overflow"
    r"|ipv4: Neighbour table overflow|TCP: (?:\w{1,32}: )?[Pp]ossible SYN flooding on port "
    r"|(?:IPv4: )?martian source \S{2,64} from |\S{1,64}: hw csum failure)"
)

_V4_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_SURE_ADDRESS = rf"{_V4_BYTE}(?:\.{_V4_BYTE}){{3}}|(?:[0-9a-f]{{4}}:){{7}}[0-9a-f]{{4}}"
"""An address as the kernel prints it (%pI4, %pI6), and certainly one."""
_SURE_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_SURE_HOST = r"\S{1,255} kernel: (?:\[ {0,12}[0-9]{1,10}\.[0-9]{1,9}\] )?"
PACKET_LINE = re.compile(
    rf"(?:20[0-9]{{2}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T{_SURE_CLOCK}"
    rf"(?:,[0-9]{{6}}[+-][0-9]{{2}}:?[0-9]{{2}} |(?:\.[0-9]{{1,9}})?(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})? {_SURE_HOST})"
    r"|\[ {0,12}[0-9]{1,9}\.[0-9]{1,9}\] "
    rf"|(?:{'|'.join(_MONTHS)}) (?: [1-9]|[12][0-9]) {_SURE_CLOCK} {_SURE_HOST})"
    r"nf_ct_(?:tcp|udp|udplite|icmp|icmpv6|dccp|sctp|gre|proto_[0-9]{1,3}): (?!kernel:)[^=]{0,120} IN=\S{0,64}"
    rf" OUT=\S{{0,64}} (?:(?:MAC|PHYSIN|PHYSOUT)=\S{{0,100}} ){{0,3}}SRC=(?P<src>{_SURE_ADDRESS})"
    rf" DST=(?P<dst>{_SURE_ADDRESS}) "
)
"""A line whose row is known beforehand: a sure time, a packet found invalid, both addresses whole."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A line's time and the text behind it. `message` None: another program's line."""

    at_ns: int | None
    clock: str
    zone_known: bool
    message: str | None


def recognise(head: Head) -> bool:
    """The command says so, or most of the first lines carry a kernel time stamp or a known kernel text."""
    if _COMMAND.match(head.command):
        return True
    if head.matching(_NOT_KERNEL):
        return False
    most = min(_HEAD_LINES, sum(1 for line in head.lines if line.strip())) / 2
    if head.matching(_DMESG_LINE) > most or head.matching(_KNOWN_LINE) > most:
        return True
    return head.matching(_SYSLOG_LINE) > most and any(_is_kernel_line(line) for line in head.lines)


def read(text: Text) -> Iterator[LogLine | Weird]:
    """One `LogLine` a kernel line, whatever it says; `text` is the message without time and host.

    A syslog time has no year and no zone: `at_ns` counts from the start of a year of 365 days. Where a line
    has both a syslog time and the kernel's own, the syslog time is kept, as a file may span several boots.
    """
    untimed_allowed = bool(_COMMAND.match(text.command))
    for number, line in text.lines():
        if not line.strip() or _JOURNAL_NOTE.match(line):
            continue
        stamp = _stamp(line)
        if stamp is None:
            yield from _untimed(text, number, line, allowed=untimed_allowed)
        elif stamp.message is not None:
            yield from _rows(text, number, stamp, stamp.message)


def syslog_time_ns(printed: str) -> int | None:
    """ns from the start of a year of 365 days of `Nov 25 09:30:00`; None for what is no such time."""
    found = _SYSLOG.match(f"{printed} h x")
    return _yearless_ns(found) if found else None


def _is_kernel_line(line: str) -> bool:
    found = _SYSLOG_LINE.match(line)
    return found is not None and found["program"] == "kernel"


def _untimed(text: Text, number: int, line: str, *, allowed: bool) -> Iterator[LogLine | Weird]:
    """A line without a time: kept if the command is dmesg (`-t`, continuation) or its text a known one."""
    stamp = _Stamp(None, "", zone_known=False, message=None)
    message = _LEVEL.sub("", line)
    if _REFUSED.match(line):
        yield text.weird(number, "dmesg was refused")
    elif allowed or about(message[:MAX_TEXT_CHARS]) is not None:
        yield from _rows(text, number, stamp, message)
    else:
        yield text.weird(number, "not a kernel log line")


def _rows(text: Text, number: int, stamp: _Stamp, message: str) -> Iterator[LogLine | Weird]:
    message = message[:MAX_TEXT_CHARS].strip()
    topic, reason, packet = about(message) or ("", *logged(message))
    yield LogLine(
        **text.at(number),
        at_ns=stamp.at_ns,
        clock=stamp.clock,
        zone_known=stamp.zone_known,
        text=message,
        topic=topic,
        reason=reason,
        packet=packet,
    )
    if stamp.clock and stamp.at_ns is None:
        yield text.weird(number, "a date or time that cannot be")
    if packet is None and " SRC=" in message and " DST=" in message:
        yield text.weird(number, "a logged packet whose addresses cannot be read")


def _stamp(line: str) -> _Stamp | None:
    """The time of a line in whichever form it has one; None without."""
    if level := _LEVEL.match(line):
        line = line[level.end() :]
    for pattern, stamped in _FORMS:
        if found := pattern.match(line):
            return stamped(found, line[found.end() :])
    return None


def _boot_stamp(found: re.Match[str], rest: str) -> _Stamp:
    """`journalctl -o short-monotonic` puts the host behind the time, dmesg nothing."""
    at_ns = int(found["second"]) * _NS_PER_S + _fraction_ns(found["fraction"])
    return _Stamp(at_ns, "boot", zone_known=False, message=_HOST_KERNEL.sub("", rest))


def _ctime_stamp(found: re.Match[str], rest: str) -> _Stamp:
    at_ns = _wall_ns(found, _MONTHS.index(found["month"]) + 1)
    return _Stamp(at_ns, "wall", zone_known=False, message=rest)


def _reltime_stamp(found: re.Match[str], rest: str) -> _Stamp:
    return _Stamp(_yearless_ns(found), "yearless", zone_known=False, message=rest)


def _delta_stamp(_found: re.Match[str], rest: str) -> _Stamp:
    """A distance from the line before, rounded each time: adding them up would tell a false time."""
    return _Stamp(None, "", zone_known=False, message=rest)


def _syslog_stamp(found: re.Match[str], rest: str) -> _Stamp:
    return _Stamp(_yearless_ns(found), "yearless", zone_known=False, message=_kernel_message(rest))


def _iso_stamp(found: re.Match[str], rest: str) -> _Stamp:
    """dmesg writes a comma before the fraction and no host; the journal and rsyslog a dot, or no fraction."""
    at_ns = _wall_ns(found, int(found["month"]))
    if at_ns is not None:
        at_ns -= _zone_ns(found["zone"] or "Z")
    message = rest if found["mark"] == "," else _kernel_message(rest)
    return _Stamp(at_ns, "wall", zone_known=found["zone"] is not None, message=message)


def _short_full_stamp(found: re.Match[str], rest: str) -> _Stamp:
    """`journalctl -o short-full`: a zone's name says nothing reliable, but UTC does."""
    at_ns = _wall_ns(found, int(found["month"]))
    return _Stamp(at_ns, "wall", zone_known=found["zone"] == "UTC", message=_kernel_message(rest))


def _short_unix_stamp(found: re.Match[str], rest: str) -> _Stamp:
    at_ns = int(found["second"]) * _NS_PER_S + _fraction_ns(found["fraction"])
    return _Stamp(at_ns, "wall", zone_known=True, message=_kernel_message(rest))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], _Stamp]], ...] = (
    (_BOOT, _boot_stamp),
    (_ISO, _iso_stamp),
    (_SYSLOG, _syslog_stamp),
    (_CTIME, _ctime_stamp),
    (_RELTIME, _reltime_stamp),
    (_DELTA, _delta_stamp),
    (_SHORT_FULL, _short_full_stamp),
    (_SHORT_UNIX, _short_unix_stamp),
)
"""Every way a kernel line starts, commonest first."""


def _kernel_message(rest: str) -> str | None:
    found = _HOST_KERNEL.match(rest)
    return rest[found.end() :] if found else None


def _wall_ns(found: re.Match[str], month: int) -> int | None:
    """ns since the epoch of the printed date, read as UTC; None for a date that cannot be."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    days = _days_since_epoch(int(found["year"]), month, int(found["day"]))
    if days is None or hour > _MAX_HOUR or minute > _MAX_MINUTE:
        return None
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + min(second, _MAX_MINUTE)
    return seconds * _NS_PER_S + _fraction_ns(
        found["fraction"] if "fraction" in found.re.groupindex else None
    )


@lru_cache(maxsize=64)  # A log has few days and many lines.
def _days_since_epoch(year: int, month: int, day: int) -> int | None:
    """Days from the epoch to a date; None for one that cannot be, or whose nanoseconds do not fit."""
    try:
        moment = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return (moment - _EPOCH).days if year in _YEARS else None


def _yearless_ns(found: re.Match[str]) -> int | None:
    """ns since the start of a year of 365 days; None for a time of day that cannot be."""
    groups = found.groupdict()
    day, hour, minute, second = (int(groups.get(name) or 0) for name in ("day", "hour", "minute", "second"))
    if not (1 <= day <= _MAX_DAY and hour <= _MAX_HOUR and max(minute, second - 1) <= _MAX_MINUTE):
        return None
    days = _DAYS_BEFORE_MONTH[_MONTHS.index(found["month"])] + day - 1
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return seconds * _NS_PER_S + _fraction_ns(groups.get("fraction"))


def _zone_ns(zone: str) -> int:
    """How far the zone is ahead of UTC."""
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    ahead = (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * _NS_PER_S
    return -ahead if zone[0] == "-" else ahead


def _fraction_ns(digits: str | None) -> int:
    return int((digits or "0").ljust(_FRACTION_DIGITS, "0"))
