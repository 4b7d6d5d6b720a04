"""The timeline on a page: one line an event, runs drawn together, moments that can be named."""

from io import StringIO

import pytest

from lastseen.errors import LastseenError
from lastseen.report.timeline import MOST, chosen, moment_of, print_timeline, timeline_json
from lastseen.tables.judgements import Reason
from lastseen.tables.sources import Source
from lastseen.tables.timeline import Event, Layer, Sighting, Timeline

START_NS = 1_795_385_094_000_000_000
"""2026-11-22 22:04:54 UTC."""
MS = 1_000_000


def event(
    at_ms: float, layer: Layer = "packet", *, fate: str = "", points: int = 2, text: str = "ACK, seq 1"
) -> Event:
    at_ns = START_NS + int(at_ms * MS)
    seen = tuple(
        Sighting(point=f"p{n}", at_ns=at_ns + n * MS, source=Source(file=f"{n}.pcap", frame=4))
        for n in range(points)
    )
    return Event(
        at_ns=at_ns,
        layer=layer,
        where="to client" if layer == "packet" else "kernel",
        text=text,
        source=Source(file="a.pcap", frame=4) if layer == "packet" else Source(file="dmesg.txt", line=9),
        fate=fate,
        sightings=seen if layer == "packet" else (),
        packet=Source(file="a.pcap", frame=4) if layer == "log" else None,
    )


def timeline(
    *events: Event, stall_ms: tuple[int, int] | None = None, notes: tuple[Reason, ...] = ()
) -> Timeline:
    stall = None if stall_ms is None else (START_NS + stall_ms[0] * MS, START_NS + stall_ms[1] * MS)
    return Timeline(connection="a > b", events=events, notes=notes, stall_ns=stall)


def page(found: Timeline, *, width: int = 80, every: bool = False, partial: bool = False) -> str:
    stream = StringIO()
    print_timeline(found, every=every, partial=partial, console_width=width, stream=stream)
    return stream.getvalue()


def test_an_event_is_a_line_with_its_proof() -> None:
    text = page(
        timeline(event(1), event(2, "log", text="bad checksum"), event(3, fate="lost", points=1)), width=120
    )
    assert "22:04:54.001000 to client  ACK, seq 1  p0 > p1, 1.0 ms" in text
    assert "22:04:54.002000 kernel  bad checksum  about a.pcap frame 4  dmesg.txt:9" in text
    assert "22:04:54.003000 to client  ACK, seq 1  LOST behind p0  0.pcap frame 4" in text


def test_a_packet_of_a_single_point_names_it() -> None:
    assert "at p0 only  a.pcap frame 4" in page(timeline(event(1, points=1)), width=120)


def test_long_runs_of_packets_that_arrived_are_drawn_together() -> None:
    found = timeline(*(event(n) for n in range(12)), event(13, "log"), *(event(14 + n) for n in range(2)))
    assert "10 packets, 10 to client: all arrived" in page(found)
    assert page(found).count("ACK, seq 1") == 2 + 1 + 2
    assert page(found, every=True).count("ACK, seq 1") == 15


def test_a_silence_is_said() -> None:
    assert "... 60.00 s nothing" in page(timeline(event(0), event(60_000)))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    long = event(1, "log", text="nf_ct_proto_6: bad checksum " + "SRC=2001:db8:ffff:ffff::1 " * 8)
    assert max(map(len, page(timeline(event(0), long), width=width).splitlines())) <= width


def test_thousands_of_events_are_cut_and_json_has_all() -> None:
    found = timeline(*(event(n, "log") for n in range(MOST + 5)))
    assert "... and 5 more lines" in page(found)
    assert len(timeline_json(found, partial=False).events) == MOST + 5


def test_nothing_and_a_part_are_said() -> None:
    text = page(timeline(notes=(Reason(text="a clock"),)), partial=True)
    assert "Nothing happened" in text
    assert "Partial" in text
    assert "* a clock" in text


def test_json_has_the_proof_of_everything() -> None:
    found = timeline(event(1, fate="lost"), event(2, "log"), stall_ms=(1, 2), notes=(Reason(text="a clock"),))
    made = timeline_json(found, partial=True)
    assert (made.events[0].fate, made.events[1].fate) == ("lost", None)
    assert made.events[0].sightings[1].source.frame == 4
    assert made.events[1].packet is not None
    assert made.stall_ns == (START_NS + MS, START_NS + 2 * MS)
    assert made.partial


@pytest.mark.parametrize(
    ("around", "kept"),
    [
        (None, 4),
        ("22:04:54.1", 2),
        ("22:04:54", 2),
        ("22:05", 1),
        ("22:05Z", 1),
        ("2026-11-22T22:05:00", 1),
        ("2026-11-23 00:00:00", 1),
        ("00:00", 1),
        ("1795385094.1", 2),
        ("1795385094", 2),
        ("stall", 1),
    ],
)
def test_around_a_moment(around: str | None, kept: int) -> None:
    found = timeline(event(0), event(100), event(6_000), event(6_906_000), stall_ms=(5_000, 6_000))
    assert len(chosen(found, around, 0.5).events) == kept


@pytest.mark.parametrize("around", ["25:00", "22:61", "2026-13-40 22:00"])
def test_times_that_are_none(around: str) -> None:
    with pytest.raises(LastseenError, match="no such time"):
        chosen(timeline(event(0)), around, 1)


def test_no_stall_and_no_form() -> None:
    with pytest.raises(LastseenError, match="never stood still"):
        chosen(timeline(event(0)), "stall", 1)
    with pytest.raises(LastseenError, match="expected 'stall'"):
        moment_of("soon", None)


def test_a_time_without_any_event_keeps_none() -> None:
    assert chosen(timeline(), "22:04:54", 1).events == ()
