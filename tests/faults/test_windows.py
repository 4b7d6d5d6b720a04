"""Bounds of a connection's windows: each passed alone, and what cannot be told."""

from collections.abc import Callable
from pathlib import Path

import packet_writer as w
import pytest
from written_cases import Talk, View, seen, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.faults.tracks import Tracks
from lastseen.faults.windows import outside_window

ROOM = 200 << 7
"""What the client of these conversations allows, as its window is scaled."""


def said(folder: Path, talk: Talk, number: int = -1) -> str:
    """What is said of a packet of the only connection of a capture; by default of its last one."""
    case = write_case(folder, {"a.pcap": seen([talk], View())})
    with Progress() as progress, opened([case], progress) as files:
        track = Tracks(matched(files, progress), files.details).of(0, 0)
        return outside_window(track, number % len(track))


def opened_talk(*, scaled: tuple[bool, bool] = (True, True)) -> Talk:
    talk = Talk()
    talk.send(0, "S", client=True, options=w.window_scale(7) if scaled[0] else b"", window=64_000)
    talk.send(1, "SA", options=w.window_scale(7) if scaled[1] else b"", window=64_000)
    talk.send(2, "A", client=True, window=200)
    return talk


def moved(talk: Talk, by: int, *, side: int, send: Callable[[], None]) -> None:
    talk.next_seq[side] += by
    send()
    talk.next_seq[side] -= by


@pytest.mark.parametrize(("beyond", "text"), [(0, ""), (1, "begins"), (70_000, "begins")])
def test_a_segment_begins_where_it_is_allowed_to(tmp_path: Path, beyond: int, text: str) -> None:
    """A SYN allows nothing yet; later windows are scaled as both agreed."""
    talk = opened_talk()
    moved(talk, ROOM + beyond, side=1, send=lambda: talk.send(3, "A", size=100))
    assert text in said(tmp_path, talk)
    assert bool(said(tmp_path, talk)) == bool(text)


def test_without_agreement_windows_are_not_scaled(tmp_path: Path) -> None:
    talk = opened_talk(scaled=(True, False))
    moved(talk, 201, side=1, send=lambda: talk.send(3, "A", size=100))
    assert "begins 1 byte beyond" in said(tmp_path, talk)


def test_an_unseen_handshake_may_have_agreed_on_anything(tmp_path: Path) -> None:
    talk = Talk()
    talk.send(2, "A", client=True, window=200)
    talk.send(2.5, "A", size=10)
    talk.send(2.7, "A", client=True, window=200)
    moved(talk, 200 << 13, side=1, send=lambda: talk.send(3, "A", size=100))
    assert not said(tmp_path, talk)


def test_what_lies_more_than_a_window_back_is_old(tmp_path: Path) -> None:
    talk = opened_talk()
    for part in range(60):
        talk.send(3 + part, "A", size=1400)
        talk.send(3.5 + part, "A", client=True, window=200)
    talk.send(100, "A", size=1400, again=3)
    assert "window back" in said(tmp_path, talk)


def test_what_was_not_sent_cannot_be_acknowledged(tmp_path: Path) -> None:
    talk = opened_talk()
    moved(talk, 5000, side=0, send=lambda: talk.send(3, "A", size=100))
    assert "acknowledges 5,000 bytes" in said(tmp_path, talk)


def test_nothing_is_said_before_both_ends_were_heard(tmp_path: Path) -> None:
    talk = opened_talk()
    assert not said(tmp_path, talk, 0)
    assert not said(tmp_path, talk, 1)
