"""Packet by packet, the innermost headers are those tshark shows."""

import subprocess
from pathlib import Path
from typing import Final

import oracles
import pytest
from decoded import Fields, fields

from lastseen.evidence.captures import open_bytes, read_capture
from lastseen.tables.packets import INFO_FRAGMENT

ASKED: Final = (
    "frame.len", "ip.src", "ip.dst", "ip.id", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw",
    "tcp.ack_raw", "tcp.len", "tcp.flags", "tcp.window_size_value", "udp.srcport", "udp.dstport", "icmp.type",
)  # fmt: skip
PREFERENCES: Final = (
    "tcp.relative_sequence_numbers:false", "tcp.desegment_tcp_streams:false",
    "ip.defragment:false", "ipv6.defragment:false",
)  # fmt: skip


def tshark(path: Path) -> list[dict[str, str]]:
    """The last occurrence of each asked field, a packet a dict."""
    command = [
        "tshark",
        "-r",
        str(path),
        "-n",
        "-T",
        "fields",
        "-E",
        "occurrence=l",
        "-d",
        "udp.port==8472,vxlan",
    ]
    command += [part for preference in PREFERENCES for part in ("-o", preference)]
    command += [part for field in ASKED for part in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [dict(zip(ASKED, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


def as_tshark(found: Fields) -> dict[str, str]:
    """What tshark should show of a packet, as far as it is of a kind compared."""
    family = "ipv6" if ":" in found.src else "ip"
    shown = {f"{family}.src": found.src, f"{family}.dst": found.dst}
    if family == "ip":
        shown["ip.id"] = f"0x{found.ip_id:04x}"
    if found.info & INFO_FRAGMENT:
        return shown
    if found.protocol == 6:
        shown |= {"tcp.srcport": str(found.sport), "tcp.dstport": str(found.dport)}
        shown |= {"tcp.seq_raw": str(found.seq), "tcp.ack_raw": str(found.ack), "tcp.len": str(found.length)}
        shown |= {"tcp.flags": f"0x{found.flags:04x}", "tcp.window_size_value": str(found.window)}
    elif found.protocol == 17:
        shown |= {"udp.srcport": str(found.sport), "udp.dstport": str(found.dport)}
    return shown


@pytest.mark.oracle("tshark")
@pytest.mark.parametrize("name", oracles.NAMES)
def test_fields_equal_tshark(name: str, tmp_path: Path) -> None:
    path = oracles.capture_path(name, tmp_path)
    with open_bytes(path) as source:
        capture, _ = read_capture(source, name)
    theirs = tshark(path)
    assert len(capture.packets) == len(theirs)
    for row, seen in enumerate(theirs):
        found = fields(capture, row)
        if found is None:
            assert not seen["tcp.srcport"], f"frame {row + 1}"
        elif found.protocol not in {1, 58}:  # tshark's last header is the one an ICMP error quotes
            shown = as_tshark(found)
            assert shown == {field: seen[field] for field in shown}, f"frame {row + 1}"
        assert str(int(capture.lengths[row, 1])) == seen["frame.len"]
