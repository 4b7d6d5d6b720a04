"""`ifconfig`: interfaces with addresses and counters, in the layouts of net-tools 1.60 and of 2.x (and busybox).

Source: net-tools lib/interface.c, `ife_print_long`. It prints what /proc/net/dev says, so some numbers are sums:
see `proc_net_dev`, whose names are used here.

Rows: an `Interface` a block and its `Counter`s of family "link".
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace

from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ifconfig"

_COMMAND = re.compile(r"(?:^|[\s/])ifconfig(?:\s+(?:-a|-s|-v|[\w.:@-]{1,32})){0,3}\s*$")
_NEW = re.compile(
    r"^(?P<name>\S{1,32}): flags=[0-9]{1,10}<(?P<flags>[A-Z0-9_,]{0,200})>\s+mtu (?P<mtu>[0-9]{1,10})\s*$"
)
_OLD = re.compile(
    r"^(?P<name>\S{1,32})\s+Link encap:(?P<encap>[\w/ -]{1,40}?)(?:\s+HWaddr (?P<mac>[0-9A-Fa-f:.-]{5,60}))?\s*$"
)
_ADDRESS = re.compile(
    r"^\s+inet6? (?:addr:\s?)?(?P<address>[0-9a-fA-F.:]{2,45})(?:/(?P<bits>[0-9]{1,3}))?"
    r"(?:.{0,120}?(?:netmask |Mask:)(?P<mask>[0-9a-fx.]{7,15}))?(?:.{0,40}?prefixlen (?P<prefix>[0-9]{1,3}))?(?=\s|$)"
)
_MAC = re.compile(r"^\s+ether (?P<mac>[0-9a-f:]{17})\b")
_OLD_FLAGS = re.compile(r"^\s+(?P<flags>[A-Z][A-Z ]{1,100}?)\s+MTU:(?P<mtu>[0-9]{1,10})\b")
_PAIR = re.compile(
    r"\b(?P<name>packets|bytes|errors|dropped|overruns|frame|carrier|collisions)[: ](?P<value>[0-9]{1,20})\b"
)
_WAY = re.compile(r"\b(?P<way>RX|TX) (?:packets|errors|bytes)[: ]")
_COLLISIONS = re.compile(r"^\s+collisions:[0-9]")
_OTHER = re.compile(
    r"^\s+(?:(?:loop|ether|unspec|tunnel|infiniband|sit|ppp|device|memory|Interrupt|Base|Memory)\b|inet6? "
    r"|UP |[A-Z]{2,12} |txqueuelen |collisions:|\[NO FLAGS\])"
)
_RX = {"dropped": "dropped_or_missed", "overruns": "fifo_errors", "frame": "frame_sum_errors"}
_TX = {"overruns": "fifo_errors", "carrier": "carrier_sum_errors", "collisions": "collsns"}


def recognise(head: Head) -> bool:
    """The first line starts an interface in one of the two layouts; or the command, with no output."""
    first = head.first()
    return bool(_NEW.match(first) or _OLD.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Interface | Counter | Weird]:
    """Counters come before the `Interface` they belong to, which ends where the next one starts."""
    device: Interface | None = None
    for number, line in text.lines():
        if started := _started(text, number, line):
            if device is not None:
                yield device
            device = started
        elif not line.strip():
            continue
        elif device is None:
            yield text.weird(number, "a line before the first interface")
        elif _WAY.search(line) or _COLLISIONS.match(line):
            yield from _counters(text, number, line, device.name)
        elif (detailed := _detailed(device, line)) is not None:
            device = detailed
        elif not _OTHER.match(line):
            yield text.weird(number, "not a line of ifconfig")
    if device is not None:
        yield device


def _started(text: Text, number: int, line: str) -> Interface | None:
    if found := _NEW.match(line):
        state = "UP" if "UP" in found["flags"].split(",") else "DOWN"
        return Interface(**text.at(number), name=found["name"], mtu_bytes=int(found["mtu"]), state=state)
    if found := _OLD.match(line):
        return Interface(**text.at(number), name=found["name"], mac=(found["mac"] or "").lower())
    return None


def _detailed(device: Interface, line: str) -> Interface | None:
    """The interface with what a line adds; None where it adds nothing."""
    if found := _ADDRESS.match(line):
        address = _address(found)
        return replace(device, addresses=(*device.addresses, address)) if address else None
    if found := _MAC.match(line):
        return replace(device, mac=found["mac"])
    if found := _OLD_FLAGS.match(line):
        state = "UP" if "UP" in found["flags"].split() else "DOWN"
        return replace(device, mtu_bytes=int(found["mtu"]), state=state)
    return None


def _address(found: re.Match[str]) -> str:
    """The address with its prefix length, from a prefix or a netmask; "" for what is no address."""
    end = endpoint_of(found["address"])
    bits = found["bits"] or found["prefix"] or _bits(found["mask"] or "")
    return f"{end.address}/{bits}" if end and bits else end.address if end else ""


def _bits(mask: str) -> str:
    try:
        return str(ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen) if mask else ""
    except ValueError:
        return ""


def _counters(text: Text, number: int, line: str, device: str) -> Iterator[Counter]:
    """The pairs of a line; RX and TX may share one (`RX bytes:1 (1.0 b)  TX bytes:2`)."""
    starts = [(found.start(), found["way"].lower()) for found in _WAY.finditer(line)] or [(0, "tx")]
    for pair in _PAIR.finditer(line):
        way = next((way for start, way in reversed(starts) if start <= pair.start()), "tx")
        item = (_RX if way == "rx" else _TX).get(pair["name"], pair["name"])
        name = f"{way}_{item}"
        yield Counter(**text.at(number), family="link", scope=device, name=name, value=int(pair["value"]))
