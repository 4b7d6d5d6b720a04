"""Read bytes as a capture and name what the packet table says of one packet."""

import ipaddress
import tempfile
from dataclasses import dataclass

from lastseen.evidence.captures import ByteSource, read_capture
from lastseen.tables import packets as table
from lastseen.tables.packets import Capture
from lastseen.tables.sources import Weird


def read(data: bytes) -> tuple[Capture, list[Weird]]:
    """Decode a capture file held in memory."""
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ByteSource
    stream.write(data)
    stream.flush()
    with ByteSource(stream) as source:
        return read_capture(source, "test.pcap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """One packet's row in words; addresses and ports are None without a flow."""

    src: str
    dst: str
    sport: int
    dport: int
    protocol: int
    seq: int
    ack: int
    length: int
    flags: int
    ip_id: int
    window: int
    info: int
    ttl: int
    padding: int
    tunnel: str
    depth: int
    vni: int


def fields(capture: Capture, row: int) -> Fields | None:
    """What the tables say of packet `row`; None when no flow was recognised."""
    packet = [int(word) for word in capture.packets[row]]
    if packet[table.FLOW] == table.NO_FLOW:
        return None
    flow = [int(word) for word in capture.flows[packet[table.FLOW] >> 1]]
    version = flow[table.FLOW_PROTO] >> 8 & 15
    ends = [
        (_address(flow[table.FLOW_A : table.FLOW_A + 4], version), flow[table.FLOW_PORTS] >> 16),
        (_address(flow[table.FLOW_B : table.FLOW_B + 4], version), flow[table.FLOW_PORTS] & 0xFFFF),
    ]
    (src, sport), (dst, dport) = ends[::-1] if packet[table.FLOW] & 1 else ends
    return Fields(
        src=src, dst=dst, sport=sport, dport=dport, protocol=flow[table.FLOW_PROTO] & 0xFF,
        seq=packet[table.SEQ], ack=packet[table.ACK],
        length=packet[table.LENGTH_FLAGS] >> 8, flags=packet[table.LENGTH_FLAGS] & 0xFF,
        ip_id=packet[table.ID_WINDOW] >> 16, window=packet[table.ID_WINDOW] & 0xFFFF,
        info=packet[table.MISC] >> 24, ttl=packet[table.MISC] >> 8 & 0xFF, padding=packet[table.MISC] & 0xFF,
        tunnel=table.TUNNELS[flow[table.FLOW_TUNNEL] & 0xFF], depth=flow[table.FLOW_TUNNEL] >> 8,
        vni=flow[table.FLOW_VNI],
    )  # fmt: skip


def _address(words: list[int], version: int) -> str:
    if version == 4:
        return str(ipaddress.IPv4Address(words[3]))
    return str(ipaddress.IPv6Address(b"".join(word.to_bytes(4) for word in words)))
