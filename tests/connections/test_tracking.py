"""Connections of one capture: roles, splits, counts, and what they must not depend on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segments import Segment, answered_request, flow_rows, handshake, names, packet_rows, segment, track

from lastseen.connections.tracking import connections
from lastseen.tables import packets as rows
from lastseen.tables.connections import STATES

pytestmark = pytest.mark.kernel

OF_THE_ANALYSIS = (
    *(
        "stall",
        "stall_ns",
        "stall_from",
        "stall_until",
        "stall_side",
        "retransmitted",
        "spurious",
        "duplicated",
    ),
    *("out_of_order", "probes", "holes", "isn", "isn_known"),
)

FIN_BOTH = [
    segment(1.0, 1, "FA", (1901, 151)),
    segment(1.1, 0, "FA", (151, 1902)),
    segment(1.2, 1, "A", (1902, 152)),
]


def test_a_capture_without_packets_has_no_connections() -> None:
    """Empty tables give empty tables."""
    found = connections(np.zeros((0, 8), np.uint32), np.zeros((0, 20), np.uint32))
    assert len(found.table) == 0
    assert len(found.of_packet) == 0


def test_a_request_answered_and_closed_is_one_connection() -> None:
    """Counts, ends and initial sequence numbers of an ordinary connection."""
    found = track([*answered_request(), *FIN_BOTH])
    (entry,) = found.table
    assert names(found) == [("SF", "ShADadfF")]
    assert found.of_packet.tolist() == [0] * 10
    assert entry["packets"].tolist() == [5, 5]
    assert entry["bytes"].tolist() == [50, 1000]
    assert entry["fin"].tolist() == [1, 1]
    assert entry["isn"].tolist() == [100, 900]
    assert entry["isn_known"].tolist() == [1, 1]
    assert (entry["first"], entry["last"]) == (0, 9)
    assert entry["end_ns"] - entry["start_ns"] == 1_200_000_000
    assert entry["gap_before"] == 7
    assert entry["longest_gap_ns"] == 960_000_000


def test_packets_without_a_tcp_flow_belong_to_no_connection() -> None:
    """No flow, UDP, a fragmented datagram, a malformed header: -1."""
    packets = packet_rows(
        [segment(0, 0, "S"), replace(segment(1, 0, "S"), flow=1), replace(segment(2, 0, "S"), flow=2)]
    )
    packets = np.vstack([packets, packets[:1], packets[:1]])
    packets[3, rows.FLOW] = rows.NO_FLOW
    packets[4, rows.MISC] = rows.INFO_MALFORMED << 24
    flows = flow_rows(3)
    flows[1, rows.FLOW_PROTO] = 17
    flows[2, rows.FLOW_PROTO] |= rows.FLOW_IS_DATAGRAM
    assert connections(packets, flows).of_packet.tolist() == [0, -1, -1, -1, -1]


def test_connections_are_ordered_by_first_packet_where_a_flow_is_split() -> None:
    """Flow 0 opens twice, flow 1 in between: the numbers follow the first packets."""
    segments = [
        segment(0, 0, "S", (100, 0)),
        replace(segment(1, 0, "S", (7, 0)), flow=1),
        segment(2, 0, "S", (5000, 0)),
        replace(segment(3, 1, "SA", (9, 8)), flow=1),
    ]
    found = track(segments)
    assert found.of_packet.tolist() == [0, 1, 2, 1]
    assert found.table["flow"].tolist() == [0, 1, 0]
    assert np.all(np.diff(found.table["first"]) > 0)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        pytest.param(
            [segment(0, 0, "S", (100, 0)), segment(1, 0, "S", (100, 0)), segment(3, 0, "S", (100, 0))],
            [("S0", "S")],
            id="SYN repeated",
        ),
        pytest.param(
            [segment(0, 0, "S", (100, 0)), segment(1, 0, "S", (7777, 0))],
            [("S0", "S"), ("S0", "S")],
            id="another SYN before an answer",
        ),
        pytest.param(
            [*answered_request(), *FIN_BOTH, *handshake(30.0, (70_000, 80_000))],
            [("SF", "ShADadfF"), ("S1", "ShA")],
            id="reused after FIN",
        ),
        pytest.param(
            [*handshake(), segment(1, 0, "R", (101, 0)), *handshake(2, (5, 6))],
            [("RSTO", "ShAR"), ("S1", "ShA")],
            id="reused after RST",
        ),
        pytest.param(
            [*handshake(), segment(301, 0, "A", (101, 901))],
            [("S1", "ShA"), ("OTH", "A")],
            id="silent for five minutes",
        ),
        pytest.param(
            [*handshake(), segment(299, 0, "A", (101, 901))],
            [("S1", "ShA")],
            id="silent for less than five minutes",
        ),
    ],
)
def test_a_flow_is_split_where_another_connection_begins(
    segments: list[Segment], expected: list[tuple[str, str]]
) -> None:
    """New SYNs and long silences split, repeated SYNs do not."""
    assert names(track(segments)) == expected


def test_an_interactive_service_may_be_silent_for_an_hour() -> None:
    """ssh idles for long; then the hour splits too."""
    later = segment(3000, 0, "A", (101, 901))
    assert len(track([*handshake(), later], (40000, 22)).table) == 1
    assert len(track([*handshake(), replace(later, time=3700)], (40000, 22)).table) == 2


@pytest.mark.parametrize(
    ("ports", "flags", "originator", "history"),
    [
        ((40000, 50000), "A", 0, b"A"),
        ((443, 50000), "A", 1, b"^a"),
        ((443, 8080), "A", 1, b"^a"),
        ((8080, 443), "A", 0, b"A"),
        ((443, 50000), "SA", 1, b"^h"),
        ((443, 8080), "SA", 0, b"H"),
        ((443, 50000), "S", 0, b"S"),
    ],
)
def test_without_a_syn_the_server_port_says_who_opened(
    ports: tuple[int, int], flags: str, originator: int, history: bytes
) -> None:
    """A well-known source port flips; between two, the lower answers; a SYN needs no guess."""
    (entry,) = track([segment(0, 0, flags, (1, 2))], ports).table
    assert (entry["originator"], entry["history"]) == (originator, history)
    assert bool(entry["originator_known"]) == ("S" in flags and entry["history"] != b"H")


def test_a_syn_ack_first_makes_its_receiver_the_originator_once_traffic_follows() -> None:
    """The SYN was missed: the role is known, and so is the missed initial sequence number."""
    found = track(handshake()[1:], (40000, 50000))
    (entry,) = found.table
    assert entry["history"] == b"^hA"
    assert entry["originator"] == 0
    assert entry["isn"].tolist() == [100, 900]
    assert entry["isn_known"].tolist() == [2, 1]


def test_where_only_one_direction_was_seen_the_handshake_s_ack_names_the_other_s_isn() -> None:
    """SYN and ACK of `a` alone."""
    (entry,) = track([handshake()[0], handshake()[2]]).table
    assert entry["isn"].tolist() == [100, 900]
    assert entry["isn_known"].tolist() == [1, 2]


def test_a_file_out_of_order_is_read_in_order_of_time() -> None:
    """Several queues, or files put together: the order in the file tells nothing."""
    segments = [segment(5, 0, "S", (1, 0)), segment(5.2, 1, "SA", (9, 2)), segment(5.5, 0, "A", (2, 10))]
    (entry,) = track([segments[i] for i in (2, 1, 0)]).table
    assert (STATES[entry["state"]], entry["history"]) == ("S1", b"ShA")
    assert (entry["first"], entry["last"]) == (2, 0)
    assert entry["longest_gap_ns"] == 300_000_000


FLAGS = st.sampled_from(["S", "SA", "A", "PA", "FA", "R", "RA", "FPA", "SF", "FRA", "", "SRA"])
SEGMENTS = st.lists(
    st.builds(
        Segment,
        time=st.integers(0, 900).map(float),
        side=st.integers(0, 1),
        flags=FLAGS,
        seq=st.integers(0, 60) | st.integers(0, 2**32 - 1),
        ack=st.integers(0, 60) | st.integers(0, 2**32 - 1),
        length=st.integers(0, 12) | st.just(1000),
        window=st.integers(0, 1),
        ip_id=st.integers(0, 2),
        flow=st.integers(0, 2),
        info=st.sampled_from([0, 0, 0, rows.INFO_CUT, rows.INFO_MALFORMED]),
    ),
    min_size=1,
    max_size=40,
)
SIDED = [name for name in np.dtype(track(handshake()).table.dtype).names if name not in {"isn", "isn_known"}]


@settings(max_examples=200, deadline=None)
@given(SEGMENTS, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_nothing_depends_on_the_initial_sequence_numbers(segments: list[Segment], a: int, b: int) -> None:
    """Shifting both sequence spaces, over 2^32 too, moves only `isn`; an ACK field without ACK means nothing."""
    moved = [
        replace(
            item,
            seq=item.seq + (b if item.side else a),
            ack=item.ack + (a if item.side else b),
        )
        for item in segments
    ]
    believed = [item for item in segments if (item.ack + (b if not item.side else a)) % 2**32 and item.ack]
    if len(believed) < len(segments):
        # An acknowledgment number of exactly 0 is suspicious to Zeek, and so to us.
        return
    before, after = track(segments), track(moved)
    for name in SIDED:
        assert np.array_equal(before.table[name], after.table[name]), name
    assert np.array_equal(before.of_packet, after.of_packet)


@settings(max_examples=100, deadline=None)
@given(SEGMENTS, st.integers(-(10**9), 10**9))
def test_nothing_depends_on_absolute_time(segments: list[Segment], seconds: int) -> None:
    """Shifting the clock moves start and end, and nothing else."""
    before, after = track(segments), track([replace(item, time=item.time + seconds) for item in segments])
    for name in before.table.dtype.names:
        shift = seconds * 10**9 if name in {"start_ns", "end_ns"} else 0
        assert np.array_equal(
            after.table[name] - shift if shift else after.table[name], before.table[name]
        ), name


@settings(max_examples=200, deadline=None)
@given(SEGMENTS, st.sampled_from([(40000, 443), (443, 40000), (40000, 50000), (22, 80)]))
def test_nothing_depends_on_which_end_is_called_a(segments: list[Segment], ports: tuple[int, int]) -> None:
    """Exchanging `a` and `b` of the flow changes only the number of the originator's side."""
    before = track(segments, ports)
    after = track([replace(item, side=1 - item.side) for item in segments], (ports[1], ports[0]))
    for name in before.table.dtype.names:
        expected = 1 - before.table[name] if name == "originator" else before.table[name]
        assert np.array_equal(after.table[name], expected), name


@settings(max_examples=200, deadline=None)
@given(SEGMENTS)
def test_every_packet_is_counted_once(segments: list[Segment]) -> None:
    """Packets, bytes and flags add up, and every connection's own rows are its first and last."""
    found = track(segments)
    kept = [item for item in segments if not item.info & rows.INFO_MALFORMED]
    assert int(found.table["packets"].sum()) == len(kept)
    assert int(found.table["bytes"].sum()) == sum(item.length for item in kept)
    assert int(found.table["rst"].sum()) == sum("R" in item.flags for item in kept)
    assert np.all(found.table["holes"] >= 0)
    for number, entry in enumerate(found.table):
        mine = np.flatnonzero(found.of_packet == number)
        mine = mine[np.argsort([segments[row].time for row in mine], kind="stable")]
        assert (entry["first"], entry["last"]) == (mine[0], mine[-1])


@settings(max_examples=200, deadline=None)
@given(SEGMENTS)
def test_without_the_analysis_packets_belong_together_the_same(segments: list[Segment]) -> None:
    """Everything but what the analysis alone knows is the same."""
    full, plain = track(segments), track(segments, analysed=False)
    assert np.array_equal(full.of_packet, plain.of_packet)
    for name in full.table.dtype.names:
        if name not in OF_THE_ANALYSIS:
            assert np.array_equal(full.table[name], plain.table[name]), name


PLACES = {"flow", "first", "last", "gap_before", "stall_from", "stall_until"}
"""What names packets and flows by their numbers."""


@pytest.mark.parametrize("threads", [False, True])
def test_the_flows_are_tracked_in_two_parts(threads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and order as if they were one table; of each flow what is found where it is alone."""
    segments = [
        replace(item, flow=flow, time=item.time + 1000 * again + flow / 10)
        for again in range(3)
        for flow in range(5)
        for item in (handshake() if flow % 2 else answered_request())
    ]
    segments.sort(key=lambda item: item.time)
    if threads:
        monkeypatch.setattr("lastseen.compiled.threads.WORTH_ROWS", 0)
    found = track(segments)
    assert len(found.table) == 15
    assert (np.diff(found.table["first"].astype(np.int64)) > 0).all()
    assert (found.of_packet[found.table["first"]] == np.arange(15)).all()
    for flow in range(5):
        alone = track([replace(item, flow=0) for item in segments if item.flow == flow])
        mine = found.table[found.table["flow"] == flow]
        assert len(mine) == len(alone.table) == 3
        for name in set(found.table.dtype.names or ()) - PLACES:
            assert np.array_equal(mine[name], alone.table[name]), name
