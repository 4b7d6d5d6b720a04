"""A small diagnosis built by hand: one connection, three points, 20 of 24 packets to the client lost at one hop."""

import numpy as np
import pytest

from lastseen.tables.connections import CONNECTION, STALLS, STATES
from lastseen.tables.contrasts import Contrast
from lastseen.tables.diagnosis import Diagnosis, Exonerated, RankedConnection, Verdict
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.judgements import Reason, Refuted, Remedy, Step, Supported, Untestable
from lastseen.tables.packets import FLOW_COLUMNS, LENGTH_FLAGS, Capture
from lastseen.tables.points import (
    CLIENT_TO_REMOTE,
    DELIVERED,
    LOST,
    REMOTE_TO_CLIENT,
    UNPROVEN,
    Conversations,
    Hop,
    Matching,
    Point,
)
from lastseen.tables.sources import EvidenceFile, Source, Weird
from lastseen.tables.symptoms import Symptom

PACKETS = 30
HOSTILE = "evil\x1b[31m\x1b]0;owned\x07[bold red]x[/]\u202e\udcff.pcap"


def address(text: str) -> int:
    return int.from_bytes(bytes(map(int, text.split("."))), "big")


def flows(tunnel: bool) -> np.ndarray:
    """The remote sent first, so the client is `b`."""
    rows = np.zeros((1, FLOW_COLUMNS), np.uint32)
    rows[0, 3], rows[0, 7] = address("203.0.113.80"), address("10.20.0.15")
    rows[0, 8], rows[0, 9] = 443 << 16 | 50184, 6 | 4 << 8
    if tunnel:
        rows[0, 10], rows[0, 11] = 1 | 1 << 8, 100
        rows[0, 16], rows[0, 17] = address("192.168.50.11"), address("192.168.50.21")
    return rows


def point(name: str, file: str, *, tunnel: bool = False) -> Point:
    packets = np.zeros((PACKETS, 8), np.uint32)
    packets[:, LENGTH_FLAGS] = 10 << 8
    table = np.zeros(1, CONNECTION)
    table["originator"], table["originator_known"] = 1, 1
    table["state"], table["stall"] = STATES.index("S1"), STALLS.index("waiting_for_fin")
    table["start_ns"], table["end_ns"] = 1_700_000_000_000_000_001, 1_700_000_060_060_000_001
    table["stall_ns"] = table["longest_gap_ns"] = 60_060_000_000
    table["packets"], table["bytes"], table["history"] = [[12, 18]], [[517, 34567]], b"ShADad"
    table["fin"], table["holes"], table["retransmitted"] = [[0, 1]], [[0, 100]], [[2, 0]]
    capture = Capture(
        file=file,
        format="pcap",
        interfaces=(),
        packets=packets,
        flows=flows(tunnel),
        offsets=np.zeros(PACKETS, np.int64),
        lengths=np.zeros((PACKETS, 2), np.uint32),
    )
    return Point(
        name=name,
        file=file,
        node="compute",
        interface=name,
        capture=capture,
        connections=table,
        group_of=np.zeros(PACKETS, np.int32),
        flow_groups=np.zeros(0, np.uint32),
        packets=PACKETS,
    )


def hop(upstream: int, downstream: int, direction: int, fate: list[int]) -> Hop:
    fates = np.zeros(PACKETS, np.uint8)
    fates[: len(fate)] = fate
    delays = np.arange(fate.count(DELIVERED), dtype=np.int64) * 1000 + 31_000
    return Hop(
        upstream=upstream,
        downstream=downstream,
        direction=direction,
        fate=fates,
        partner=np.full(PACKETS, -1, np.int32),
        delays_ns=delays,
    )


@pytest.fixture
def matching() -> Matching:
    points = (
        point("phys", "captures/phys.pcap"),
        point("compute_genev_sys_6081", "captures/genev.pcap", tunnel=True),
        point("compute_tap3f1c9a2e-7b", "captures/tap.pcap"),
    )
    hops = (
        hop(0, 1, REMOTE_TO_CLIENT, [DELIVERED] * 24),
        hop(1, 2, REMOTE_TO_CLIENT, [LOST] * 20 + [DELIVERED] * 3 + [UNPROVEN]),
        hop(2, 1, CLIENT_TO_REMOTE, [DELIVERED] * 6),
    )
    group = np.zeros((1, 3), np.int32)
    return Matching(
        points=points,
        order=(1, 2, 3),
        offsets_ns=(0, -1_234_567, 0),
        hops=hops,
        conversations=Conversations(group=group, flipped=np.zeros((1, 3), np.bool_)),
        order_reason="median delays of both directions",
    )


@pytest.fixture
def diagnosis(matching: Matching) -> Diagnosis:
    log = Source(file="compute/dmesg.txt", line=812)
    remedy = Remedy(
        title="Switch off conntrack's checksum validation",
        where="compute",
        commands=(
            "sysctl -w net.netfilter.nf_conntrack_checksum=0 # a command that is longer than eighty columns",
        ),
        price="broken packets are tracked too",
        risk="low",
        check="sysctl net.netfilter.nf_conntrack_checksum",
        undo=("sysctl -w net.netfilter.nf_conntrack_checksum=1",),
    )
    return Diagnosis(
        verdict=Verdict(
            fault="ovs_conntrack_padding",
            grade="confirmed",
            summary="Open vSwitch's conntrack calls padded FINs invalid and its rules drop them",
            component="the openvswitch module on compute",
            last_seen="compute_genev_sys_6081",
            missing_at="compute_tap3f1c9a2e-7b",
            indistinguishable=("nic_padding",),
        ),
        judgements=(
            Supported(
                fault="ovs_conntrack_padding",
                confirmed=True,
                reasons=(
                    Reason(
                        text="all 20 lost packets carry 6 bytes of padding",
                        source=Source(file="captures/genev.pcap", frame=17),
                    ),
                    Reason(text="the kernel logged nf_ct_proto_6: bad checksum", source=log),
                ),
            ),
            Untestable(fault="nic_padding", missing=("ethtool -S of the NIC",)),
            Untestable(fault="mtu_blackhole", missing=("a trace",), reasons=(Reason(text="large packets"),)),
            Refuted(fault="fw_drop_fin", against=(Reason(text="no rule matches", source=log),)),
        ),
        symptom=Symptom(
            kind="waited_for_eof",
            call="poll",
            fd=5,
            pid=4711,
            waited_ns=60_060_000_000,
            waits=1,
            ended_by="timeout",
            local=Endpoint(address="10.20.0.15", port=50184),
            peer=Endpoint(address="203.0.113.80", port=443),
            started_ns=1,
            response_bytes=34567,
            after_complete_response=True,
            sources=(Source(file="client/strace.txt", line=99),),
        ),
        matching=matching,
        contrasts=(
            Contrast(
                feature="padding_len>0",
                text="padding after the IP packet",
                lost=20,
                lost_total=20,
                delivered=0,
                delivered_total=3,
                risk_ratio=None,
                p_value=np.float64(0.00056),
                same_as=("frame_len=60",),
                hop=1,
            ),
        ),
        remedies=(remedy,),
        next=(Step(text="Confirm it", commands=("dmesg | grep nf_ct",)),),
        exonerated=(Exonerated(what="the remote server", reason=Reason(text="its FIN arrived", source=log)),),
        notes=(Reason(text="clocks differ by 1.2 ms"),),
        connections=(
            RankedConnection(
                connection="10.20.0.15:50184 > 203.0.113.80:443",
                lost_packets=20,
                unproven_packets=1,
                stall="waiting_for_fin",
                stall_ns=60_060_000_000,
                conversation=0,
            ),
        ),
        ranking="lost packets first",
        evidence=(
            EvidenceFile(file="captures/genev.pcap", kind="pcap", rows=30),
            EvidenceFile(file=HOSTILE, kind=None, rows=0),
        ),
        weirds=tuple(Weird(file=f"log{n}", reason="odd line", line=n + 1, count=n + 1) for n in range(12)),
        picture_hops=(1,),
    )
