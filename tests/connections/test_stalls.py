"""The longest silence: its length, its kind and who was silent."""

from dataclasses import replace

import pytest
from segments import Segment, answered_request, handshake, segment, stall, track

pytestmark = pytest.mark.kernel

OPEN = answered_request()
CLIENT_FIN = segment(60.04, 0, "FA", (151, 1901))


def server_fins(*times: float) -> list[Segment]:
    """The server's FIN, sent at these times."""
    return [segment(time, 1, "FA", (1901, 151)) for time in times]


def shut(time: float, window: int = 0) -> Segment:
    """The server acknowledges and offers this window."""
    return replace(segment(time, 1, "A", (1901, 151)), window=window)


CASES: dict[str, tuple[list[Segment], str, float, int]] = {
    "answered, 60 s later the client closes": ([CLIENT_FIN], "waiting_for_fin", 60.0, 1),
    "the same with keep-alives": (
        [
            *[segment(time, 0, "A", (150, 1901)) for time in (15, 30, 45)],
            *[segment(time, 1, "A", (1901, 151)) for time in (15.1, 30.1, 45.1)],
            CLIENT_FIN,
        ],
        "waiting_for_fin",
        60.0,
        1,
    ),
    "the client resets": ([segment(60.04, 0, "RA", (151, 1901))], "waiting_for_fin", 60.0, 1),
    "the client says close_notify first": (
        [segment(60.04, 0, "PA", (151, 1901), 31), segment(60.05, 0, "FA", (182, 1901))],
        "waiting_for_fin",
        60.0,
        1,
    ),
    "another request ends it": (
        [segment(60.04, 0, "PA", (151, 1901), 31), segment(60.05, 1, "A", (1901, 182))],
        "waiting_for_request",
        60.0,
        0,
    ),
    "a short question is answered, and the client closes": (
        [
            segment(60.04, 0, "PA", (151, 1901), 31),
            segment(60.05, 1, "PA", (1901, 182), 31),
            segment(60.06, 0, "FA", (182, 1932)),
        ],
        "waiting_for_request",
        60.0,
        0,
    ),
    "the server's FIN repeated, unanswered": (
        [*server_fins(0.05, 0.25, 0.65, 1.5, 3.1, 6.4, 13, 26, 52), CLIENT_FIN],
        "lost_retransmitting",
        59.99,
        0,
    ),
    "the server's FIN repeated to the end": (
        server_fins(0.05, 0.25, 0.65, 1.5, 3.1, 6.4),
        "lost_retransmitting",
        6.35,
        0,
    ),
    "the server closes an idle connection": (server_fins(30.04), "waiting_for_request", 30.0, 0),
    "half closed, the client comes late": (
        [*server_fins(0.05), segment(0.06, 0, "A", (151, 1902)), segment(9.06, 0, "FA", (151, 1902))],
        "waiting_for_request",
        9.0,
        0,
    ),
    "the answer comes late": (
        [
            segment(1, 0, "PA", (151, 1901), 50),
            segment(1.01, 1, "A", (1901, 201)),
            segment(8.01, 1, "PA", (1901, 201), 10),
        ],
        "waiting_for_data",
        7.0,
        1,
    ),
    "no answer, the client gives up": (
        [
            segment(1, 0, "PA", (151, 1901), 50),
            segment(1.01, 1, "A", (1901, 201)),
            segment(8.01, 0, "FA", (201, 1901)),
        ],
        "waiting_for_data",
        7.0,
        1,
    ),
    "nobody acknowledges": (
        [segment(1, 0, "PA", (151, 1901), 50), segment(5, 1, "A", (1901, 201))],
        "waiting_for_ack",
        4.0,
        1,
    ),
    "nobody acknowledges, the client gives up": (
        [segment(1, 0, "PA", (151, 1901), 50), segment(5, 0, "FA", (201, 1901))],
        "waiting_for_ack",
        4.0,
        1,
    ),
    "a request repeated, unanswered": (
        [segment(time, 0, "PA", (151, 1901), 50) for time in (1, 1.2, 1.6, 2.4, 4)],
        "lost_retransmitting",
        3.0,
        1,
    ),
    "the window is shut": (
        [
            shut(1),
            *[item for time in (2, 4, 8) for item in (segment(time, 0, "A", (150, 1901)), shut(time + 0.1))],
            shut(9, 500),
        ],
        "waiting_for_window",
        8.0,
        1,
    ),
    "short": ([segment(0.9, 0, "FA", (151, 1901))], "", 0.0, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_kind_length_and_side_of_the_longest_silence(name: str) -> None:
    """After a request that was answered and acknowledged."""
    segments, kind, seconds, side = CASES[name]
    found = stall(track([*OPEN, *segments]))
    assert found == (kind, pytest.approx(seconds), side)


def test_a_connection_with_a_silence_knows_the_packets_around_it() -> None:
    """Rows for the report: where it began, where it ended."""
    (entry,) = track([*OPEN, CLIENT_FIN]).table
    assert (entry["stall_from"], entry["stall_until"]) == (6, 7)
    assert entry["gap_before"] == 7


@pytest.mark.parametrize(
    ("segments", "seconds", "side"),
    [
        ([segment(time, 0, "S", (100, 0)) for time in (0, 1, 3, 7)], 7.0, 1),
        (
            [*[segment(time, 0, "S", (100, 0)) for time in (0, 1, 3)], segment(3.1, 1, "SA", (900, 101))],
            3.1,
            1,
        ),
        ([handshake()[0], *[segment(time, 1, "SA", (900, 101)) for time in (0.1, 1.1, 3.1)]], 3.0, 0),
    ],
)
def test_a_handshake_that_hangs(segments: list[Segment], seconds: float, side: int) -> None:
    """SYNs unanswered, answered late, and the answer unanswered."""
    assert stall(track(segments)) == ("waiting_for_syn_ack", pytest.approx(seconds), side)


def test_one_direction_alone_is_no_silence_of_the_other() -> None:
    """A capture of one direction with a repetition: the sender moves on, so somebody answers."""
    segments = [segment(i / 2, 0, "A", (1000 + 100 * i, 1), 100) for i in range(40)]
    segments.insert(20, segment(9.6, 0, "A", (1000 + 1800, 1), 100))
    assert stall(track(segments)) == ("", 0.0, 0)


def test_an_idle_end_of_the_capture_is_judged_by_who_spoke_last() -> None:
    """Keep-alives alone to the end, after an answer and after a request."""
    alive = [segment(time, 0, "A", (150, 1901)) for time in (10, 20)]
    assert stall(track([*OPEN, *alive])) == ("waiting_for_request", pytest.approx(19.96), 0)
    asked = [*OPEN[:-2], *[segment(time, 0, "A", (150, 901)) for time in (10, 20)]]
    assert stall(track(asked)) == ("waiting_for_data", pytest.approx(19.98), 1)
