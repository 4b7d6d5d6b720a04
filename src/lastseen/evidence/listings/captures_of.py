"""A listing as a capture: its packets written as bytes, decoded like any file, and marked with what no line told."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.evidence.listings.completing import completed
from lastseen.evidence.listings.documents import Listing
from lastseen.evidence.listings.frames import PCAP_HEADER, address_bytes, padding_of, record_of
from lastseen.evidence.listings.printed import TCP, Printed
from lastseen.evidence.listings.quotes import set_quotes
from lastseen.evidence.listings.talks import Member, Talk
from lastseen.tables import listed as table
from lastseen.tables import packets as rows
from lastseen.tables.counted import counted
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD, CHECKSUM_UNKNOWN, COLUMNS, DetailRows
from lastseen.tables.listed import Listed
from lastseen.tables.packets import Capture

__all__ = ["blanked", "marked", "written"]

_DAY_NS: Final = 86_400 * 10**9
_KEPT_OF_NAME: Final = 11
"""Characters kept of a name that does not fit; a checksum behind them tells it from others."""
_UNKNOWN_COLUMNS: Final = {
    table.NO_HEADER: ("ip_id", "ip_ttl", "ip_dsfield", "ip_df", "quoted_ip_id"),
    table.NO_QUOTE: ("quoted_seq",),
    table.NO_LINK: ("eth_src", "eth_dst", "vlan_id"),
    table.NO_PADDING: ("padding_len", "padding_nonzero"),
    table.NO_OPTIONS: (
        "tcp_mss", "tcp_sack_blocks", "tcp_sack_permitted", "tcp_wscale", "tcp_tsval", "tcp_tsecr",
    ),
    table.NO_WINDOW: ("tcp_window",),
    table.NO_LENGTH: ("ip_len", "payload_len"),
}  # fmt: skip
"""Columns of the detail rows that are -1 where a line does not tell them."""
_AT: Final = {name: index for index, name in enumerate(COLUMNS)}
_VERDICTS: Final = {"correct": CHECKSUM_GOOD, "incorrect": CHECKSUM_BAD}
_Places = dict[int, tuple[Talk, Member]]


def written(listing: Listing, file: str) -> tuple[bytes, Listed]:
    """A capture file with the packets of a listing, and what no line tells of them."""
    packets = listing.packets
    places, link = completed(packets, file, listing.tool)
    set_quotes(packets, places)
    times = _times_ns(packets)
    records = (
        record_of(packet, places.get(index), time_ns=int(times[index]), link=link)
        for index, packet in enumerate(packets)
    )
    unprinted = np.array(
        [_unprinted(packet, places.get(index), link) for index, packet in enumerate(packets)], np.uint8
    )
    talks = {id(talk): talk for talk, _ in places.values()}.values()
    unplaced = sum(1 for index, packet in enumerate(packets) if packet.proto == TCP and index not in places)
    told = Listed(
        file=file,
        tool=listing.tool,
        lines=np.array([packet.line for packet in packets], np.int64),
        unprinted=unprinted,
        checksums=np.array([_VERDICTS.get(p.checksum_says, CHECKSUM_UNKNOWN) for p in packets], np.uint8),
        frame_lengths=np.array([-1 if p.frame_len is None else p.frame_len for p in packets], np.int64),
        lacks=tuple(_lacks(listing, unprinted, talks=list(talks), unplaced=unplaced)),
        is_relative=not all(talk.is_absolute for talk in talks),
        is_partial=bool(listing.unread or unplaced or any(packet.is_cut for packet in packets)),
        caption=listing.caption,
    )
    return PCAP_HEADER + b"".join(records), told


def marked(capture: Capture, told: Listed, listing: Listing) -> Capture:
    """The decoded capture with host names for addresses, and its rows marked as those of a listing."""
    packets, flows = capture.packets.copy(), capture.flows.copy()
    info = np.full(len(packets), rows.INFO_LISTED, np.uint32)
    packets[:, rows.MISC] |= info << 24
    is_tcp = (packets[:, rows.LENGTH_FLAGS] & 0xFF) > 0
    packets[is_tcp, rows.MISC] &= ~np.uint32(
        rows.INFO_CUT << 24
    )  # the payload's length is told: none is missing
    no_header = (told.unprinted & table.NO_HEADER) > 0
    packets[no_header, rows.MISC] &= ~np.uint32(rows.INFO_IP_ID << 24)
    names = dict(_names(listing.packets))
    for flow in flows:
        for at, bit in ((rows.FLOW_A, rows.FLOW_A_IS_NAME), (rows.FLOW_B, rows.FLOW_B_IS_NAME)):
            name = names.get(tuple(flow[at : at + 4].tolist()))
            if name is not None:
                flow[at : at + 4], flow[rows.FLOW_PROTO] = _name_words(name), flow[rows.FLOW_PROTO] | bit
    face = replace(capture.interfaces[0], dropped_packets=listing.dropped or None)
    return replace(
        capture, format=f"{told.tool} listing", packets=packets, flows=flows, interfaces=(face,), listed=told
    )


def blanked(details: DetailRows, told: Listed, at: npt.NDArray[np.int64]) -> DetailRows:
    """Detail rows of the packet rows `at` without what their lines do not tell."""
    details[:, _AT["checksum"]] = told.checksums[at]
    details[:, _AT["untrimmed_residual"]] = -1
    details[:, _AT["frame_len"]] = told.frame_lengths[at]
    for bit, names in _UNKNOWN_COLUMNS.items():
        for name in names:
            details[(told.unprinted[at] & bit) > 0, _AT[name]] = -1
    return details


def _unprinted(packet: Printed, place: tuple[Talk, Member] | None, link: int | None) -> int:
    member = place[1] if place else None
    return (
        table.NO_HEADER * (packet.ttl is None)
        | table.NO_LINK * (packet.eth_src < 0)
        | table.NO_PADDING * (padding_of(packet, member, link) is None)
        | table.NO_OPTIONS * (packet.option_bytes is None or packet.flags is None)
        | table.NO_LENGTH * (packet.ip_len is None and (member is None or not member.length_known))
        | table.NO_QUOTE * (packet.icmp_type >= 0 and (packet.quoted is None or packet.quoted.seq is None))
        | table.NO_WINDOW * (packet.window is None)
        | table.NO_FLAGS * (packet.flags is None and packet.proto == TCP)
    )


def _lacks(
    listing: Listing, unprinted: npt.NDArray[np.uint8], *, talks: Sequence[Talk], unplaced: int
) -> Iterator[str]:
    """What the listing as a whole does not tell, in words."""
    packets, tcp = listing.packets, [packet for packet in listing.packets if packet.proto == TCP]
    omitted = sum(1 for packet in tcp if packet.seq is None and packet.flags is not None)
    hidden = int(np.count_nonzero(unprinted & table.NO_FLAGS))
    told = [
        ("times", all(packet.time_ns is None for packet in packets)),
        ("addresses", not any(packet.src or packet.dst for packet in packets)),
        ("TTL, IP identification and DF", bool((unprinted & table.NO_HEADER).all())),
        ("checksums", not any(packet.checksum_says for packet in packets)),
        ("frame lengths, so no padding", all(packet.frame_len is None for packet in packets)),
        ("link-layer addresses", bool((unprinted & table.NO_LINK).all())),
        (
            f"ports, flags and numbers of {counted(hidden, 'packet')} (taken from the lines around)",
            hidden > 0,
        ),
        (
            f"sequence numbers of {counted(omitted, 'empty segment')} (taken as the next expected)",
            omitted > 0,
        ),
        (f"ports of {counted(unplaced, 'packet')} of several connections (left out)", unplaced > 0),
        ("absolute sequence numbers", bool(talks) and not any(talk.is_absolute for talk in talks)),
    ]
    return (words for words, is_lacking in told if is_lacking)


def _times_ns(packets: Sequence[Printed]) -> npt.NDArray[np.int64]:
    """int64[n], ns: as printed; past midnight a day more; differences (tcpdump -ttt, tshark -t d) added up."""
    known, last = np.zeros(len(packets), np.int64), 0
    for index, packet in enumerate(packets):
        last = last if packet.time_ns is None else packet.time_ns
        known[index] = last
    steps = np.diff(known)
    back = np.flatnonzero(steps < 0)
    if len(back) > 1 and len(back) * 4 > len(known) and known.max() < _DAY_NS // 24:
        return np.cumsum(known)
    for index in back[steps[back] < -_DAY_NS // 2].tolist():
        known[index + 1 :] += _DAY_NS
    return known


def _names(packets: Sequence[Printed]) -> Iterator[tuple[tuple[int, ...], str]]:
    """The words of each address that stands for a host name (or for none: ""), with it."""
    for packet in packets:
        for shown in (packet.src, packet.dst):
            raw, is_name = address_bytes(shown, packet.version or 4)
            if is_name:
                raw = raw.rjust(16, b"\0")
                yield tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(0, 16, 4)), shown


def _name_words(name: str) -> list[int]:
    """A name's first bytes as four words; what does not fit is told apart by a checksum at the end."""
    raw = name.encode("utf-8", "replace")
    if len(raw) > rows.NAME_BYTES:
        raw = raw[:_KEPT_OF_NAME] + b"~" + f"{zlib.crc32(raw) & 0xFFFF:04x}".encode()
    raw = raw.ljust(rows.NAME_BYTES, b"\0")
    return [int.from_bytes(raw[at : at + 4], "big") for at in range(0, rows.NAME_BYTES, 4)]
