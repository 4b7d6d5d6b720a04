"""A reset that its supposed sender never sent: told only by a capture nearer that sender that surely watched."""

from pathlib import Path

import packet_writer as w
import pytest
from case_scripts import against, for_it, judged, missing
from listed_talk import listing
from written_cases import START_NS, Sent, Talk, View, seen

from lastseen.tables.judgements import Supported

SLUG = "reset_injected"
CUT = '{"schema": "lastseen.run/1", "cut": ["1_server.pcap"]}\n'
POINTS = """[[point]]
name = "server"
file = "1_server.pcap"
end = "2023-11-14T22:13:{end:02d}Z"
[[point]]
name = "tap"
file = "2_tap.pcap"
"""
"""START_NS is 22:13:20."""


def reset(*, at_ms: float = 100) -> Talk:
    """The server's name is on the reset that answers the client's second request."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(at_ms, "PA", client=True, size=150)
    talk.send(at_ms + 0.2, "RA", ttl=255)
    return talk


def other(at_ms: float) -> Talk:
    """A packet of somebody else, and its answer."""
    talk = Talk(client=("10.0.0.6", 41000), timestamps=True)
    talk.send(at_ms, "S", client=True)
    talk.send(at_ms + 0.5, "SA")
    return talk


def two_captures(*talks: Talk) -> dict[str, bytes | str]:
    """The server's has nothing of the second request, nor of the reset."""
    gone = View(drop=lambda sent: sent in talks[0].sent and sent.at_ms >= 100)
    return {"1_server.pcap": seen(talks, gone), "2_tap.pcap": seen(talks, View(delay_ms=0.2))}


@pytest.mark.parametrize(
    ("later_ms", "is_cut", "told"),
    [(101, False, True), (101, True, False), (299, True, False), (302, True, True), (50, False, False)],
)
def test_the_nearer_capture_has_to_have_watched_when_the_reset_was_due(
    tmp_path: Path, later_ms: float, is_cut: bool, told: bool
) -> None:
    """One that was cut at its bound may have had packets queued for as long as a host lets them wait."""
    files = two_captures(reset(), other(later_ms)) | ({"run.json": CUT} if is_cut else {})
    said = judged(tmp_path, files, SLUG)
    if told:
        assert "ran on and saw the connection" in for_it(said)
    else:
        assert "the capture at server until after the reset" in missing(said)


def test_a_cut_capture_keeps_the_order_of_one_connection(tmp_path: Path) -> None:
    """The connection's own later packets overtook no reset."""
    talk = reset()
    talk.send(130, "A", client=True)
    files = two_captures(talk)
    kept = View(drop=lambda sent: 100 <= sent.at_ms < 130)
    files |= {"1_server.pcap": seen([talk], kept), "run.json": CUT}
    assert isinstance(judged(tmp_path, files, SLUG), Supported)


def refused(*, at_ms: float = 0) -> Talk:
    """A SYN, and the server's reset at once."""
    talk = Talk()
    talk.send(at_ms, "S", client=True)
    talk.send(at_ms + 0.2, "RA")
    return talk


@pytest.mark.parametrize(
    ("end", "is_cut", "told"), [(25, False, True), (19, False, False), (25, True, False)]
)
def test_an_empty_capture_that_ran_on_shows_that_the_server_sent_nothing(
    tmp_path: Path, end: int, is_cut: bool, told: bool
) -> None:
    files: dict[str, bytes | str] = {
        "1_server.pcap": seen([], View()),
        "2_tap.pcap": seen([refused()], View(delay_ms=0.2)),
        "case.toml": POINTS.format(end=end),
    }
    said = judged(tmp_path, files | ({"run.json": CUT} if is_cut else {}), SLUG)
    assert isinstance(said, Supported) == told
    if told:
        assert "ran until after the reset and is empty" in for_it(said)
    assert START_NS // 1_000_000_000 % 60 == 20


def test_a_listing_without_v_tells_no_ttl(tmp_path: Path) -> None:
    talk, late = reset(), other(3000)
    gone = View(drop=lambda sent: sent.at_ms >= 100)
    files: dict[str, bytes | str] = {
        "1_server.txt": listing(talk, gone) + listing(late, View()),
        "2_tap.txt": listing(talk, View(delay_ms=0.2)) + listing(late, View(delay_ms=0.2)),
    }
    said = judged(tmp_path, files, SLUG)
    assert "a reset of the remote end is at" in for_it(said)
    assert "TTL" not in str(said)


def test_a_reset_that_left_the_server_under_another_address_was_its_own(tmp_path: Path) -> None:
    """Its way back goes round what translated the request, so that it is another connection's at the server."""
    talk, late = reset(), other(3000)

    def untranslated(sent: Sent) -> bytes:
        if "R" not in sent.flags:
            return sent.packet
        numbers = [int.from_bytes(sent.packet[at : at + 4], "big") for at in (24, 28)]
        segment = w.tcp(8443, 40000, seq=numbers[0], ack=numbers[1], flags="RA")
        return w.ipv4("10.9.9.9", "10.0.0.5", segment, identification=7)

    gone = View(change=untranslated, drop=lambda sent: sent.from_client and 100 <= sent.at_ms < 3000)
    files: dict[str, bytes | str] = {
        "1_server.pcap": seen([talk, late], gone),
        "2_tap.pcap": seen([talk, late], View(delay_ms=0.2)),
    }
    assert "has the reset in another connection" in against(judged(tmp_path, files, SLUG))
