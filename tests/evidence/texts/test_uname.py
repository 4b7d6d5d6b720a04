"""`uname` and /proc/version."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import uname as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

DEBIAN = (
    "Linux compute-07 6.1.0-56-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16) x86_64 GNU/Linux\n"
)
CENTOS = "Linux cmp01.example 3.10.0-1160.el7.x86_64 #1 SMP Mon Oct 19 16:18:59 UTC 2020 x86_64 x86_64 x86_64 GNU/Linux\n"
UBUNTU = "Linux n1 5.15.0-91-generic #101~20.04.1-Ubuntu SMP Thu Nov 16 14:22:28 UTC 2023 x86_64 GNU/Linux\n"
BANNER = "Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP Debian 6.1.192-2\n"


def _rows(sample: str) -> list[Version | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _version(sample: str) -> tuple[str, str, str]:
    (row,) = _rows(sample)
    assert isinstance(row, Version)
    return row.name, row.version, row.detail


def test_release_and_host() -> None:
    """Of three distributions, /proc/version and `uname -r`."""
    assert _version(DEBIAN) == ("kernel", "6.1.0-56-amd64", "compute-07")
    assert _version(CENTOS) == ("kernel", "3.10.0-1160.el7.x86_64", "cmp01.example")
    assert _version(UBUNTU) == ("kernel", "5.15.0-91-generic", "n1")
    assert _version(BANNER) == ("kernel", "6.1.0-56-amd64", "")
    assert _version("6.1.0-56-amd64\n") == ("kernel", "6.1.0-56-amd64", "")


def test_other_lines_are_weird() -> None:
    """Other systems and cut lines."""
    assert isinstance(_rows("Darwin mac 23.1.0 Darwin Kernel\n")[0], Weird)
    assert isinstance(_rows("Linux compute-07\n")[0], Weird)


def test_recognition() -> None:
    """A release alone only under its command; not a boot log without times; not prose."""
    for sample in (DEBIAN, CENTOS, UBUNTU, BANNER):
        assert _recognised(sample)
    assert _recognised("6.1.0-56-amd64\n", "uname -r")
    assert _recognised("", "uname -a")
    assert not _recognised("6.1.0-56-amd64\n")
    assert not _recognised(BANNER + "Command line: quiet\nBIOS-provided physical RAM map:\n")
    assert not _recognised("Linux is a kernel\n")
    assert not _recognised("")


@given(st.text(), st.sampled_from(["", "Linux ", "Linux h 6.1 #1 "]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
