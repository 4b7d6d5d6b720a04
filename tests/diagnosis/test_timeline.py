"""One list over all layers: what is in it, on which clock, and what is left out because nobody can tell when it was."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from gathered_cases import SEED, Files, gathered, other_talk, trace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_cases import (
    MS,
    START_NS,
    TAP,
    TUNNEL,
    Talk,
    conntrack_stats,
    log_line,
    lost_short,
    nft_rules,
    seen,
    two_points,
)

from lastseen.diagnosis.snapshots import moments
from lastseen.diagnosis.timeline import timeline
from lastseen.faults.facts import Facts
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.timeline import Event, Timeline

T = TypeVar("T", bound=Row)
LOST = [sent for sent in SEED.sent if lost_short(sent)]


def listed(folder: Path, files: Files, wanted: Sequence[str] = ()) -> Timeline:
    return timeline(*gathered(folder, files, wanted))


def of(found: Timeline, layer: str) -> list[Event]:
    return [event for event in found.events if event.layer == layer]


def timed_lines(ahead_ms: float = 0) -> str:
    """The kernel's lines with a boot clock."""
    return "".join(
        log_line(sent).replace("  100.000000", f"{100 + (sent.at_ms + ahead_ms) / 1000:12.6f}")
        for sent in LOST
    )


def snapshot(second: float) -> str:
    return f"{(START_NS / 1e9) + second:.9f}\n"


# ---- packets ----
def test_a_packet_is_one_event_with_all_its_sightings(tmp_path: Path) -> None:
    found = listed(tmp_path, two_points([SEED]))
    packets = of(found, "packet")
    assert len(packets) == len(SEED.sent)
    assert {len(event.sightings) for event in packets if not event.fate} == {2}
    assert [event.sightings[0].point for event in packets if event.where == "to client"][:1] == ["tunnel"]
    assert [event.sightings[0].point for event in packets if event.where == "to remote"][:1] == ["tap"]


def test_a_lost_packet_ends_where_it_was_last_seen(tmp_path: Path) -> None:
    found = listed(tmp_path, two_points([SEED]))
    lost = [event for event in of(found, "packet") if event.fate]
    assert len(lost) == len(LOST)
    assert {tuple(s.point for s in event.sightings) for event in lost} == {("tunnel",)}
    assert {event.fate for event in lost} <= {"lost", "unproven"}


def test_events_stand_in_order_of_time_and_the_stall_is_told(tmp_path: Path) -> None:
    found = listed(tmp_path, two_points([SEED]))
    times = [event.at_ns for event in found.events]
    assert times == sorted(times)
    assert found.stall_ns is not None
    assert found.stall_ns[1] - found.stall_ns[0] > 5_000 * MS


def test_packets_over_ipv6_have_no_identification(tmp_path: Path) -> None:
    talk = Talk(client=("2001:db8::5", 40000), server=("2001:db8::80", 443))
    talk.opening()
    found = listed(tmp_path, two_points([talk], TUNNEL, replace(TAP, drop=lambda _: False)))
    assert all("id" not in event.text for event in of(found, "packet"))
    assert "ack" not in of(found, "packet")[0].text
    assert found.stall_ns is None


def test_without_a_connection_the_list_is_the_cases(tmp_path: Path) -> None:
    found = listed(
        tmp_path, {"after/when.txt": snapshot(1), "dmesg.txt": "[    1.000000] eth0: Link is Down\n"}
    )
    assert found.connection is None
    assert [event.layer for event in found.events] == ["snapshot"]
    assert "1 event of dmesg.txt is left out" in found.notes[0].text


# ---- system calls ----
def test_calls_stand_between_the_packets_they_send_and_wait_for(tmp_path: Path) -> None:
    found = listed(tmp_path, {**two_points([SEED]), "strace.txt": trace(ahead_ms=40_000)})
    calls = of(found, "syscall")
    assert [event.text.partition("(")[0] for event in calls] == ["connect", "write", "read", "poll", "close"]
    connect, syn = calls[0], of(found, "packet")[0]
    assert syn.text.startswith("SYN,")
    assert connect.at_ns <= syn.at_ns
    assert abs(connect.at_ns - (START_NS - MS // 2)) < 2 * MS
    assert found.notes[0].text.startswith("the clock of strace.txt is known to within")


def test_what_fits_no_connection_is_not_listed(tmp_path: Path) -> None:
    found = listed(
        tmp_path, {**two_points([SEED]), "strace.txt": trace(fd="3<TCP:[10.0.0.5:40001->192.0.2.80:443]>")}
    )
    assert of(found, "syscall") == []


def test_a_trace_without_its_own_address_fits_two_connections(tmp_path: Path) -> None:
    """Then nobody can tell which of them it was."""
    talks = [SEED, other_talk(40001)]
    files: Files = {**two_points(talks), "strace.txt": trace(fd="3")}
    found = listed(tmp_path, files)
    assert of(found, "syscall") == []
    assert any("fit 2 connections" in note.text for note in found.notes)


def test_a_trace_without_times_is_said_to_have_none(tmp_path: Path) -> None:
    text = "".join(f"71 {line.split(' ', 2)[2]}" for line in trace().splitlines(keepends=True))
    found = listed(tmp_path, {**two_points([SEED]), "strace.txt": text})
    assert of(found, "syscall") == []
    assert [note.text for note in found.notes] == [
        "5 system calls on the connection have no time that can be compared with the captures'"
    ]


def test_long_arguments_are_cut(tmp_path: Path) -> None:
    long = trace().replace('"GET /', '"GET /' + "x" * 200)
    found = listed(tmp_path, {**two_points([SEED]), "strace.txt": long})
    assert "..." in of(found, "syscall")[1].text


# ---- logs and drops ----
def test_kernel_lines_stand_at_their_packets(tmp_path: Path) -> None:
    """The log's own clock is learned from them."""
    found = listed(tmp_path, {**two_points([SEED]), "dmesg.txt": timed_lines(ahead_ms=0.01)})
    lines = of(found, "log")
    assert len(lines) == len(LOST)
    assert all(event.packet is not None for event in lines)
    assert [abs(e.at_ns - START_NS - int(s.at_ms * MS)) < MS for e, s in zip(lines, LOST, strict=True)]


def test_placeholders_for_times_are_replaced_by_the_packets(tmp_path: Path) -> None:
    text = "".join(log_line(sent, second=100) for sent in LOST)
    alone = "[  100.500000] nf_conntrack: table full, dropping packet\n"
    found = listed(tmp_path, {**two_points([SEED]), "dmesg.txt": text + alone})
    assert len(of(found, "log")) == len(LOST)
    assert "1 event of dmesg.txt is left out" in found.notes[-1].text


def test_lines_of_no_packet_are_listed_if_they_came_meanwhile(tmp_path: Path) -> None:
    full = "nf_conntrack: table full, dropping packet"
    near, far = "2023-11-14T22:13:21,000000+00:00", "2023-11-14T23:13:21,000000+00:00"
    found = listed(tmp_path, {**two_points([SEED]), "dmesg.txt": f"{near} {full}\n{far} {full}\n"})
    assert [event.text for event in of(found, "log")] == [full]


def test_lines_about_another_connection_are_not_its_own(tmp_path: Path) -> None:
    other = other_talk(40001)
    text = "".join(log_line(sent) for sent in other.sent if lost_short(sent))
    found = listed(tmp_path, {**two_points([SEED, other]), "dmesg.txt": text}, ["10.0.0.5:40000"])
    assert of(found, "log") == []


def test_drops_with_their_packets_stand_there_and_others_nowhere(tmp_path: Path) -> None:
    fin = next(sent for sent in LOST if "F" in sent.flags)
    numbers = f"0x{fin.number:02x}"
    identification = int.from_bytes(fin.packet[4:6], "big")
    trace_lines = (
        f'trace id a1 ip t c packet: iif "eth0" ip saddr 192.0.2.80 ip daddr 10.0.0.5 ip id {identification}'
        " ip protocol tcp ip length 40 tcp sport 443 tcp dport 40000 tcp flags == 0x11\n"
        "trace id a1 ip t c rule tcp flags fin drop (verdict drop)\n"
    )
    nameless = (
        "# tracer: nop\n#\n"
        "  php-71    [000] ..s1.  1320.526810: kfree_skb: skbaddr=00000000cb3bdc29 rx_sk=0000000052caebe8"
        " protocol=2048 location=nft_do_chain+0x7c/0x2d0 reason: NETFILTER_DROP\n"
    )
    found = listed(tmp_path, {**two_points([SEED]), "trace.txt": trace_lines, "kfree.txt": nameless})
    (drop,) = of(found, "drop")
    assert drop.text == "dropped as NETFILTER_DROP in nft ip t c: tcp flags fin drop"
    assert drop.packet is not None
    assert drop.packet.frame == fin.number + 1, numbers
    assert "1 event of kfree.txt is left out" in found.notes[-1].text


def test_a_traces_clock_is_learned_from_its_joined_drops(tmp_path: Path) -> None:
    """Then what else it dropped has its place in the list, too."""
    times = [sent.at_ms for sent in LOST] + [40.0]
    text = "# tracer: nop\n" + "".join(
        f"  php-71 [000] ..s1.  {1320 + at_ms / 1000:.6f}: kfree_skb: skbaddr=00000000cb3bdc29 protocol=2048"
        f" location={place} reason: {reason}\n"
        for at_ms, place, reason in (
            *((at_ms, "nft_do_chain+0x7c/0x2d0", "NETFILTER_DROP") for at_ms in times[:-1]),
            (times[-1], "tcp_v4_rcv+0x91/0x13f0", "NO_SOCKET"),
        )
    )
    toml = "".join(
        f'[[point]]\nname = "{n}"\nfile = "{n}.pcap"\nnode = "cmp"\n' for n in ("1_tunnel", "2_tap")
    )
    files: Files = {**two_points([SEED]), "case.toml": toml, "after/cmp/kfree.txt": text}
    drops = of(listed(tmp_path, files), "drop")
    assert len(drops) == len(LOST) + 1
    (other,) = (event for event in drops if event.packet is None)
    assert abs(other.at_ns - START_NS - 40 * MS) < MS


# ---- snapshots ----
def test_a_socket_whose_queues_nobody_told_is_said_without_them(tmp_path: Path) -> None:
    lsof = (
        "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n"
        "php 71 root 3u IPv4 4711 0t0 TCP 10.0.0.5:40000->192.0.2.80:443 (CLOSE_WAIT)\n"
    )
    found = listed(tmp_path, {**two_points([SEED]), "after/when.txt": snapshot(7), "after/lsof.txt": lsof})
    assert [event.text for event in of(found, "socket")] == ["CLOSE-WAIT"]


def test_snapshots_say_what_they_counted_and_how_the_sockets_were(tmp_path: Path) -> None:
    ss = (
        "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
        "FIN-WAIT-1 0 1 192.0.2.80:443 10.0.0.5:40000 timer:(on,2.9sec,4)\n"
        "ESTAB 0 0 10.0.0.5:40000 192.0.2.80:443\n"
        "ESTAB 0 0 10.0.0.5:40001 192.0.2.80:443\n"
    )
    found = listed(
        tmp_path,
        {
            **two_points([SEED]),
            "before/when.txt": snapshot(-1), "after/when.txt": snapshot(7), "after/ss.txt": ss,
            "before/conntrack_-S.txt": conntrack_stats(0), "after/conntrack_-S.txt": conntrack_stats(6),
            "before/nft.txt": nft_rules(), "after/nft.txt": nft_rules(invalid=(6, 240)),
        },
    )  # fmt: skip
    assert [event.text for event in of(found, "snapshot")] == [
        "snapshot 'before'",
        "snapshot 'after': nft 'ip sg forward: ct state invalid' dropped 6; conntrack invalid +6",
    ]
    assert [event.text for event in of(found, "socket")] == [
        "FIN-WAIT-1, unread 0, unacknowledged 1 bytes, timer on,2.9sec,4",
        "ESTAB, unread 0, unacknowledged 0 bytes",
    ]


def test_each_hosts_own_note_tells_when_its_snapshot_was(tmp_path: Path) -> None:
    ss = "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port\nESTAB 0 0 10.0.0.5:40000 192.0.2.80:443\n"
    notes: Files = {
        "after/cmp/when.txt": snapshot(7),
        "after/vm/when.txt": snapshot(8),
        "after/vm/ss.txt": ss,
    }
    unnoted: Files = {"mid/vm/ss.txt": ss}
    found = listed(tmp_path, {**two_points([SEED]), **notes, **unnoted})
    assert [event.at_ns for event in of(found, "socket")] == [START_NS + 8_000 * MS]


def test_a_note_beside_the_hosts_folders_is_for_all_of_them(tmp_path: Path) -> None:
    counted = {"before/cmp/ct.txt": conntrack_stats(0), "after/cmp/ct.txt": conntrack_stats(6)}
    found = listed(tmp_path, {**two_points([SEED]), "after/when.txt": snapshot(7), **counted})
    assert of(found, "snapshot")[0].text == "snapshot 'after': conntrack invalid +6"


def test_commands_begin_and_end(tmp_path: Path) -> None:
    start = START_NS / 1e9
    found = listed(
        tmp_path, {**two_points([SEED]), "time.txt": f"rc=0 start={start - 1:.9f} end={start + 9:.9f}\n"}
    )
    assert [event.text for event in of(found, "command")] == ["the command's start", "the command's end"]


def test_a_snapshot_noted_in_two_notations_is_one(tmp_path: Path) -> None:
    """The rounding of both may differ."""
    two = f"2023-11-14T22:13:27.421622962Z\nepoch {START_NS / 1e9 + 7.49:.9f} uptime 93.34 151.79\n"
    _, rows = gathered(tmp_path, {**two_points([SEED]), "after/when.txt": two})
    assert len(moments(rows)) == 1


# ---- what makes no difference ----
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trace_ms=st.integers(-(10**9), 10**9), log_ms=st.integers(-50_000, 10**9))
def test_neither_clock_changes_the_list(
    case: Callable[[], tuple[Facts, Sequence[Row]]], trace_ms: int, log_ms: int
) -> None:
    """A microsecond aside, which is what the texts print."""
    facts, rows = case()
    moved = [shifted(row, {"strace.txt": trace_ms, "dmesg.txt": log_ms}) for row in rows]
    lines = tuple(replace(j, line=shifted(j.line, {"dmesg.txt": log_ms})) for j in facts.log_lines)
    before, after = timeline(facts, rows), timeline(replace(facts, log_lines=lines), moved)
    assert [(e.layer, e.source) for e in before.events] == [(e.layer, e.source) for e in after.events]
    assert [e.at_ns for e in before.events] == [e.at_ns for e in after.events]


def shifted(row: T, by_ms: dict[str, int]) -> T:
    at_ns = getattr(row, "at_ns", None)
    shift = by_ms.get(row.source.file)
    return row if at_ns is None or shift is None else replace(row, at_ns=at_ns + shift * MS)  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[Facts, Sequence[Row]]]:
    """Asked for by a call, or every failure would print all of it."""
    files: Files = {**two_points([SEED]), "strace.txt": trace(), "dmesg.txt": timed_lines()}
    found = gathered(tmp_path_factory.mktemp("case"), files)
    return lambda: found


def test_a_point_that_is_alone_has_no_hops(tmp_path: Path) -> None:
    found = listed(tmp_path, {"1_tap.pcap": seen([SEED], TUNNEL)})
    assert {event.fate for event in found.events} == {""}
