"""`pwru` (text and --output-json): a packet's way through the kernel's functions; only its drops become rows.

Source: pwru internal/pwru/output.go (0.0.8 to 1.0.10): columns differ with options and version, so a line is read by
what its words look like. A drop is a call of kfree_skb_reason or sk_skb_reason_drop with its reason behind it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from lastseen.evidence.drop_reasons import reason_name
from lastseen.evidence.json_elements import number_of, text_of
from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Drop, LoggedPacket
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "pwru"

_COMMAND = re.compile(r"^(?:[^;&|]{0,200}[\s/])?pwru(?:\s[^;|]*)?$")
_HEADING = re.compile(r"^\s*(?:TIME\s+)?SKB\s+CPU\s+PROCESS\b")
_EVENT = re.compile(
    r"^(?:(?P<time>\d{4}-\d\d-\d\dT\S{8,20}|\d\d:\d\d:\d\d(?:\.\d{1,9})?)\s+)?0x[0-9a-f]{6,16}\s+\d{1,5}\s+\S"
)
_FREED = re.compile(
    r"\s(?P<function>kfree_skb_reason|sk_skb_reason_drop|kfree_skb_list_reason|__kfree_skb_reason|kfree_skb)"
    r"(?:\s?\((?P<reason>\w{1,64})\))?(?=\s|$)"
)
_REASON = re.compile(r"^(?P<function>\w{1,64})\s?\((?P<reason>\w{1,64})\)")
_TUPLE = re.compile(
    r"\s\[?(?P<src>[0-9a-fA-F:.]{2,45})\]?:(?P<sport>\d{1,5})->\[?(?P<dst>[0-9a-fA-F:.]{2,45})\]?:(?P<dport>\d{1,5})"
    r"\((?P<proto>[a-z0-9]{1,8})(?::(?P<flags>[A-Z|,.]{1,40}))?\)"
)
_STAMP = re.compile(r"\s(?P<ns>\d{10,19})\s")
_TALK = re.compile(r"^(?:\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d|\^C|time=|\s*\d{1,6} / \d{1,6} \[)|^\s")
_FUNCTION_FRAME = re.compile(r"^[\w.]{2,128}(?:\+0x[0-9a-f]{1,8})?(?:\s.{0,80})?$")
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58, "sctp": 132}
_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_FREEING = frozenset({"kfree_skb_reason", "sk_skb_reason_drop", "kfree_skb_list_reason"})


def recognise(head: Head) -> bool:
    """The heading among the first lines, or a JSON event of pwru first; or the command says so."""
    if _COMMAND.match(head.command):
        return True
    if head.matching(_HEADING, within=12):
        return True
    event = _json(head.first())
    return event is not None and "skb" in event and "func" in event


def read(text: Text) -> Iterator[Drop | Weird]:
    """One `Drop` a freed packet that has a reason, or was freed by `kfree_skb`; other calls give no rows.

    Clock "boot" where the kernel's nanoseconds are printed; a time that the tool made itself is left out.
    """
    timed = False
    for number, line in text.lines():
        if line.startswith("{"):
            event = _json(line)
            if event is None:
                yield text.weird(number, "a JSON event that cannot be read")
            else:
                yield from _json_drop(text, number, event)
        elif _EVENT.match(line):
            yield from _drop(text, number, line, timed=timed)
        elif _HEADING.match(line):
            timed = " TIMESTAMP " in line
        elif line.strip() and not _TALK.match(line) and not _FUNCTION_FRAME.match(line):
            yield text.weird(number, "not an event of pwru")


def _drop(text: Text, number: int, line: str, *, timed: bool) -> Iterator[Drop]:
    freed = _FREED.search(line)
    if freed is None or not (freed["reason"] or freed["function"] == "kfree_skb"):
        return
    caller = line[freed.end() :].split()
    tuple_ = _TUPLE.search(line)
    # Without the heading's word a namespace's number would look like a time.
    stamp = _STAMP.search(line, 0, tuple_.start() if tuple_ else freed.start() + 1) if timed else None
    yield Drop(
        **text.at(number),
        at_ns=int(stamp["ns"]) if stamp else None,
        clock="boot" if stamp else "",
        reason=reason_name(freed["reason"] or "", {}),
        location=caller[0] if caller and not _TUPLE.match(f" {caller[0]}") else freed["function"],
        packet=_packet(tuple_.groupdict()) if tuple_ else None,
    )


def _packet(ends: dict[str, str | None]) -> LoggedPacket | None:
    src = endpoint_of(ends["src"] or "", ends["sport"] or "")
    dst = endpoint_of(ends["dst"] or "", ends["dport"] or "")
    if src is None or dst is None:
        return None
    flags = [_FLAGS[name] for name in re.split(r"[|,.]", ends["flags"] or "") if name in _FLAGS]
    proto = ends["proto"] or ""
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=_PROTOCOLS.get(proto, int(proto) if proto.isdecimal() and len(proto) <= len("255") else None),
        tcp_flags=sum(set(flags)) if flags else None,
    )


def _json(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _json_drop(text: Text, number: int, event: dict[str, Any]) -> Iterator[Drop]:
    function = text_of(event.get("func"))
    found = _REASON.match(function)
    named = found is not None and found["function"] in _FREEING
    if not named and function != "kfree_skb":
        return
    ends = event.get("tuple")
    words = {key: text_of(value) for key, value in ends.items()} if isinstance(ends, dict) else {}
    packet = _packet(
        {
            "src": words.get("saddr"), "sport": words.get("sport"), "dst": words.get("daddr"),
            "dport": words.get("dport"), "proto": words.get("proto"), "flags": words.get("flags"),
        }
    )  # fmt: skip
    at_ns = number_of(event.get("time")) if not isinstance(event.get("time"), str) else None
    yield Drop(
        **text.at(number),
        at_ns=at_ns,
        clock="boot" if at_ns is not None else "",
        reason=reason_name(found["reason"], {}) if found else "",
        location=text_of(event.get("caller_func")) or (found["function"] if found else function),
        packet=packet,
    )
