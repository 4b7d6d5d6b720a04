"""Which captured packet a text means: by the fields it gives, only one of them, whatever the order and the clock."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import packet_writer as w
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_cases import MS, START_NS, TUNNEL, Talk, View, seen, write_case

from lastseen.cli.pipeline import case_points, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.packet_joins import Meant, Statement, packets_meant
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LoggedPacket
from lastseen.tables.points import Point

CLIENT, SERVER = Endpoint(address="10.0.0.5", port=40000), Endpoint(address="192.0.2.80", port=443)
V6 = ("2001:db8::5", 40000), ("2001:db8::80", 443)
FIN_ACK = 0x11


def points(folder: Path, talks: Sequence[Talk], *views: View) -> list[Point]:
    files = {f"{number}_p.pcap": seen(talks, view) for number, view in enumerate(views, 1)}
    with Progress() as progress, opened([write_case(folder, dict(files))], progress) as case:
        return case_points(case)


def closing(*, v6: bool = False, at_ms: tuple[float, ...] = (20, 220, 620, 1420, 3020)) -> Talk:
    """An exchange, then the server's FIN, repeated."""
    talk = Talk(client=V6[0], server=V6[1]) if v6 else Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(at_ms[0], "FA")
    first = talk.sent[-1].number
    for moment in at_ms[1:]:
        talk.send(moment, "FA", again=first)
    return talk


def said(
    packet: LoggedPacket, *, at_ns: int | None = None, line: int = 1, kind: str = "", node: str = ""
) -> Statement:
    return Statement(
        packet=packet, node=node, kind=kind, clock=("log", "boot"), at_ns=at_ns, is_utc=False, line=line
    )  # fmt: skip


def packet(talk: Talk, number: int, *fields: str) -> LoggedPacket:
    """What a text may say of a packet, of the fields named "seq ack flags id len"."""
    sent = talk.sent[number]
    raw = sent.packet
    is_v6 = raw[0] >> 4 == 6
    tcp = raw[40 if is_v6 else 20 :]
    ends = [Endpoint(address=address, port=port) for address, port in (talk.client, talk.server)]
    src, dst = ends if sent.from_client else ends[::-1]
    of = lambda at, size: int.from_bytes(tcp[at : at + size], "big")  # noqa: E731 - shorter
    return LoggedPacket(
        src=src,
        dst=dst,
        proto=6,
        tcp_seq=of(4, 4) if "seq" in fields else None,
        tcp_ack=of(8, 4) if "ack" in fields else None,
        tcp_flags=tcp[13] if "flags" in fields else None,
        ip_id=int.from_bytes(raw[4:6], "big") if "id" in fields and not is_v6 else None,
        ip_len_bytes=len(raw) if "len" in fields else None,
    )


def fins(talk: Talk) -> list[int]:
    return [sent.number for sent in talk.sent if sent.flags == "FA"]


# ---- by fields ----
def test_ipv6_lines_have_no_identification_and_join_by_their_numbers(tmp_path: Path) -> None:
    talk = closing(v6=True, at_ms=(20,))
    (at,) = points(tmp_path, [talk], TUNNEL)
    (found,) = packets_meant([said(packet(talk, fins(talk)[0], "seq", "ack", "flags", "len"))], [at])
    assert (found.point, found.row, found.candidates) == (0, fins(talk)[0], 1)


def test_a_line_without_numbers_joins_by_its_identification(tmp_path: Path) -> None:
    """What iptables LOG prints without --log-tcp-sequence."""
    talk = closing()
    (at,) = points(tmp_path, [talk], TUNNEL)
    found = packets_meant([said(packet(talk, number, "id", "flags")) for number in fins(talk)], [at])
    assert [one.row for one in found] == fins(talk)


def test_a_line_without_either_joins_where_no_other_packet_fits(tmp_path: Path) -> None:
    talk = closing(at_ms=(20,))
    (at,) = points(tmp_path, [talk], TUNNEL)
    (found,) = packets_meant([said(packet(talk, fins(talk)[0], "flags"))], [at])
    assert found.row == fins(talk)[0]


def test_where_several_fit_it_is_said_how_many(tmp_path: Path) -> None:
    talk = closing()
    (at,) = points(tmp_path, [talk], TUNNEL)
    (found,) = packets_meant([said(packet(talk, fins(talk)[0], "flags"))], [at])
    assert found == Meant(candidates=5)


def test_addresses_and_ports_alone_never_mean_a_tcp_packet(tmp_path: Path) -> None:
    """bpftrace's tcpdrop prints the socket's two ends, whichever of them sent."""
    talk = Talk()
    talk.send(0, "S", client=True)
    (at,) = points(tmp_path, [talk], TUNNEL)
    (found,) = packets_meant([said(packet(talk, 0))], [at])
    assert found == Meant(candidates=1)


def test_a_datagram_over_ipv6_joins_where_it_is_the_only_one(tmp_path: Path) -> None:
    talk = Talk()
    talk.raw(0, w.ipv6("2001:db8::5", "2001:db8::53", w.udp(5353, 53, b"query")), client=True)
    (at,) = points(tmp_path, [talk], TUNNEL)
    ends = Endpoint(address="2001:db8::5", port=5353), Endpoint(address="2001:db8::53", port=53)
    (found,) = packets_meant([said(LoggedPacket(src=ends[0], dst=ends[1], proto=17))], [at])
    assert found.row == 0


def test_a_martian_is_named_by_its_addresses_only(tmp_path: Path) -> None:
    talk = Talk()
    talk.raw(0, w.ipv4("10.0.0.5", "192.0.2.53", w.udp(5353, 53, b"query")), client=True)
    (at,) = points(tmp_path, [talk], TUNNEL)
    ends = Endpoint(address="10.0.0.5"), Endpoint(address="192.0.2.53")
    assert [m.row for m in packets_meant([said(LoggedPacket(src=ends[0], dst=ends[1]))], [at])] == [0]


@pytest.mark.parametrize(
    "change",
    [
        {"tcp_ack": 7},
        {"tcp_flags": 0x10},
        {"ip_id": 7},
        {"proto": 17},
        {"ip_len_bytes": 1400},
        {"tcp_seq": 7},
    ],
)
def test_a_text_that_contradicts_the_packet_in_anything_is_about_another(
    tmp_path: Path, change: dict[str, int]
) -> None:
    talk = closing(at_ms=(20,))
    (at,) = points(tmp_path, [talk], TUNNEL)
    full = packet(talk, fins(talk)[0], "seq", "ack", "flags", "id", "len")
    assert packets_meant([said(replace(full, **change))], [at]) == [Meant()]  # type: ignore[arg-type]


def test_what_is_no_address_or_mixes_families_fits_nothing(tmp_path: Path) -> None:
    (at,) = points(tmp_path, [closing()], TUNNEL)
    ends = Endpoint(address="nonsense", port=1), Endpoint(address="10.0.0.5", port=2)
    mixed = Endpoint(address="::1", port=1), Endpoint(address="10.0.0.5", port=2)
    wrong = [said(LoggedPacket(src=src, dst=dst)) for src, dst in (ends, mixed)]
    assert packets_meant(wrong, [at]) == [Meant(), Meant()]


def test_the_same_identified_packet_may_be_spoken_of_twice(tmp_path: Path) -> None:
    """Open vSwitch sends a packet through connection tracking once for each zone."""
    talk = closing(at_ms=(20,))
    (at,) = points(tmp_path, [talk], TUNNEL)
    twice = said(packet(talk, fins(talk)[0], "seq", "id"))
    assert [one.row for one in packets_meant([twice, twice], [at])] == fins(talk) * 2


def test_more_lines_than_packets_without_identification_mean_none_of_them(tmp_path: Path) -> None:
    """A repetition that was not captured may be meant."""
    talk = closing(v6=True, at_ms=(20,))
    (at,) = points(tmp_path, [talk], TUNNEL)
    line = said(packet(talk, fins(talk)[0], "seq", "ack", "flags"))
    assert packets_meant([line, line], [at]) == [Meant(candidates=1)] * 2


def test_two_hosts_may_speak_of_the_same_packet(tmp_path: Path) -> None:
    talk = closing(at_ms=(20,))
    at = points(tmp_path, [talk], TUNNEL, replace(TUNNEL, delay_ms=0.1))
    at = [replace(at[0], node="net"), replace(at[1], node="cmp")]
    full = packet(talk, fins(talk)[0], "seq", "id")
    found = packets_meant([said(full, node=node) for node in ("net", "cmp", "elsewhere")], at)
    assert [one.point for one in found] == [0, 1, 0]


def test_a_point_that_saw_only_the_delivered_ones_does_not_decide(tmp_path: Path) -> None:
    """Two packets fit where they came in and one where the other had been dropped: either may be meant."""
    talk = closing(v6=True, at_ms=(20, 220))
    first = fins(talk)[0]
    at = points(
        tmp_path, [talk], TUNNEL, replace(TUNNEL, delay_ms=0.1, drop=lambda sent: sent.number == first)
    )
    (found,) = packets_meant([said(packet(talk, first, "seq", "ack", "flags"))], at)
    assert found == Meant(candidates=2)


# ---- by time ----
def numbered(talk: Talk, at: Point, *, ahead_ns: int, fields: tuple[str, ...]) -> list[Statement]:
    """A line for each packet of the server before its FINs, identified, and for each FIN with fewer fields."""
    times = at.capture.times_ns()
    server = [sent.number for sent in talk.sent if sent.from_server]
    full = ("seq", "ack", "flags", "id", "len")
    return [
        said(
            packet(talk, number, *(fields if number in fins(talk) else full)),
            at_ns=int(times[number]) - ahead_ns,
            line=line,
        )
        for line, number in enumerate(server, 1)
    ]


def late_talk() -> Talk:
    """Data over more than a second, so that a clock can be read, then FINs."""
    talk = Talk()
    talk.opening()
    for second in range(3):
        talk.exchange(10 + 700 * second)
    talk.send(2_200, "FA")
    first = talk.sent[-1].number
    for at_ms in (2_400, 2_800, 3_600):
        talk.send(at_ms, "FA", again=first)
    return talk


def test_a_steady_clock_tells_repeated_packets_apart(tmp_path: Path) -> None:
    talk = late_talk()
    (at,) = points(tmp_path, [talk], TUNNEL)
    lines = numbered(talk, at, ahead_ns=START_NS, fields=("flags",))
    assert [one.row for one in packets_meant(lines[:-1], [at])] == [
        s.number for s in talk.sent if s.from_server
    ][:-1]


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize(("first", "last"), [(0, 5), (1, 6), (0, 4), (2, 5)])
def test_repetitions_are_told_apart_by_their_pauses(
    tmp_path: Path, coarse: bool, first: int, last: int
) -> None:
    """Without an identification of their own; the capture began late or ended early, or the log did."""
    talk = closing(v6=True, at_ms=(20, 1_000, 3_000, 7_000, 15_000, 31_000))
    (at,) = points(tmp_path, [talk], TUNNEL)
    line = packet(talk, fins(talk)[0], "seq", "ack", "flags")
    step = 1_000 * MS if coarse else 1
    told = [
        said(line, at_ns=(at_ms * MS + 300 * MS) // step * step)
        for at_ms in (20, 1_000, 3_000, 7_000, 15_000, 31_000)
    ]
    found = packets_meant(told[first:last], [at])
    assert [one.row for one in found] == fins(talk)[first:last]
    short = points(tmp_path / "short", [talk], replace(TUNNEL, until_ms=8_000))
    assert [one.row for one in packets_meant(told, short)] == [*fins(talk)[:4], None, None]


def test_even_pauses_tell_nothing(tmp_path: Path) -> None:
    talk = closing(v6=True, at_ms=(20, 1_020, 2_020, 3_020, 4_020))
    (at,) = points(tmp_path, [talk], TUNNEL)
    line = packet(talk, fins(talk)[0], "seq", "ack", "flags")
    found = packets_meant([said(line, at_ns=second * 1_000 * MS) for second in range(4)], [at])
    assert found == [Meant(candidates=5)] * 4


def test_placeholders_for_times_tell_nothing(tmp_path: Path) -> None:
    talk = late_talk()
    (at,) = points(tmp_path, [talk], TUNNEL)
    lines = [
        replace(one, at_ns=one.line * 10 * MS) for one in numbered(talk, at, ahead_ns=0, fields=("flags",))
    ]
    assert {one.row for one in packets_meant(lines, [at])[-4:]} == {None}


def test_a_time_that_no_packet_has_means_none(tmp_path: Path) -> None:
    talk = late_talk()
    (at,) = points(tmp_path, [talk], TUNNEL)
    lines = numbered(talk, at, ahead_ns=START_NS, fields=("flags",))
    moved = [replace(one, at_ns=(one.at_ns or 0) + 5_000 * MS) for one in lines[-2:]]
    untimed = [replace(one, at_ns=None) for one in lines[-1:]]
    assert {one.row for one in packets_meant([*lines[:-4], *moved], [at])[-2:]} == {None}
    assert packets_meant([*lines[:-4], *untimed], [at])[-1].row is None


@pytest.mark.parametrize(("minutes", "joined"), [(1, True), (60, False)])
def test_the_only_packet_that_fits_is_not_meant_an_hour_later(
    tmp_path: Path, minutes: int, joined: bool
) -> None:
    """The same ports are used again."""
    talk = closing(at_ms=(20,))
    (at,) = points(tmp_path, [talk], TUNNEL)
    line = replace(
        said(packet(talk, fins(talk)[0], "flags")), at_ns=START_NS + minutes * 60_000 * MS, is_utc=True
    )
    assert (packets_meant([line], [at])[0].row is not None) == joined


def test_a_known_clock_contradicts_the_only_packet_that_fits(tmp_path: Path) -> None:
    talk = late_talk()
    (at,) = points(tmp_path, [talk], TUNNEL)
    lines = numbered(talk, at, ahead_ns=START_NS, fields=("seq", "id"))
    syn_ack = said(replace(packet(talk, 1), tcp_flags=0x12), at_ns=900 * MS)
    assert packets_meant([*lines, syn_ack], [at])[-1] == Meant(candidates=1)
    assert packets_meant([*lines, replace(syn_ack, at_ns=1 * MS)], [at])[-1].row == 1


# ---- what makes no difference ----
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.randoms(use_true_random=False), ahead_s=st.integers(-(10**6), 10**9))
def test_neither_the_order_of_lines_nor_their_clock_changes_a_join(
    lines_at: tuple[list[Statement], Point], order: object, ahead_s: int
) -> None:
    lines, at = lines_at
    before = packets_meant(lines, [at])
    moved = [replace(one, at_ns=(one.at_ns or 0) + ahead_s * 1000 * MS) for one in lines]
    places = list(range(len(lines)))
    order.shuffle(places)  # type: ignore[attr-defined]
    after = packets_meant([moved[place] for place in places], [at])
    assert [after[places.index(place)] for place in range(len(lines))] == before


@pytest.fixture(scope="module")
def lines_at(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Statement], Point]:
    talk = late_talk()
    (at,) = points(tmp_path_factory.mktemp("lines"), [talk], TUNNEL)
    lines = numbered(talk, at, ahead_ns=START_NS, fields=("flags",))
    return [*lines, *numbered(talk, at, ahead_ns=START_NS, fields=("seq", "flags"))[-3:]], at
