"""The conntrack state bits a flow matches on, read from OpenFlow and from datapath text alike.

The same state is printed three ways (`ct_state=+inv+trk`, `ct_state(0x30/0x30)`, `ct_state=est|rpl|trk`), so
rules that ask "does this flow drop what conntrack calls invalid" need one numeric form. Bits: Linux
include/uapi/linux/openvswitch.h, OVS_CS_F_*. The bit order of patches before Open vSwitch 2.5 is not read.
"""

import re
from collections.abc import Iterable

__all__ = ["CT_STATE_BITS", "ct_state"]

CT_STATE_BITS = {
    "new": 0x01,
    "est": 0x02,
    "rel": 0x04,
    "rpl": 0x08,
    "inv": 0x10,
    "trk": 0x20,
    "snat": 0x40,
    "dnat": 0x80,
}
"""Name -> bit, from OVS_CS_F_* (openvswitch.h); the names are those Open vSwitch prints."""

_ALL_BITS = 0xFF
_FIELD = re.compile(r"(?<![\w.])ct_state(?:=(?P<openflow>[^,\s()]{1,64})|\((?P<datapath>[^()]{1,64})\))")
_NUMBER = r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,9}"
_NUMBERS = re.compile(rf"(?P<value>{_NUMBER})(?:/(?P<mask>{_NUMBER}))?")
_SIGNED = re.compile(r"(?:[+-][a-z]{3,4})+")
_PLAIN = re.compile(r"[a-z]{3,4}(?:\|[a-z]{3,4})*")


def ct_state(match: str) -> tuple[int, int] | None:
    """The (value, mask) of the ct_state a match asks for; None when it asks for none or cannot be read.

    A bit outside the mask may be anything. A state printed without a mask is exact: all eight bits count.
    An unknown name makes the whole field unreadable, because a wrong mask would be worse than none.

    >>> ct_state("ct_state=+inv+trk,ip")
    (48, 48)
    >>> ct_state("recirc_id(0),ct_state(0x22/0x3e)")
    (34, 62)
    """
    found = _FIELD.search(match)
    if found is None:
        return None
    text = (found["openflow"] or found["datapath"]).strip()
    if numbers := _NUMBERS.fullmatch(text):
        return _from_numbers(numbers["value"], numbers["mask"])
    if _SIGNED.fullmatch(text):
        return _from_signed(text)
    return _from_plain(text)


def _from_numbers(value: str, mask: str | None) -> tuple[int, int]:
    bits = _ALL_BITS if mask is None else _number(mask)
    return _number(value) & bits, bits


def _number(text: str) -> int:
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def _from_signed(text: str) -> tuple[int, int] | None:
    value = _bits(re.findall(r"\+([a-z]+)", text))
    mask = _bits(re.findall(r"[+-]([a-z]+)", text))
    return None if value is None or mask is None else (value, mask)


def _from_plain(text: str) -> tuple[int, int] | None:
    value = _bits(text.split("|")) if _PLAIN.fullmatch(text) else None
    return None if value is None else (value, _ALL_BITS)


def _bits(names: Iterable[str]) -> int | None:
    bits = 0
    for name in names:
        if name not in CT_STATE_BITS:
            return None
        bits |= CT_STATE_BITS[name]
    return bits
