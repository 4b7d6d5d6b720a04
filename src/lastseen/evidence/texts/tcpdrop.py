"""`tcpdrop` of bcc and of bpftrace: TCP packets the kernel dropped, with addresses, socket state and stack.

They print the time of day only. bcc names the packet's flags; bpftrace names neither flags nor who sent what: its
addresses are the socket's own and the peer's. Source: bcc tools/tcpdrop.py (0.6 to 0.31), bpftrace tools/tcpdrop.bt
(0.8 to 0.21).
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from lastseen.evidence.drop_reasons import reason_name
from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Drop, LoggedPacket
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "tcpdrop"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/])?tcpdrop(?:\.bt|-bpfcc|\.py)?(?:\s[^;&|]*)?$")
_HEADING = re.compile(r"^TIME\s+PID\s.{0,40}SADDR:SPORT\s")
_TIME = r"^(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)\s+"
_END = r"(?P<{0}>[0-9a-fA-F:.]{{3,45}}):(?P<{0}port>\d{{1,5}})"
_SRC, _DST = _END.format("src"), _END.format("dst")
_BCC = re.compile(
    rf"{_TIME}\d{{1,10}}\s+(?:[46]\s+)?{_SRC}\s+> {_DST}\s+(?P<state>[A-Z_0-9]{{3,16}})"
    r" \((?P<flags>[A-Z|]{0,60}|0x[0-9a-f]{1,2})\)(?:\s+(?P<reason>\w{3,64}))?\s*$"
)
_BPFTRACE = re.compile(
    rf"{_TIME}\d{{1,10}}\s+\S.{{0,15}}?\s+{_SRC}\s+{_DST}\s+(?P<state>[A-Z_0-9]{{3,16}})?(?P<reason>)(?P<flags>)\s*$"
)
_FRAME = re.compile(
    r"^\s+(?:b?'?[\w.]{1,128}(?:\+0x[0-9a-f]{1,8}|\+\d{1,8})?'?|0x[0-9a-f]{1,16}|\[unknown\])(?:\s.{0,80})?$"
)
_TALK = re.compile(r"^(?:Tracing tcp drops|Attaching \d|WARNING: tcp_drop\(\)|\s+Use tracpoint|@tcp_states)")
_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_TCP = 6
_S_PER_HOUR, _S_PER_MINUTE = 3600, 60


def recognise(head: Head) -> bool:
    """The heading or a drop among the first lines; or the command says so."""
    if _COMMAND.match(head.command):
        return True
    if head.matching(_HEADING, within=6):
        return True
    return _BCC.match(head.first()) is not None


def read(text: Text) -> Iterator[Drop | Weird]:
    """One `Drop` an event, clock "midnight"; location: the first function of the stack that is printed below it."""
    waiting: Drop | None = None
    for number, line in text.lines():
        if found := _BCC.match(line) or _BPFTRACE.match(line):
            if waiting:
                yield waiting
            waiting = _drop(text, number, found)
            if waiting is None:
                yield text.weird(number, "a drop whose addresses cannot be read")
        elif _FRAME.match(line):
            if waiting:
                yield _at(waiting, line)
                waiting = None
        elif line.strip() and not _HEADING.match(line) and not _TALK.match(line):
            yield text.weird(number, "not a line of tcpdrop")
    if waiting:
        yield waiting


def _drop(text: Text, number: int, found: re.Match[str]) -> Drop | None:
    src, dst = endpoint_of(found["src"], found["srcport"]), endpoint_of(found["dst"], found["dstport"])
    if src is None or dst is None:
        return None
    named = [_FLAGS[name] for name in found["flags"].split("|") if name in _FLAGS]
    seconds = int(found["h"]) * _S_PER_HOUR + int(found["m"]) * _S_PER_MINUTE + int(found["s"])
    return Drop(
        **text.at(number),
        at_ns=seconds * 1_000_000_000,
        clock="midnight",
        reason=reason_name(found["reason"] or "", {}),
        location="",
        packet=LoggedPacket(src=src, dst=dst, proto=_TCP, tcp_flags=sum(named) if named else None),
    )


def _at(drop: Drop, frame: str) -> Drop:
    return replace(drop, location=frame.strip().removeprefix("b'").rstrip("'")[:200])
