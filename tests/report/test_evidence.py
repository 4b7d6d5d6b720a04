"""What was read and what it is good for, on a page and as JSON."""

from io import StringIO

from lastseen.report.evidence import evidence_json, print_evidence
from lastseen.tables.assessments import Assessment, Question, Telling
from lastseen.tables.sources import EvidenceFile, Weird

FOUND = Assessment(
    tells={"dmesg.txt": {"log lines": 7}},
    can_tell=(
        Telling(kind="log lines", rows=7, files=1, proves="that it was noticed", not_prove="the rest"),
    ),
    questions=(Question(question="Why?", answered_by=("a thing",), missing=("another thing",)),),
)
FILES = (
    EvidenceFile(file="dmesg.txt", kind="kernel log", rows=7, node="vm", snapshot="after", lines=9),
    EvidenceFile(file="odd.bin", kind=None, rows=0),
)
WEIRDS = (Weird(file="dmesg.txt", reason="not a kernel log line", line=3, count=2),)


def page(width: int = 80, *, partial: bool = False) -> str:
    stream = StringIO()
    print_evidence(FOUND, FILES, WEIRDS, partial=partial, console_width=width, stream=stream)
    return stream.getvalue()


def test_the_page_says_what_was_read_and_what_not() -> None:
    text = page(120, partial=True)
    assert text.startswith("2 files, 1 recognised\nPartial")
    assert " ".join(text.splitlines()[4].split()) == "dmesg.txt kernel log vm after 9 7 2"
    assert "Not recognised\n  * odd.bin" in text
    assert "7 log lines in 1 file: that it was noticed; not the rest" in text
    assert "+ a thing\n  - missing: another thing" in text
    assert "2 x not a kernel log line" in text


def test_it_fits_a_narrow_terminal() -> None:
    assert max(map(len, page(40).splitlines())) <= 40


def test_json_counts_lines_that_were_not_understood() -> None:
    made = evidence_json(FOUND, FILES, WEIRDS, partial=False)
    assert [(f.lines, f.rows, f.not_understood) for f in made.files] == [(9, 7, 2), (0, 0, 0)]
    assert made.files[0].tells == {"log lines": 7}
    assert made.files[1].kind is None
    assert made.questions[0].missing == ["another thing"]
    assert [weird.count for weird in made.weirds] == [2]
