"""A segment that keeps its address behind NAT: with captures alone, with the host's texts, and what only looks like it."""

from pathlib import Path

import pytest
from written_cases import Talk, View, conntrack_stats, diagnosed, judgement, log_line, seen, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "conntrack_out_of_window_reset"
SERVICE, MEMBER = ("192.0.2.80", 443), ("10.9.0.11", 443)
FAR = 1 << 24
STRAY, RESET = 20.0, 20.5
Files = dict[str, bytes | str]


def played(server: tuple[str, int], *, ahead: int = FAR, more_ms: float = 21, end: str = "R") -> Talk:
    """A transfer, a segment `ahead` of it, and the client's reset.

    `more_ms`: when the server sends one more segment; `end`: flags of its last packet, a second after that, "" none.
    """
    talk = Talk(server=server, timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(18, "A", size=1200)
    talk.send(18.5, "A", client=True)
    at = talk.next_seq[1]
    talk.next_seq[1] = at + ahead
    talk.send(STRAY, "A", size=1200)
    talk.next_seq[1] = at
    talk.send(RESET, "R", client=True)
    talk.send(more_ms, "A", size=1200)
    talk.send(more_ms + 0.5, "A", client=True)
    if end:
        talk.send(more_ms + 900, end)
    talk.send(6000, "FA", client=True)
    return talk


def only(talk: Talk, *, stray: bool) -> Talk:
    """Of a talk the segment and its reset, or all the others."""
    talk.sent = [sent for sent in talk.sent if (sent.at_ms in (STRAY, RESET)) == stray]
    return talk


def captures(*, ahead: int = FAR, more_ms: float = 21, end: str = "R", lost: tuple[float, ...] = ()) -> Files:
    """Before NAT and behind it; `lost`: times of what is missing from one side (RESET: upstream; -RESET: behind)."""
    up = View(drop=lambda sent: sent.at_ms in lost)
    down = View(delay_ms=0.1, drop=lambda sent: -sent.at_ms in lost)
    own, kept = (played(MEMBER, ahead=ahead, more_ms=more_ms, end=end) for _ in range(2))
    behind = only(played(SERVICE, ahead=ahead, more_ms=more_ms, end=end), stray=False)
    return {"1_inside.pcap": seen([own], up), "2_outside.pcap": seen([behind, only(kept, stray=True)], down)}


def judged(folder: Path, files: Files) -> Judgement:
    return judgement(diagnosed(write_case(folder, files)), SLUG)


@pytest.mark.parametrize(("end", "then"), [("R", "answers what still comes"), ("", "falls silent")])
def test_captures_alone_make_it_probable(tmp_path: Path, end: str, then: str) -> None:
    """What was on its way when the reset came may follow."""
    found = judged(tmp_path, captures(end=end))
    assert isinstance(found, Supported)
    assert not found.confirmed
    said = " ".join(reason.text for reason in found.reasons)
    assert "beyond what the other end has allowed" in said
    assert then in said


def test_a_counter_that_moved_confirms_it(tmp_path: Path) -> None:
    stats: Files = {"before/conntrack.txt": conntrack_stats(3), "after/conntrack.txt": conntrack_stats(5)}
    found = judged(tmp_path, captures() | stats)
    assert isinstance(found, Supported)
    assert found.confirmed


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("nf_ct_proto_6: SEQ is over upper bound 7", Supported), ("nf_ct_proto_6: bad checksum", Refuted)],
)
def test_the_log_line_of_the_segment_decides(tmp_path: Path, reason: str, kind: type) -> None:
    stray = next(sent for sent in played(MEMBER).sent if sent.at_ms == STRAY)
    found = judged(tmp_path, captures() | {"dmesg.txt": log_line(stray, reason=reason)})
    assert isinstance(found, kind)
    assert not isinstance(found, Supported) or found.confirmed


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (captures(ahead=0), "inside the window"),
        (captures(lost=(-RESET,)), "nobody answered it with a reset"),
        (captures(lost=(RESET,)), "no such reset was seen"),
        (captures(more_ms=1500), "goes on"),
        (captures(end="FA"), "closes as usual"),
    ],
)
def test_without_one_of_its_steps_it_is_another_thing(tmp_path: Path, files: Files, why: str) -> None:
    found = judged(tmp_path, files)
    assert isinstance(found, Refuted)
    assert any(why in reason.text for reason in found.against)


def test_a_counter_that_stood_still_contradicts(tmp_path: Path) -> None:
    stats: Files = {"before/conntrack.txt": conntrack_stats(3), "after/conntrack.txt": conntrack_stats(3)}
    assert isinstance(judged(tmp_path, captures() | stats), Refuted)


def test_a_lost_segment_of_a_connection_without_nat_is_none(tmp_path: Path) -> None:
    lost: Files = {
        "1_inside.pcap": seen([played(MEMBER)], View()),
        "2_outside.pcap": seen([played(MEMBER)], View(delay_ms=0.1, drop=lambda sent: sent.at_ms == STRAY)),
    }
    assert isinstance(judged(tmp_path, lost), Refuted)


def test_one_capture_cannot_tell(tmp_path: Path) -> None:
    assert isinstance(judged(tmp_path, {"1_inside.pcap": captures()["1_inside.pcap"]}), Untestable)
