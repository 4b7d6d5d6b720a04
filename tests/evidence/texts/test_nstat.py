"""`nstat` as text and as JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import nstat as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

SAMPLE = """\
#kernel
IpInReceives                    6                  0.0
TcpExtListenOverflows           0                  0.0
Icmp6OutType143                 18446744073709551615 0.0
MPTcpExtRcvWndConflict          7                  0.1
TcpRetransSegs                  12                 0.0 (overflow)
"""
JSON = '{"kernel":{"IpInReceives":6,"TcpExtListenOverflows":0,"TcpRetransSegs":12}}\n'
PRETTY = '{\n    "kernel": {\n        "IpInReceives": 6,\n        "TcpRetransSegs": 12\n    }\n}\n'


def _rows(sample: str) -> list[Counter | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str) -> dict[str, int | None]:
    rows = _rows(sample)
    assert not [row for row in rows if isinstance(row, Weird)]
    return {row.name: row.value for row in rows if isinstance(row, Counter)}


def test_text() -> None:
    """Every name with its value; the rate and an overflow mark are not part of it."""
    assert _values(SAMPLE) == {
        "IpInReceives": 6,
        "TcpExtListenOverflows": 0,
        "Icmp6OutType143": 2**64 - 1,
        "MPTcpExtRcvWndConflict": 7,
        "TcpRetransSegs": 12,
    }
    assert all(isinstance(row, Counter) and (row.family, row.scope) == ("nstat", "") for row in _rows(SAMPLE))


def test_json() -> None:
    """On one line or pretty-printed, with the line each value stands in."""
    assert _values(JSON) == {"IpInReceives": 6, "TcpExtListenOverflows": 0, "TcpRetransSegs": 12}
    assert _values(PRETTY) == {"IpInReceives": 6, "TcpRetransSegs": 12}
    assert [row.source.line for row in _rows(PRETTY) if isinstance(row, Counter)] == [3, 4]


def test_json_cut_off_is_weird() -> None:
    """Whole values before the cut are kept, a cut number is not."""
    rows = _rows(JSON[: JSON.index(":12") + 2] + "x")
    assert [row.name for row in rows if isinstance(row, Counter)] == ["IpInReceives", "TcpExtListenOverflows"]
    assert isinstance(rows[-1], Weird)


def test_other_lines_are_weird() -> None:
    """A cut line, a word that begins no MIB."""
    assert isinstance(_rows("#kernel\nTcpRetransSegs    12")[0], Weird)
    assert isinstance(_rows("#kernel\nHello    12   0.0")[0], Weird)


@pytest.mark.parametrize(
    "sample", [SAMPLE, JSON, PRETTY, "#kernel\n", "#kernel\nTcpExtTW   2   0.0\n", SAMPLE[8:]]
)
def test_recognised_by_content(sample: str) -> None:
    """With or without its first line, and when nothing had changed."""
    assert _recognised(sample)


def test_recognised_by_command_when_empty() -> None:
    """With any option."""
    assert _recognised("", "ip netns exec vm nstat -asz")
    assert not _recognised("", "netstat -s")


@pytest.mark.parametrize(
    "sample",
    [
        "",
        "#kernel notes\n",
        "#!/bin/sh\necho hi\n",
        '{"kernel": 6}\n',
        '{"a":{"B":1}}\n',
        "{}\n",
        "Total 12 0.5\nOther 13 0.6\n",
    ],
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """Scripts, other JSON, other tables."""
    assert not _recognised(sample)


@given(st.text(), st.sampled_from(["", "#kernel\n", '{"kernel":{"IpInReceives":']))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
