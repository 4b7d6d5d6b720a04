"""The thorough view of a chosen packet: one row of int64 a packet, everything a contrast or a proof may ask.

Decoded from the file on demand, for the lost packets and those they are compared with; never for whole captures.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.tables.packets import Capture

__all__ = [
    "CHECKSUM_BAD",
    "CHECKSUM_GOOD",
    "CHECKSUM_PARTIAL",
    "CHECKSUM_UNKNOWN",
    "COLUMNS",
    "LINE_BYTES",
    "DetailRows",
    "Details",
    "column",
]

COLUMNS: Final = (
    "frame_number",  # from 1
    "frame_len",  # bytes on the wire
    "eth_src",  # 48 bits of the innermost Ethernet header; -1: none
    "eth_dst",
    "vlan_id",  # -1: untagged
    "ip_version",  # 0: no IP packet
    "ip_hdr_len",  # bytes
    "ip_len",  # bytes: IPv4 total length; IPv6 payload length + 40
    "ip_id",  # -1: none
    "ip_ttl",  # or hop limit
    "ip_dsfield",  # traffic class
    "ip_df",  # 1: don't fragment
    "ip_fragment",  # 1: a fragment
    "ip_proto",
    "src_port",
    "dst_port",
    "tcp_hdr_len",  # bytes; 0: no TCP
    "tcp_seq",
    "tcp_ack",
    "tcp_flags",
    "tcp_window",  # as sent, unscaled
    "payload_len",  # bytes on the wire
    "tcp_mss",  # 0: no option
    "tcp_timestamps",  # 1: option present
    "tcp_sack_blocks",  # 1: option present
    "padding_len",  # bytes after the innermost IP packet's end, a trailer of every frame left out
    "padding_nonzero",  # 1: a captured padding byte is not zero
    "checksum",  # CHECKSUM_*, over the IP length: what is right
    "untrimmed_residual",  # see below
    "tunnel",  # index into tables.packets.TUNNELS
    "tunnel_key",  # VNI or key
    "ip_src",  # see below; ARP: the sender's protocol address
    "ip_dst",  # ARP: the target's
    "ip_mf",  # 1: more fragments follow
    "ip_frag_offset",  # bytes
    "tcp_wscale",  # shift count of the option; -1: none
    "tcp_sack_permitted",  # 1: option present
    "tcp_tsval",  # 32 bits; -1: no option
    "tcp_tsecr",
    "tcp_sack_left",  # edges of the first SACK block; -1: none
    "tcp_sack_right",
    "tcp_fastopen",  # bytes of the Fast Open cookie (RFC 7413), 0: it is asked for; -1: no option
    "icmp_type",  # ICMP or ICMPv6; -1: neither
    "icmp_code",
    "icmp_mtu",  # what "fragmentation needed" or "packet too big" allows; -1: not such a message
    "quoted_src",  # of the packet an ICMP error quotes, as ip_src; -1: nothing quoted
    "quoted_dst",
    "quoted_src_port",
    "quoted_dst_port",
    "quoted_seq",  # TCP
    "quoted_ip_id",
    "payload_head",  # first seven bytes of the TCP or UDP payload, big-endian, zeros where there are fewer
    "dns_qtype",  # type of the first question where a port is 53 (1 A, 28 AAAA); -1: none
    "outer_src_port",  # of the outermost tunnel header, -1: no tunnel over UDP
    "outer_checksum",  # CHECKSUM_* of that UDP header; CHECKSUM_UNKNOWN where it is 0
    "arp_op",  # 1 request, 2 reply (RFC 826); 0: no ARP
    "arp_sender_mac",  # 48 bits; -1: no ARP
    "payload_line",  # see below; -1: no payload, or not enough of it captured
    "tls_last",  # see below; 0: none, -1: not told
    "tracked_window",  # of lastseen.contrasts.tracked_window; 0 until a loss is looked at, which fills it in
)
"""Column names in order; names are Wireshark's display-filter names where it has one.

`untrimmed_residual`: what is left of the transport checksum's ones'-complement sum, modulo 65535, when it is
taken over every byte present after the IP header with that number of bytes in the pseudo header, as a validator
does that forgets to trim the padding (Linux nf_ip_checksum, net/netfilter/utils.c, on an untrimmed buffer).
0: such a validator finds the packet right. A right packet with p zero bytes of padding gives p. -1: not known.

`ip_src`, `ip_dst`: an IPv4 address as a number; an IPv6 address as 62 bits of its FNV-1a digest above bit 32, so that
addresses can be compared, not printed; -1: no IP.

`payload_line`: 62 bits of the FNV-1a digest of the TCP or UDP payload's first line, LINE_BYTES at most; of a line of
text only what stands before its second space, so that it is the same request whatever version of HTTP asks for it
(RFC 9112, 3).

`tls_last`: the last TLS record (RFC 8446, 5.1) that begins in the TCP payload: type << 40 | length << 24 | bytes of it
that are still to come. Payloads that begin with a record are followed from there; of others it is the record, if there
is one, that ends just with them: that other bytes look like a header with just that length is next to impossible.
0: there is none, or its header is not whole. -1: no TCP, or the payload was not captured whole.
"""

LINE_BYTES: Final = 48
"""Bytes of a payload that `payload_line` covers at the most: the 32 random bytes of a TLS ClientHello end at byte 43
(RFC 8446, 4.1.2 and 5.1)."""

CHECKSUM_UNKNOWN: Final = 0
"""No checksum, a fragment, or bytes cut by the snap length."""
CHECKSUM_GOOD: Final = 1
CHECKSUM_BAD: Final = 2
CHECKSUM_PARTIAL: Final = 3
"""The field holds the pseudo header's sum only: the sender left the rest to its network card (offload)."""

DetailRows = npt.NDArray[np.int64]
"""int64[n, len(COLUMNS)], in the order the packets were asked for."""
Details = Callable[[Capture, npt.NDArray[np.int64]], DetailRows]
"""Decodes chosen packets (rows) of a capture thoroughly; made by whoever may open files."""

_INDEX: Final = {name: index for index, name in enumerate(COLUMNS)}


def column(rows: DetailRows, name: str) -> npt.NDArray[np.int64]:
    """int64[n]: one column by name."""
    return rows[:, _INDEX[name]]
