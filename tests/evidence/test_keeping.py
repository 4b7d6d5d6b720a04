"""Long texts: what matters stays, the rest is an even sample, and memory is bounded."""

import re
from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.evidence import keeping
from lastseen.evidence.keeping import Kept, Pace, keep, paced
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import (
    ConntrackEntry,
    Counter,
    Drop,
    LoggedPacket,
    LogLine,
    Row,
    Rule,
    Setting,
    Socket,
    Syscall,
)
from lastseen.tables.sources import Source, Weird

HERE = Endpoint(address="10.0.0.1", port=443)
THERE = Endpoint(address="10.9.9.9", port=1)
PACKET = LoggedPacket(src=HERE, dst=THERE)


def _at(number: int) -> Source:
    return Source(file="x", line=number)


def _line(number: int, topic: str = "", packet: LoggedPacket | None = None) -> LogLine:
    return LogLine(
        source=_at(number), at_ns=number, clock="boot", zone_known=False, text="t", topic=topic, packet=packet
    )


def _rule(number: int, packets: int | None, *, drops: bool = False, snapshot: str = "") -> Rule:
    return Rule(
        source=_at(number), layer="openflow", place="table=0", priority=1, match=f"in_port={number}",
        actions="drop", packets=packets, bytes=None, drops=drops, snapshot=snapshot,
    )  # fmt: skip


def _keep(rows: Iterable[Row | Weird], most: int = 100, known: frozenset[str] = frozenset()) -> Kept:
    return keep(iter(rows), "x", most=most, known=lambda: known)


def test_a_text_that_fits_is_kept_whole_and_addresses_are_not_asked_for() -> None:
    """The captures' flows are many."""

    def unasked() -> frozenset[str]:
        raise AssertionError

    rows = [_line(number) for number in range(100)]
    kept = keep(iter(rows), "x", most=100, known=unasked)
    assert kept.rows == rows
    assert kept.weirds == {}


def test_rows_that_matter_stay_while_the_rest_is_sampled_to_the_end() -> None:
    """One line in a thousand has a topic; the sample reaches from the first line to the last."""
    kept = _keep(_line(number, "table_full" if number % 1000 == 0 else "") for number in range(20_000))
    lines = [row.source.line for row in kept.rows if isinstance(row, LogLine) and row.topic]
    assert lines == list(range(0, 20_000, 1000))
    others = [row.source.line or 0 for row in kept.rows if isinstance(row, LogLine) and not row.topic]
    assert 10 < len(others) <= 25
    assert max(others) > 17_000
    (weird,) = kept.weirds.values()
    assert weird.count == 20_000 - len(kept.rows)
    assert weird.reason == f"longer than is kept in memory: {weird.count} of 20000 rows were left out, evenly"


def test_order_is_that_of_the_text() -> None:
    """Sampled rows stand between those that matter."""
    kept = _keep(_line(number, "x" if number % 7 == 0 else "") for number in range(3000))
    lines = [row.source.line or 0 for row in kept.rows]
    assert lines == sorted(lines)


def test_two_snapshots_keep_the_same_rules() -> None:
    """A rule that is sampled out before must not seem new after."""
    before = _keep(_rule(n, 5, snapshot="before") for n in range(5000))
    after = _keep(_rule(n, 9, snapshot="after") for n in range(5000))
    assert [row.source.line for row in before.rows] == [row.source.line for row in after.rows]


def test_what_speaks_of_the_captures_or_of_hits_matters() -> None:
    """Of each kind one row that matters and one that merely exists, in a text far too long."""
    known = frozenset({"10.0.0.1"})
    entry = {"proto": "tcp", "state": "", "timeout_s": None, "original_dst": THERE, "reply_dst": THERE}
    socket = {"state": "ESTAB", "peer": THERE, "recv_q_bytes": 0, "send_q_bytes": 0}
    counter = {"family": "nic", "scope": "", "name": "x"}
    drop = {"at_ns": None, "clock": "", "reason": "", "location": ""}
    elsewhere = LoggedPacket(src=THERE, dst=THERE)
    matter: list[Row] = [
        _line(1, "conntrack_invalid", PACKET),
        _rule(2, 1),
        _rule(3, None, drops=True),
        ConntrackEntry(source=_at(4), original_src=HERE, reply_src=THERE, **entry),  # type: ignore[arg-type]
        Socket(source=_at(5), local=HERE, **socket),  # type: ignore[arg-type]
        Counter(source=_at(6), value=1, **counter),
        Drop(source=_at(7), packet=PACKET, **drop),  # type: ignore[arg-type]
        Setting(source=_at(8), scope="s", name="n", value="v"),
    ]
    exist: list[Row] = [
        _line(0, "conntrack_invalid", elsewhere),
        _line(0),
        _rule(0, 0),
        ConntrackEntry(source=_at(0), original_src=THERE, reply_src=THERE, **entry),  # type: ignore[arg-type]
        Socket(source=_at(0), local=THERE, **socket),  # type: ignore[arg-type]
        Counter(source=_at(0), value=0, **counter),
        Drop(source=_at(0), packet=elsewhere, **drop),  # type: ignore[arg-type]
    ]
    kept = _keep([*exist * 2000, *matter, *exist * 2000], 40, known)
    assert [row for row in kept.rows if row.source.line] == matter


def test_long_rows_are_bounded_by_their_characters() -> None:
    """A hostile table of flows with matches of 64 KiB."""
    long = "a" * 65_536
    rows = (
        Syscall(
            source=_at(n), pid=1, at_ns=n, name="read", fd=3, args=long + str(n), result=0, result_text="",
            duration_ns=None,
        )
        for n in range(3000)
    )  # fmt: skip
    kept = _keep(rows, 200_000)
    assert sum(len(row.args) for row in kept.rows if isinstance(row, Syscall)) <= keeping.MAX_CHARS
    assert len(kept.rows) > 100


def test_equal_rows_are_thinned_by_their_place() -> None:
    """They share what they are sampled by."""
    same = _rule(1, 5)
    assert 1 <= len(_keep([same] * 5000).rows) <= 100


def test_a_case_that_is_full_still_says_what_it_left_out() -> None:
    """One row is the least."""
    kept = _keep((_line(number, "x") for number in range(10)), 1)
    assert len(kept.rows) <= 2
    assert kept.read == 10


def test_lines_of_no_consequence_are_sampled_unread_once_the_text_is_long() -> None:
    """What has the word is always read; the lines passed over are counted among those left out."""
    pace, read = Pace(), []

    def rows(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
        for number, line in lines:
            read.append(number)
            yield _line(number, "x" if "word" in line else "")

    text = ((number, "a word" if number % 997 == 0 else "else") for number in range(1, 20_001))
    chosen = rows(paced(iter(text), pace, re.compile("word")))
    kept = keep(chosen, "x", most=100, known=frozenset, pace=pace)
    assert len(read) < 2000
    assert [row.source.line for row in kept.rows if isinstance(row, LogLine) and row.topic] == list(
        range(997, 20_001, 997)
    )
    assert kept.read == 20_000
    assert sum(weird.count for weird in kept.weirds.values()) == 20_000 - len(kept.rows)


@given(
    st.lists(st.sampled_from(["word 1 2", "word 9 9", "word", "else", "bad", "none"]), max_size=600),
    st.integers(1, 30),
    st.sampled_from([frozenset[str](), frozenset({"10.0.0.1"})]),
)
def test_what_is_kept_is_the_same_whether_lines_are_read_or_passed_over(
    kinds: list[str], most: int, known: frozenset[str]
) -> None:
    """Lines whose row is known beforehand are left out exactly where their rows would have been."""

    def rows(lines: Iterable[tuple[int, str]]) -> Iterator[Row | Weird]:
        for number, line in lines:
            _, *ends = line.split()
            if line == "bad":
                yield Weird(file="x", line=number, reason="bad")
            elif ends:
                src, dst = (Endpoint(address=f"10.0.0.{end}") for end in ends)
                yield _line(number, "x", LoggedPacket(src=src, dst=dst))
            elif line != "none":
                yield _line(number, "x" if line == "word" else "")

    text = [(number, re.sub(r"\b(?=[0-9])", "10.0.0.", kind)) for number, kind in enumerate(kinds, start=1)]
    plain = [(number, kind) for number, kind in enumerate(kinds, start=1)]
    packet = re.compile(r"word (?P<src>\S+) (?P<dst>\S+)")
    pace = Pace()
    chosen = paced(iter(text), pace, re.compile("word|bad|none"), packet)
    read = keep(
        rows((number, line.replace("10.0.0.", "")) for number, line in chosen),
        "x", most=most, known=lambda: known, pace=pace,
    )  # fmt: skip
    assert read == keep(rows(plain), "x", most=most, known=lambda: known)


def test_unreadable_lines_are_counted_and_end_the_text() -> None:
    """A text of nothing but damage was recognised wrongly."""
    weirds = (Weird(file="x", line=number, reason="odd") for number in range(keeping.MAX_WEIRD_LINES + 50))
    kept = _keep(weirds)
    assert kept.weirds["odd"].count == keeping.MAX_WEIRD_LINES + 1
    assert kept.weirds["odd"].line == 0
    assert "mostly unreadable: the rest was not read" in kept.weirds


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["", "x"]), st.integers(0, 3)), max_size=400), st.integers(1, 50))
def test_never_more_than_asked_for(kinds: list[tuple[str, int]], most: int) -> None:
    """Whatever the mixture, and nothing is lost without being counted."""
    rows: list[Row] = [_line(n, topic) if kind else _rule(n, kind) for n, (topic, kind) in enumerate(kinds)]
    kept = _keep(rows, most)
    assert len(kept.rows) <= max(2, most)
    assert len(kept.rows) + sum(weird.count for weird in kept.weirds.values()) == len(rows)
