"""Turn located headers into one packet row and one flow: what every packet of every capture goes through.

Flows are found by an open-addressing hash over addresses, ports, protocol and capture interface; the flow of the
packet before is tried first, because packets come in bursts.
"""

from typing import Final

import numpy as np

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.evidence.captures.headers import (
    DEPTH,
    FRAGMENT,
    FRAGMENT_OFFSET,
    INTERFACE_INDEX,
    IP,
    IP_END,
    IP_ID,
    L4,
    NO_LENGTH,
    OUTER_IP,
    PROBLEM,
    PROTO,
    SPACE_END,
    TUNNEL,
    VERSION,
    VNI,
    locate,
    u16,
    u32,
)
from lastseen.evidence.captures.kernels import Bytes, Integer, Numbers, Places, Words
from lastseen.tables import packets as table

__all__ = ["EMPTY", "KEY_WORDS", "append_rows", "decode", "join_flows", "rehash"]

EMPTY: Final = -1
"""A free place of the hash table."""
KEY_WORDS: Final = 10
"""Length of a flow key, see `_key`."""
DIGEST_BYTES: Final = 32
"""How much of a payload its digest covers: short, so that captures with small snap lengths still agree."""

TCP, UDP, ICMP, ICMP6, SCTP = 6, 17, 1, 58, 132

_COLUMNS: Final = table.PACKET_COLUMNS
_NO_FLOW: Final = table.NO_FLOW
_DATAGRAM: Final = table.FLOW_IS_DATAGRAM
_HEADER_CUT: Final = 0x100
"""Beside the INFO bits: the transport header is not whole, so that no flow can be named."""


@packet_kernel
def _digest(buf: Bytes, start: Integer, stop: Integer) -> Integer:
    """FNV-1a, 32 bits, of at most DIGEST_BYTES from `start` (http://www.isthe.com/chongo/tech/comp/fnv/)."""
    value = np.uint64(0x811C9DC5)
    for i in range(start, min(stop, start + DIGEST_BYTES)):
        value = ((value ^ np.uint64(buf[i])) * np.uint64(0x01000193)) & np.uint64(0xFFFFFFFF)
    return np.int64(value)


@packet_kernel
def _digest_of_quote(buf: Bytes, rest: Integer, stop: Integer) -> Integer:
    """FNV-1a, 32 bits, of what an ICMP error says and quotes, as far as no translation of addresses changes it.

    That is the end of its own header at `rest` and of the packet after it the length, the identification (IPv6: half of
    the flow label), the protocol and what of the transport header is no port, identifier or checksum (RFC 792, RFC 4443
    3, RFC 5508 4.2).
    """
    value, at = np.uint64(0x811C9DC5), rest + 2
    version = buf[at] >> 4 if at < stop else 0
    header = np.int64(buf[at] & 15) * 4 if version == 4 else np.int64(40)
    place = at + (9 if version == 4 else 6)
    proto = np.int64(buf[place]) if place < stop else np.int64(0)
    inner = at + header
    for i in range(rest, min(stop, inner + 8)):
        k, kept = i - at, i < at
        if version == 4:
            kept |= 2 <= k < 6 or k == 9
        elif version == 6:
            kept |= 2 <= k < 7
        if i >= inner:
            k = i - inner
            if proto == TCP or proto == SCTP:
                kept = k >= 4
            elif proto == UDP:
                kept = k == 4 or k == 5
            else:
                kept = (proto == ICMP or proto == ICMP6) and (k < 2 or k >= 6)
        if kept:
            value = ((value ^ np.uint64(buf[i])) * np.uint64(0x01000193)) & np.uint64(0xFFFFFFFF)
    return np.int64(value)


@packet_kernel
def _options(buf: Bytes, p: Integer, end: Integer) -> Integer:
    """(MSS, window scale + 1, INFO bits, SACK permitted, timestamp's low half) of the TCP options in `buf[p:end]`."""
    mss, scale, info, sack, stamp = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while p < end:
        kind = buf[p]
        if kind == 0:
            break
        if kind == 1:
            p += 1
            continue
        size = np.int64(buf[p + 1]) if p + 1 < end else 0
        if size < 2 or p + size > end:
            break
        if kind == 2 and size == 4:
            mss = u16(buf, p + 2)
        elif kind == 3 and size == 3:
            scale = np.int64(min(buf[p + 2], 14)) + 1
        elif kind == 4:
            sack = np.int64(1)
        elif kind == 5:
            info |= table.INFO_SACK_BLOCKS
        elif kind == 8:
            info |= table.INFO_TIMESTAMPS
            if size == 10:
                stamp = u16(buf, p + 4)
        p += size
    return mss, scale, info, sack, stamp


@packet_kernel
def _key(buf: Bytes, found: Numbers, interface: Integer, key: Words) -> Integer:
    """The flow key of a packet into `key` (uint32[10]), endpoints in canonical order; True: they were swapped.

    key: 4 words each endpoint's address, the ports (of the first endpoint in the high half), protocol word.
    """
    ip, l4 = found[IP], found[L4]
    source = np.int64(0)
    if found[VERSION] == 4:
        for i in range(3):
            key[i] = key[4 + i] = 0
        key[3], key[7] = u32(buf, ip + 12), u32(buf, ip + 16)
    else:
        for i in range(4):
            key[i], key[4 + i] = u32(buf, ip + 8 + 4 * i), u32(buf, ip + 24 + 4 * i)
    destination = np.int64(0)
    kind = found[VERSION] << 8
    if found[FRAGMENT]:
        source = destination = found[IP_ID]
        kind |= _DATAGRAM
    elif found[PROTO] == TCP or found[PROTO] == UDP or found[PROTO] == SCTP:
        source, destination = u16(buf, l4), u16(buf, l4 + 2)
    key[9] = found[PROTO] | kind | (interface << 16)
    swapped = source > destination
    if source == destination:
        for i in range(4):
            if key[i] != key[4 + i]:
                swapped = key[i] > key[4 + i]
                break
    if swapped:
        for i in range(4):
            key[i], key[4 + i] = key[4 + i], key[i]
        source, destination = destination, source
    key[8] = (source << 16) | destination
    return swapped


@packet_kernel
def _hash(key: Words) -> Integer:
    """A 64-bit mix of the key's ten words (multiply and fold, after Fibonacci hashing)."""
    value = np.uint64(0)
    for i in range(KEY_WORDS):
        value = (value ^ np.uint64(key[i])) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
    return value


@packet_kernel
def find_flow(keys: Words, places: Places, key: Words, last: Integer, count: Integer) -> Integer:
    """The number of the flow with this key, or `count` when it is new (its place in the table is taken)."""
    if last >= 0:
        same = True
        for i in range(KEY_WORDS):
            if keys[last, i] != key[i]:
                same = False
                break
        if same:
            return last
    mask = np.uint64(places.size - 1)
    place = _hash(key) & mask
    while True:
        flow = places[place]
        if flow == EMPTY:
            places[place] = count
            return count
        same = True
        for i in range(KEY_WORDS):
            if keys[flow, i] != key[i]:
                same = False
                break
        if same:
            return np.int64(flow)
        place = (place + np.uint64(1)) & mask


@step_kernel
def rehash(keys: Words, count: Integer, places: Places) -> None:
    """Enter the first `count` flows into the empty table `places`."""
    mask = np.uint64(places.size - 1)
    for flow in range(count):
        place = _hash(keys[flow]) & mask
        while places[place] != EMPTY:
            place = (place + np.uint64(1)) & mask
        places[place] = flow


@step_kernel
def join_flows(
    keys: Words, flows: Words, places: Places, count: Integer, other_keys: Words, other_flows: Words,
    other_count: Integer, rows_before: Integer, numbers: Words,
) -> Integer:  # fmt: skip
    """Add the flows of the file's next packets, numbered apart; returns how many there are then.

    `numbers`: uint32[other_count], filled with the flow's number here << 1 | 1 where its `a` is the other end.
    `rows_before`: packets before those. There is room for all.
    """
    for i in range(other_count):
        flow = find_flow(keys, places, other_keys[i], -1, count)
        turned = 0
        if flow == count:
            for k in range(KEY_WORDS):
                keys[flow, k] = other_keys[i, k]
            for k in range(table.FLOW_COLUMNS):
                flows[flow, k] = other_flows[i, k]
            flows[flow, table.FLOW_FIRST] += np.uint32(rows_before)
            count += 1
        else:
            for k in range(4):
                if flows[flow, table.FLOW_A + k] != other_flows[i, table.FLOW_A + k]:
                    turned = 1
            if flows[flow, table.FLOW_PORTS] != other_flows[i, table.FLOW_PORTS]:
                turned = 1
            flows[flow, table.FLOW_PACKETS] += other_flows[i, table.FLOW_PACKETS]
            for side in range(2):
                options = other_flows[i, table.FLOW_OPTIONS_A + (side ^ turned)]
                if options:
                    flows[flow, table.FLOW_OPTIONS_A + side] = options
        numbers[i] = np.uint32(flow << 1 | turned)
    return count


@step_kernel
def append_rows(packets: Words, at: Integer, other: Words, count: Integer, numbers: Words) -> None:
    """Copy `count` rows to `packets[at:]`, their flows renumbered as `join_flows` says."""
    for i in range(count):
        for k in range(_COLUMNS):
            packets[at + i, k] = other[i, k]
        word = other[i, table.FLOW]
        if word != _NO_FLOW:
            packets[at + i, table.FLOW] = numbers[word >> 1] ^ (word & 1)


@packet_kernel
def _new_flow(buf: Bytes, found: Numbers, key: Words, swapped: Integer, row: Integer, flow: Words) -> None:
    """Fill the flow row of a packet that starts a flow: `a` is its sender."""
    for i in range(4):
        flow[table.FLOW_A + i] = key[4 + i] if swapped else key[i]
        flow[table.FLOW_B + i] = key[i] if swapped else key[4 + i]
    ports = np.int64(key[8])
    flow[table.FLOW_PORTS] = ((ports & 0xFFFF) << 16) | (ports >> 16) if swapped else ports
    flow[table.FLOW_PROTO] = key[9]
    flow[table.FLOW_TUNNEL] = found[TUNNEL] | (found[DEPTH] << 8)
    flow[table.FLOW_VNI] = found[VNI]
    flow[table.FLOW_OPTIONS_A] = flow[table.FLOW_OPTIONS_B] = 0
    flow[table.FLOW_PACKETS] = 0
    flow[table.FLOW_FIRST] = row
    outer = found[OUTER_IP]
    is_v4 = outer >= 0 and buf[max(outer, 0)] >> 4 == 4
    flow[table.FLOW_OUTER_SRC] = u32(buf, outer + 12) if is_v4 else 0
    flow[table.FLOW_OUTER_DST] = u32(buf, outer + 16) if is_v4 else 0


@packet_kernel
def _transport(buf: Bytes, end: Integer, found: Numbers, packet: Words) -> Integer:
    """Sequence, acknowledgment, lengths and window of the transport header into `packet`; (INFO bits, SYN options)."""
    l4, ip_end, proto = found[L4], found[IP_END], found[PROTO]
    length = max(ip_end - l4, 0)
    if found[FRAGMENT]:
        packet[table.SEQ] = _digest(buf, l4, min(end, ip_end))
        packet[table.ACK] = found[FRAGMENT_OFFSET]
        packet[table.LENGTH_FLAGS] = length << 8
        return table.INFO_FRAGMENT, np.int64(0)
    stop = min(end, ip_end)
    if proto == TCP and l4 + 20 <= stop:
        header = np.int64(buf[l4 + 12] >> 4) * 4
        info = 0
        if header < 20 or l4 + header > ip_end:
            info, header = table.INFO_MALFORMED, np.int64(20)
        packet[table.SEQ], packet[table.ACK] = u32(buf, l4 + 4), u32(buf, l4 + 8)
        packet[table.LENGTH_FLAGS] = (max(length - header, 0) << 8) | buf[l4 + 13]
        packet[table.ID_WINDOW] = u16(buf, l4 + 14)
        options = np.int64(0)
        if header > 20:
            mss, scale, more, sack, stamp = _options(buf, l4 + 20, min(l4 + header, end))
            info |= more
            if found[VERSION] == 6:
                packet[table.ID_WINDOW] |= np.uint32(stamp << 16)
            if buf[l4 + 13] & 2:
                options = (mss << 16) | scale | (sack << 8) | ((more & table.INFO_TIMESTAMPS) << 9)
        return info, options
    if proto == UDP and l4 + 8 <= stop:
        size = u16(buf, l4 + 4)
        udp_end = min(l4 + size, ip_end) if size >= 8 else ip_end
        packet[table.SEQ] = _digest(buf, l4 + 8, min(end, udp_end))
        packet[table.LENGTH_FLAGS] = (udp_end - l4 - 8) << 8
        return 0, np.int64(0)
    if (proto == ICMP or proto == ICMP6) and l4 + 8 <= stop:
        kind = buf[l4]
        if kind < 128 if proto == ICMP6 else 3 <= kind <= 5 or 11 <= kind <= 12:
            packet[table.SEQ] = _digest_of_quote(buf, l4 + 6, stop)
        else:
            packet[table.SEQ] = _digest(buf, l4 + 6, stop)
        packet[table.ACK] = u16(buf, l4) << 16
        packet[table.LENGTH_FLAGS] = (length - 8) << 8
        return 0, np.int64(0)
    if proto == SCTP and l4 + 12 <= stop:
        packet[table.SEQ], packet[table.ACK] = _digest(buf, l4 + 12, stop), u32(buf, l4 + 4)
        packet[table.LENGTH_FLAGS] = length << 8
        return 0, np.int64(0)
    packet[table.SEQ] = _digest(buf, l4, stop)
    packet[table.LENGTH_FLAGS] = length << 8
    missing = proto == TCP or proto == UDP or proto == ICMP or proto == ICMP6 or proto == SCTP
    info = 0
    if missing:
        info = _HEADER_CUT if ip_end > end else _HEADER_CUT | table.INFO_MALFORMED
    return info, np.int64(0)


@packet_kernel
def _misc(buf: Bytes, end: Integer, found: Numbers, info: Integer, packet: Words) -> None:
    """IP identification, TTL, traffic class, padding and the INFO bits into `packet`."""
    ip = found[IP]
    if found[VERSION] == 4:
        ttl, traffic_class, identification = np.int64(buf[ip + 8]), np.int64(buf[ip + 1]), found[IP_ID]
        info |= table.INFO_IP_ID
    else:
        ttl, traffic_class = np.int64(buf[ip + 7]), (u16(buf, ip) >> 4) & 0xFF
        identification = np.int64(0) if info & table.INFO_TIMESTAMPS else u16(buf, ip + 2)
    if found[IP_END] > end:
        info |= table.INFO_CUT
    if found[NO_LENGTH]:
        info |= table.INFO_LENGTH_UNKNOWN
    if found[PROBLEM]:
        info |= table.INFO_MALFORMED
    pad = min(max(found[SPACE_END] - found[IP_END], 0), 255)
    packet[table.ID_WINDOW] |= np.uint32(identification << 16)
    packet[table.MISC] = (info << 24) | (traffic_class << 16) | (ttl << 8) | pad


@packet_kernel
def decode(
    buf: Bytes,
    start: Integer,
    captured: Integer,
    wire: Integer,
    link_type: Integer,
    interface: Integer,
    row: Integer,
    packet: Words,
    flows: Words,
    keys: Words,
    places: Places,
    scratch: Numbers,
    key: Words,
    state: Numbers,
) -> None:
    """Fill `packet` (its time is filled by the caller) and its flow.

    `scratch` is int64[2, PLACES], `key` uint32[10]; `state[0]` counts flows, `state[1]` is the last packet's flow.
    The caller guarantees room for one more flow. What is no IP packet has flow NO_FLOW.
    """
    for i in range(2, _COLUMNS):
        packet[i] = 0
    packet[table.FLOW] = _NO_FLOW
    found = scratch[0]
    if not locate(buf, start, captured, wire, link_type, found, scratch[1]):
        if found[PROBLEM]:
            packet[table.MISC] = table.INFO_MALFORMED << 24
        return
    end = start + captured
    if found[L4] > end:
        found[L4] = end
    info, options = _transport(buf, end, found, packet)
    _misc(buf, end, found, info & 0xFF, packet)
    if info & _HEADER_CUT:
        return
    at = interface if found[INTERFACE_INDEX] == 0 else (found[INTERFACE_INDEX] & 0xFFFF)
    swapped = _key(buf, found, at, key)
    flow = find_flow(keys, places, key, state[1], state[0])
    if flow == state[0]:
        for i in range(KEY_WORDS):
            keys[flow, i] = key[i]
        _new_flow(buf, found, key, swapped, row, flows[flow])
        state[0] += 1
    state[1] = flow
    flows[flow, table.FLOW_PACKETS] += np.uint32(1)
    direction = 1 if flows[flow, table.FLOW_PORTS] != _sent_ports(key, swapped) else 0
    if flows[flow, table.FLOW_PORTS] >> 16 == flows[flow, table.FLOW_PORTS] & 0xFFFF:
        direction = _direction_by_address(flows[flow], key, swapped)
    packet[table.FLOW] = (flow << 1) | direction
    if options:
        flows[flow, table.FLOW_OPTIONS_B if direction else table.FLOW_OPTIONS_A] = options


@packet_kernel
def _sent_ports(key: Words, swapped: Integer) -> Integer:
    """The packet's ports, its sender's in the high half."""
    ports = np.int64(key[8])
    return ((ports & 0xFFFF) << 16) | (ports >> 16) if swapped else ports


@packet_kernel
def _direction_by_address(flow: Words, key: Words, swapped: Integer) -> Integer:
    """Direction when both ports are equal: 0 when the packet's source is the flow's `a`."""
    for i in range(4):
        source = key[4 + i] if swapped else key[i]
        if source != flow[table.FLOW_A + i]:
            return 1
    return 0
