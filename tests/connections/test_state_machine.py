"""The name and the history of a connection, case by case; each expectation is what `zeek -C` gives."""

from dataclasses import replace

import pytest
from segments import Segment, answered_request, handshake, names, segment, track

pytestmark = pytest.mark.kernel

OPEN = answered_request()
CASES = {
    "S0: no answer": ([segment(0, 0, "S", (100, 0))], "S0", "S"),
    "S1: open": (handshake(), "S1", "ShA"),
    "REJ: answered by RST": ([segment(0, 0, "S", (100, 0)), segment(1, 1, "RA", (0, 101))], "REJ", "Sr"),
    "S2: originator closed": ([*OPEN, segment(2, 0, "FA", (151, 1901))], "S2", "ShADadF"),
    "S3: responder closed": ([*OPEN, segment(2, 1, "FA", (1901, 151))], "S3", "ShADadf"),
    "RSTO": ([*OPEN, segment(2, 0, "R", (151, 0))], "RSTO", "ShADadR"),
    "RSTR": ([*OPEN, segment(2, 1, "RA", (1901, 151))], "RSTR", "ShADadr"),
    "RSTOS0": ([segment(0, 0, "S", (100, 0)), segment(1, 0, "R", (101, 0))], "RSTOS0", "SR"),
    "RSTRH": (
        [segment(0, 1, "SA", (900, 101)), segment(1, 1, "R", (901, 0))],
        "RSTRH",
        "^hr",
    ),
    "SH": ([segment(0, 0, "S", (100, 0)), segment(1, 0, "F", (101, 0))], "SH", "SF"),
    "SHR": ([segment(0, 1, "SA", (900, 101)), segment(1, 1, "FA", (901, 101))], "SHR", "^hf"),
    "OTH: joined midway": ([segment(0, 0, "PA", (5, 9), 10), segment(1, 1, "A", (9, 15))], "OTH", "Da"),
    "simultaneous close": (
        [*OPEN, segment(2, 0, "FA", (151, 1901)), segment(2, 1, "FA", (1901, 151))],
        "SF",
        "ShADadFf",
    ),
    "data after the other side's FIN": (
        [
            *OPEN,
            segment(2, 0, "FA", (151, 1901)),
            segment(3, 1, "PA", (1901, 152), 5),
            segment(4, 1, "FA", (1906, 152)),
        ],
        "SF",
        "ShADadFf",
    ),
    "FIN, then RST, then the other FIN": (
        [
            *OPEN,
            segment(2, 1, "FA", (1901, 151)),
            segment(3, 1, "R", (1902, 0)),
            segment(4, 0, "FA", (151, 1901)),
        ],
        "SF",
        "ShADadfrF",
    ),
    "FIN and RST together": ([*OPEN, segment(2, 0, "FRA", (151, 1901))], "RSTO", "ShADadI"),
    "SYN and FIN together": ([segment(0, 0, "SF", (100, 0))], "SH", "Q"),
    "FIN moved": (
        [*OPEN, segment(2, 0, "FA", (151, 1901)), segment(3, 0, "FA", (160, 1901))],
        "S2",
        "ShADadFF",
    ),
    "acknowledged but never seen": (
        [
            *OPEN,
            segment(2, 0, "A", (151, 2901)),
            segment(3, 1, "PA", (2901, 151), 5),
            segment(3, 0, "A", (151, 2906)),
        ],
        "S1",
        "ShADadg",
    ),
    "ACK of the SYN before its answer": (
        [segment(0, 0, "S", (100, 0)), segment(0.001, 1, "A", (0, 101)), *handshake()[1:]],
        "S1",
        "SahA",
    ),
    "SYN-ACK captured before its SYN": (
        [segment(0, 1, "SA", (900, 101)), segment(0, 0, "S", (100, 0)), segment(1, 0, "A", (101, 901))],
        "OTH",
        "H",
    ),
}


@pytest.mark.parametrize("name", [name for name in CASES if "captured before" not in name])
def test_state_and_history(name: str) -> None:
    """One connection, named as Zeek names it."""
    segments, state, history = CASES[name]
    assert names(track(segments)) == [(state, history)]


def test_a_syn_ack_captured_before_its_syn_is_put_right() -> None:
    """Between ports that say nothing: the SYN that follows makes its sender the originator."""
    segments, _, _ = CASES["SYN-ACK captured before its SYN"]
    assert names(track(segments, (40000, 50000))) == [("S1", "Hs^A")]


def test_simultaneous_open_is_split_as_zeek_splits_it() -> None:
    """The second SYN has another sequence number: to Zeek another connection."""
    segments = [
        segment(0, 0, "S", (100, 0)),
        segment(0.001, 1, "S", (900, 0)),
        segment(0.002, 0, "SA", (100, 901)),
        segment(0.003, 1, "SA", (900, 101)),
        segment(0.004, 0, "A", (101, 901)),
    ]
    assert names(track(segments, (40000, 50000)))[0] == ("S0", "S")


@pytest.mark.parametrize(("repeats", "letters"), [(1, "T"), (9, "T"), (10, "TT"), (100, "TTT")])
def test_repeated_events_are_written_logarithmically(repeats: int, letters: str) -> None:
    """T for the first, tenth, hundredth repetition; W likewise."""
    again = segment(1, 0, "PA", (101, 901), 50)
    (_, history), *_ = names(track([*OPEN, *[again] * repeats]))
    assert history == "ShADad" + letters
    shut = replace(segment(1, 0, "A", (151, 1901)), window=0)
    (_, history), *_ = names(track([*OPEN, *[shut] * repeats]))
    assert history == "ShADad" + letters.replace("T", "W")


def test_a_history_longer_than_its_column_keeps_the_beginning() -> None:
    """Sixty FINs at sixty places, forty letters."""
    fins: list[Segment] = [segment(1, 0, "FA", (151 + i, 1901)) for i in range(60)]
    ((_, history),) = names(track([*OPEN, *fins]))
    assert history == "ShADad" + "F" * 34
