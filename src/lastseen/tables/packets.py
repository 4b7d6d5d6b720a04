"""The packet and flow tables: one row of eight uint32 a packet, one row of sixteen a directed-flow pair.

One compact row a packet, because counting and matching touch every packet of every capture: 32 bytes hold all
they need. What only a few chosen packets are asked for (addresses of each header, options, checksums) is decoded
again from the file on demand, see `lastseen.tables.details`.

Row i of a capture is frame i + 1: undecodable packets keep a row (flow `NO_FLOW`), so frame numbers agree with
Wireshark's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.tables.listed import Listed

__all__ = [
    "ACK",
    "FLAGS",
    "FLOW",
    "FLOW_COLUMNS",
    "ID_WINDOW",
    "LENGTH_FLAGS",
    "MISC",
    "NO_FLOW",
    "PACKET_COLUMNS",
    "SEQ",
    "TIME_HIGH",
    "TIME_LOW",
    "Capture",
    "CaptureInterface",
    "Room",
]

# ---- packet row, uint32[n, PACKET_COLUMNS] ----
PACKET_COLUMNS: Final = 8
TIME_LOW: Final = 0
"""Columns 0 and 1 together: int64, ns since the epoch, little-endian (view the row as int64)."""
TIME_HIGH: Final = 1
FLOW: Final = 2
"""Flow number << 1 | direction; direction 0: sent by the flow's `a`. `NO_FLOW`: no flow was recognised."""
SEQ: Final = 3
"""TCP: sequence number. Otherwise: digest of the payload (32 bits of FNV-1a), of what translation of addresses leaves
alone: of SCTP of the chunks, of an ICMP error of fields of the packet that it quotes."""
ACK: Final = 4
"""TCP: acknowledgment number. ICMP, ICMPv6: type << 24 | code << 16. SCTP: verification tag. A fragment: its offset.
Otherwise 0."""
LENGTH_FLAGS: Final = 5
"""Payload bytes on the wire (TCP, UDP; else bytes after the IP header), 24 bits, << 8 | TCP flags, 8 bits."""
ID_WINDOW: Final = 6
"""IPv4 identification << 16 | TCP window as sent (unscaled). IPv6 has none: the low 16 bits of TCP's timestamp value
where it carries one (with INFO_TIMESTAMPS), else of the flow label."""
MISC: Final = 7
"""INFO bits << 24 | IP traffic class << 16 | TTL or hop limit << 8 | padding bytes (255: 255 or more).

Padding: bytes on the wire after the innermost packet's end, up to the end of the frame."""

NO_FLOW: Final = 0xFFFFFFFF

INFO_TIMESTAMPS: Final = 0x01
"""The TCP header carries a timestamp option (RFC 7323)."""
INFO_SACK_BLOCKS: Final = 0x02
"""The TCP header carries SACK blocks (RFC 2018)."""
INFO_FRAGMENT: Final = 0x04
"""An IP fragment: its flow is the datagram (addresses, protocol, identification), not the ports."""
INFO_CUT: Final = 0x08
"""The snap length cut the packet before the end of its transport header or payload."""
INFO_IP_ID: Final = 0x10
"""ID_WINDOW holds an IPv4 identification."""
INFO_MALFORMED: Final = 0x20
"""A header contradicts itself (length below its minimum, data offset beyond the packet)."""
INFO_LENGTH_UNKNOWN: Final = 0x40
"""The IP length is 0 (TSO, BIG TCP) and no jumbo payload option tells it; the payload length is the frame's."""

INFO_LISTED: Final = 0x80
"""Read from a text: what header fields hold beyond numbers, length and flags is told by `Capture.listed`."""

FLAGS: Final = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10, "U": 0x20, "E": 0x40, "C": 0x80}
"""TCP flag bits by tcpdump's letters (RFC 9293; ECE and CWR RFC 3168)."""

# ---- flow row, uint32[m, FLOW_COLUMNS] ----
FLOW_COLUMNS: Final = 18
FLOW_A: Final = 0
"""Columns 0-3: address of `a`, the sender of the flow's first packet, big-endian words; IPv4 in column 3."""
FLOW_B: Final = 4
"""Columns 4-7: address of `b`."""
FLOW_PORTS: Final = 8
"""Port of `a` << 16 | port of `b` (0 without ports; a fragment's identification for a datagram)."""
FLOW_PROTO: Final = 9
"""IP protocol | IP version << 8 | FLOW_IS_DATAGRAM | FLOW_A_IS_NAME | FLOW_B_IS_NAME | capture interface << 16."""
FLOW_TUNNEL: Final = 10
"""Innermost tunnel kind (TUNNEL_*), tunnel depth << 8 of the flow's first packet."""
FLOW_VNI: Final = 11
"""VNI or key of that tunnel."""
FLOW_OPTIONS_A: Final = 12
"""MSS << 16 | window scale + 1 (0: none) | SACK permitted << 8 | timestamps << 9 of the SYN that `a` sent."""
FLOW_OPTIONS_B: Final = 13
FLOW_PACKETS: Final = 14
"""Packets of the flow (both directions)."""
FLOW_FIRST: Final = 15
"""Row of the flow's first packet."""
FLOW_OUTER_SRC: Final = 16
"""IPv4 address of the outermost tunnel header's source, first packet (0: no tunnel or IPv6)."""
FLOW_OUTER_DST: Final = 17

FLOW_IS_DATAGRAM: Final = 0x1000
"""Bit of FLOW_PROTO: the flow is one fragmented datagram."""

FLOW_A_IS_NAME: Final = 0x2000
"""Bit of FLOW_PROTO: a listing printed a host name; its UTF-8 bytes stand in the address's place, "" for none."""
FLOW_B_IS_NAME: Final = 0x4000
NAME_BYTES: Final = 16

TUNNELS: Final = ("", "geneve", "vxlan", "gre", "ipip", "erspan", "gtpu")
"""Tunnel kinds by number."""

PacketRows = npt.NDArray[np.uint32]
"""uint32[n, PACKET_COLUMNS], in file order."""
FlowRows = npt.NDArray[np.uint32]
"""uint32[m, FLOW_COLUMNS], in order of first packet."""

Room = Callable[[tuple[int, ...], type[np.generic]], npt.NDArray[Any]]
"""Makes an array of a shape and element type for as many entries as there are packets, as `np.empty` does. Where
captures are larger than memory it lies elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureInterface:
    """One interface of a capture. `dropped_packets` None: the file does not say (pcapng statistics do)."""

    name: str
    link_type: int
    snap_length: int
    filter: str = ""
    dropped_packets: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capture:
    """One capture file, decoded: every packet a row, every flow a row, and where each packet lies.

    Several files of one rotated capture are one `Capture`: then `parts` holds each file's name and the row of its
    first packet, in order, `file` is the first one's name, and `offsets` count in each packet's own file.

    `offsets`: int64[n], byte offset of each packet's data in the (decompressed) file.
    `lengths`: uint32[n, 2], captured length and length on the wire, bytes.
    `comments`: what people wrote into a pcapng: (frame from 1 or None for the whole file, text). `listed`: what is
    known of packets that were read from a text, None: they were not.
    """

    file: str
    format: str
    interfaces: tuple[CaptureInterface, ...]
    packets: PacketRows = field(repr=False)
    flows: FlowRows = field(repr=False)
    offsets: npt.NDArray[np.int64] = field(repr=False)
    lengths: npt.NDArray[np.uint32] = field(repr=False)
    comments: tuple[tuple[int | None, str], ...] = ()
    parts: tuple[tuple[str, int], ...] = ()
    listed: Listed | None = None

    def times_ns(self) -> npt.NDArray[np.int64]:
        """int64[n], ns since the epoch, in file order (not necessarily ascending)."""
        times: npt.NDArray[np.int64] = self.packets.view(np.int64)[:, 0]
        return times
