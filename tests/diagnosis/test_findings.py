"""Notes beside the verdict: the FIN along the path, clocks, what is unproven, what is harmless."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import packet_writer as w
import pytest
from written_cases import (
    MS,
    START_NS,
    TAP,
    TUNNEL,
    Talk,
    View,
    diagnosed,
    log_line,
    lost_short,
    padded,
    seed_talk,
    seen,
    sysctl,
    two_points,
    write_case,
)

from lastseen.diagnosis.findings import _clocks
from lastseen.diagnosis.joins import LogClock

SEED = seed_talk()


def notes(folder: Path, files: dict[str, bytes | str]) -> list[str]:
    return [note.text for note in diagnosed(write_case(folder, files)).notes]


def closed() -> Talk:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return talk


def test_a_fin_that_is_trimmed_on_the_way(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, two_points([closed()], TUNNEL, View(delay_ms=0.1)))
    assert (
        note
        == "the server's FIN is 60 bytes long (padded) at tunnel and 54 at tap: the padding is trimmed there"
    )


def test_a_fin_that_stays_padded(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, two_points([closed()], TUNNEL, replace(TUNNEL, delay_ms=0.1)))
    assert note.endswith("at tunnel and still at tap: nothing trims it on the way, and it passes")


def test_a_fin_that_is_padded_only_at_the_last_point(tmp_path: Path) -> None:
    """There is nothing to compare it with."""
    assert notes(tmp_path, two_points([closed()], View(), replace(TUNNEL, delay_ms=0.1))) == []


def test_a_fin_that_no_client_saw_is_the_verdicts_matter(tmp_path: Path) -> None:
    assert not any("server's FIN" in note for note in notes(tmp_path, two_points([SEED])))
    assert notes(tmp_path / "one", {"tap.pcap": seen([closed()], TUNNEL)}) == []


def test_what_came_after_the_end_of_a_capture_is_counted_apart(tmp_path: Path) -> None:
    found = notes(tmp_path, two_points([SEED]))
    assert any(note.startswith("1 more packet came after the last one captured at tap") for note in found)


def test_a_capture_that_still_ran_says_what_proves_it(tmp_path: Path) -> None:
    toml = '[[point]]\nname = "tunnel"\nfile = "1_tunnel.pcap"\n[[point]]\nname = "tap"\nfile = "2_tap.pcap"\nend = 2023-11-14T22:20:00Z\n'
    found = notes(tmp_path, {**two_points([SEED]), "case.toml": toml})
    assert "tap still ran after its last packet: case.toml" in found


def wall_clock(lag_ms: float, *, scatter_ms: float = 0) -> str:
    """The log of the lost packets with times of day; each line `lag_ms` later than its packet."""
    text = ""
    for number, sent in enumerate(s for s in SEED.sent if lost_short(s)):
        micros = (START_NS + int((sent.at_ms + lag_ms + scatter_ms * number) * MS)) // 1000
        seconds, rest = divmod(micros - 1_699_999_200_000_000, 1_000_000)
        minute, second = divmod(seconds, 60)
        stamp = f"2023-11-14T22:{minute:02}:{second:02},{rest:06}+00:00"
        text += log_line(sent).replace("[  100.000000]", stamp)
    return text


def test_a_log_whose_clock_is_off_is_named(tmp_path: Path) -> None:
    ahead = notes(tmp_path / "a", {**two_points([SEED]), "dmesg.txt": wall_clock(250)})
    assert "the clock of dmesg.txt runs 250 ms ahead of the captures'" in ahead
    behind = notes(tmp_path / "b", {**two_points([SEED]), "dmesg.txt": wall_clock(-250)})
    assert "the clock of dmesg.txt runs 250 ms behind the captures'" in behind
    right = notes(tmp_path / "c", {**two_points([SEED]), "dmesg.txt": wall_clock(0)})
    assert not any("clock" in note for note in right)


def test_a_log_whose_times_scatter_is_joined_without_them(tmp_path: Path) -> None:
    found = notes(tmp_path, {**two_points([SEED]), "dmesg.txt": wall_clock(0, scatter_ms=700)})
    assert any("do not fit the packets" in note for note in found)


@pytest.mark.parametrize(("zone", "said"), [(7200, "UTC+02:00"), (-16200, "UTC-04:30")])
def test_a_log_in_local_time_says_which(zone: int, said: str) -> None:
    """The zone was found from the joined lines; it is no error of the clock."""
    clock = LogClock(file="a", clock="wall", ahead_ns=0, spread_ns=0, lines=3, zone_ns=zone * 1_000_000_000)
    assert [note.text for note in _clocks([clock])] == [
        f"the times in a are local, {said} by the packets joined"
    ]


def test_checksums_switched_off_are_named(tmp_path: Path) -> None:
    text = sysctl("net.netfilter.nf_conntrack_checksum", 0)
    found = notes(tmp_path, {"tap.pcap": seen([closed()], View()), "sysctl.txt": text})
    assert "conntrack does not verify checksums on this host (nf_conntrack_checksum = 0)" in found


def test_comments_in_a_capture_are_shown(tmp_path: Path) -> None:
    blocks = w.Pcapng()
    capture = blocks.section() + blocks.interface(name="tap0", resolution=9)
    for number, sent in enumerate(closed().sent):
        frame = w.ethernet(sent.packet)
        comment = "look here" if number == 4 else ""
        capture += blocks.packet(START_NS + int(sent.at_ms * MS), frame, comment=comment)
    found = notes(tmp_path, {"tap.pcapng": capture})
    assert "comment in the capture: look here" in found


def test_loss_of_acknowledgments_only_is_harmless(tmp_path: Path) -> None:
    talk = closed()
    one = talk.sent[4].number
    found = notes(
        tmp_path, two_points([talk], View(pad_to=padded), View(delay_ms=0.1, drop=lambda s: s.number == one))
    )
    assert any(note.startswith("1 packet was lost between tunnel and tap") for note in found)
    assert TAP.drop(talk.sent[4])


# ---- another try's FIN ----
def left_open(*, server_port: int = 80, port: int = 46518) -> Talk:
    """An answer that nobody ends."""
    first = 1_000_001 + port * 65_537  # connections with the same numbers would be taken for one
    talk = Talk(
        client=("10.0.0.5", port), server=("192.0.2.9", server_port), next_seq=[first, first + 700_000_000]
    )
    talk.opening()
    talk.exchange(10)
    return talk


def another(**ends: Any) -> Talk:
    """Another try, to the same server port unless said otherwise, which the server closes."""
    talk = left_open(port=39084, **ends)
    talk.send(20, "FA")
    return talk


def elsewhere(folder: Path, here: list[Talk], there: list[Talk]) -> list[str]:
    files = {"1_host.pcap": seen(there, View()), "2_vm.pcap": seen(here, View())}
    return [note for note in notes(folder, files) if note.startswith("no FIN")]


def test_a_fin_of_another_try_tells_that_the_remote_end_closes(tmp_path: Path) -> None:
    (note,) = elsewhere(tmp_path, [left_open()], [another()])
    assert "10.0.0.5:46518 > 192.0.2.9:80 at vm, but one is in 10.0.0.5:39084 > 192.0.2.9:80 at host" in note


@pytest.mark.parametrize(
    ("here", "there"),
    [
        pytest.param([left_open()], [another(server_port=81)], id="of another service"),
        pytest.param([left_open(), another()], [closed()], id="seen at the same point"),
        pytest.param([left_open()], [left_open(port=5000)], id="nowhere"),
        pytest.param([closed()], [another()], id="none is missing"),
        pytest.param([left_open()], [left_open(), another()], id="in a capture that can be compared"),
    ],
)
def test_another_fin_that_tells_nothing(tmp_path: Path, here: list[Talk], there: list[Talk]) -> None:
    assert elsewhere(tmp_path, here, there) == []
