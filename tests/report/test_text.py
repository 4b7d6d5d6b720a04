"""The terminal reports answer first, fit their width, and print a host's text as text."""

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from lastseen.report.columns import table_lines
from lastseen.report.connections_text import print_connections
from lastseen.report.losses_text import print_losses
from lastseen.report.text import print_diagnosis
from lastseen.report.wording import STALL_WORDS, clean, duration, encodable, shortened, size
from lastseen.tables.connections import STALLS
from lastseen.tables.diagnosis import Diagnosis, Verdict
from lastseen.tables.judgements import Reason, Step
from lastseen.tables.points import Matching
from lastseen.tables.sources import Weird


class Stream(io.TextIOWrapper):
    """A text stream with an encoding, as sys.stdout is one."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


def report(diagnosis: Diagnosis, width: int | None = 80, encoding: str = "utf-8") -> str:
    stream = Stream(encoding)
    print_diagnosis(diagnosis, width, stream=stream)
    return stream.text()


def words(text: str) -> str:
    return " ".join(text.split())


def test_an_account_that_does_not_tell_its_end_says_so(diagnosis: Diagnosis) -> None:
    """A client's own account has no descriptor; a call that never returned has one."""
    assert diagnosis.symptom is not None
    account = replace(diagnosis.symptom, call="curl", fd=-1, ended_by="killed")
    assert "; what ended it is not told" in words(report(replace(diagnosis, symptom=account)))
    call = replace(diagnosis.symptom, ended_by="killed")
    assert "; it never returned" in words(report(replace(diagnosis, symptom=call)))


def test_a_missing_close_does_not_say_that_the_answer_was_complete(diagnosis: Diagnosis) -> None:
    """Acknowledged is what came; whether more was to come after it, nobody has seen."""
    text = words(report(replace(diagnosis, symptom=None)))
    said = "all that came was acknowledged, the close did not come"
    assert f"What hung 10.20.0.15:50184 > 203.0.113.80:443: {said} for 60.06 s" in text
    assert f"{said} (60.06 s)" in text
    assert "complete" not in text


def test_every_kind_of_silence_has_words() -> None:
    assert {"", *STALL_WORDS} == set(STALLS)


def test_the_first_lines_answer(diagnosis: Diagnosis) -> None:
    """What hung, where last seen, why, how sure, what to do, what else: within 20 lines of 80 columns."""
    lines = report(diagnosis).splitlines()
    assert lines[0].startswith("CONFIRMED: Open vSwitch's conntrack")
    first = words("\n".join(lines[:20]))
    for said in (
        "What hung poll waited 60.06 s for the end of the connection (EOF); a timeout ended it",
        "Last seen at compute_genev_sys_6081; 20 packets to the client never reached compute_tap3f1c9a2e-7b",
        "Why ovs_conntrack_padding, in the openvswitch module on compute",
        "How sure confirmed: every required fact was observed",
        "What to do Switch off conntrack's checksum validation (on compute)",
        "What else this evidence cannot tell it from nic_padding; next in line: mtu_blackhole",
    ):
        assert said in first


def test_the_losing_hop_is_marked_between_its_points(diagnosis: Diagnosis) -> None:
    lines = [line.strip() for line in report(diagnosis).splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("\u2717"))
    assert lines[at - 1].endswith("<- last seen here")
    assert "20 of 24 packets to the client lost, 1 more unproven" in lines[at]
    assert lines[at + 1].endswith("<- missing from here on")


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
def test_lines_fit_the_width_in_every_encoding(diagnosis: Diagnosis, width: int, encoding: str) -> None:
    """All but commands, which are never wrapped."""
    commands = [*diagnosis.remedies[0].commands, *diagnosis.remedies[0].undo]
    lines = report(diagnosis, width, encoding).splitlines()
    assert [line for line in lines if cell_len(line) > width and line.strip() not in commands] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert {line.strip() for line in lines} >= set(commands)


def test_a_stream_that_is_no_terminal_gets_80_columns_and_no_colour(
    diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = report(diagnosis, width=None)
    assert "\x1b" not in text
    assert text == report(diagnosis, width=80)


def test_a_terminal_gets_colour_unless_it_is_refused(
    diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Stream(terminal=True), Stream(terminal=True)
    print_diagnosis(diagnosis, 80, stream=coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    print_diagnosis(diagnosis, 80, stream=plain)
    assert "\x1b[1;31m" in coloured.text()
    assert re.search(r"\x1b\[[\d;]*3\d", plain.text()) is None


def test_what_a_host_wrote_is_text(diagnosis: Diagnosis, matching: Matching) -> None:
    """Neither terminal sequences nor Rich markup do anything, wherever they stand."""
    evil = "a\x1b[2J\x1b]0;t\x07\x9b1m[bold]b[/bold][/]\r\nc\u202e"
    verdict = replace(diagnosis.verdict, summary=evil, component=evil)
    points = tuple(replace(point, name=evil, file=evil) for point in matching.points)
    hostile = replace(
        diagnosis,
        verdict=verdict,
        matching=replace(matching, points=points),
        notes=(Reason(text=evil),),
        next=(Step(text=evil, commands=(evil,)),),
    )
    text = report(hostile)
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text) is None
    assert text.count("a]0;t[bold]b[/bold][/] c") >= 3
    for show in (print_losses, lambda m, weirds, stream: print_connections(m.points, weirds, stream=stream)):
        stream = Stream()
        show(replace(matching, points=points), (Weird(file=evil, reason=evil),), stream=stream)
        assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", stream.text()) is None


def test_the_hostile_file_name_is_listed(diagnosis: Diagnosis) -> None:
    text = report(diagnosis, 200)
    assert "not recognised: evil]0;owned[bold red]x[/]?.pcap" in text
    assert "Files: 1 of 2 recognised" in text


def test_long_lists_are_cut_and_say_so(diagnosis: Diagnosis) -> None:
    text = report(diagnosis)
    assert "Not read as expected: 78 times in 12 files" in text
    assert "... and 2 more (--json has all)" in text
    assert "12 x odd line  log11:12" in text


@pytest.mark.parametrize("grade", ["unattributed", "healthy", "blind", "possible", "probable"])
def test_every_grade_is_said_without_a_fault(diagnosis: Diagnosis, matching: Matching, grade: str) -> None:
    """An almost empty diagnosis still answers all six questions."""
    nothing = Diagnosis(
        verdict=Verdict(fault=None, grade=grade, summary=""),  # type: ignore[arg-type]
        judgements=(),
        symptom=None,
        matching=replace(matching, points=(), order=(), offsets_ns=(), hops=()),
        contrasts=(),
        remedies=(),
        next=(),
        partial=True,
    )
    text = report(nothing)
    assert text.startswith(f"{grade.upper()}: ")
    assert "Partial" in text
    for label in ("What hung", "Last seen", "Why", "How sure", "What to do", "What else"):
        assert label in text
    assert "Last seen" in report(replace(nothing, matching=matching, contrasts=diagnosis.contrasts))


def test_points_without_a_place_stand_apart(diagnosis: Diagnosis, matching: Matching) -> None:
    text = report(replace(diagnosis, matching=replace(matching, order=(1, 2, None))))
    assert "Without a known place on it:" in text
    assert "p3 compute_tap3f1c9a2e-7b" in text


def test_a_closed_pipe_is_the_callers(diagnosis: Diagnosis) -> None:
    class Closed(Stream):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text[:0])

    with pytest.raises(BrokenPipeError):
        print_diagnosis(diagnosis, 80, stream=Closed())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_losses_and_connections_stay_readable(matching: Matching, width: int) -> None:
    stream = Stream("ascii")
    print_losses(matching, console_width=width, stream=stream)
    print_connections(matching.points, console_width=width, stream=stream)
    text = stream.text()
    assert max(map(len, text.splitlines())) <= width
    assert text.startswith("20 packets lost between 3 points")
    for said in (
        "2 > 3",
        "10.20.0.15:50184 > 203.0.113.80:443",
        "waiting_for_fin 60.06 s",
        "1, 2, 3, ...",
        "34.6k",
    ):
        assert said in words(text)


def test_no_connection_is_said() -> None:
    stream = Stream()
    print_connections((), stream=stream)
    assert stream.text() == "No TCP connection was found.\n"


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (None, "unknown"), (0, "0 ns"), (999, "999 ns"), (3_100, "3.1 us"), (31_000, "31 us"), (3_100_000, "3.1 ms"),
        (-1_234_567, "-1.2 ms"), (60_060_000_000, "60.06 s"), (7_200_000_000_000, "7200 s"),
    ],
)  # fmt: skip
def test_durations_keep_the_digits_that_matter(ns: int | None, said: str) -> None:
    assert duration(ns) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0"), (999, "999"), (12_345, "12.3k"), (4_500_000, "4.5M"), (5 * 10**15, "5000.0T")],
)
def test_sizes_are_short(count: int, said: str) -> None:
    assert size(count) == said


def test_words_survive_what_they_are_printed_on() -> None:
    assert clean("a\tb\x00\x1b[31mc\udc80") == "a bc?"
    assert encodable("\u2717 \u2192 \u4e2d", "ascii") == "x -> ?"
    assert shortened("x" * 600).endswith("(100 more characters)")


def test_columns_that_do_not_fit_move_below() -> None:
    lines = list(table_lines(("name", ">n", "note"), [("a" * 10, "5", ""), ("b", "12", "x" * 10)], 16))
    assert lines == ["name         n", "    note", "aaaaaaaaaa   5", "b           12", "    xxxxxxxxxx"]
