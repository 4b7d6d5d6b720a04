"""Lines of a file: numbered, decoded, bounded, and the same however the file is read."""

import gzip
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.lines import numbered_lines


def _one_by_one(content: bytes, longest: int) -> list[tuple[int, str]]:
    """The lines as their definition says."""
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    shown = [
        (line + b"\n" if len(line) < longest else line)[:longest].decode("utf-8", "replace").rstrip("\r\n")
        for line in lines
    ]
    return list(enumerate([shown[0].removeprefix("\ufeff"), *shown[1:]] if shown else [], start=1))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=9),
            st.sampled_from([b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", "\u2028é".encode(), b"a" * 40]),
        ),
        max_size=40,
    ),
    st.integers(1, 50),
)
def test_lines_are_the_same_however_long_a_block_is(pieces: list[bytes], longest: int) -> None:
    """Blocks are as long as the longest line, so short ones cut lines, characters and newlines anywhere."""
    content = b"".join(pieces)
    assert list(numbered_lines(BytesIO(content), longest=longest)) == _one_by_one(content, longest)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_of_many_blocks(newline: str) -> None:
    """Lines of every length around the length of a block."""
    lines = ["x" * length for length in (0, 1, 65_000, 65_534, 65_535, 0, 65_536, 70_000, 3, 200_000, 0)]
    read = list(numbered_lines(BytesIO(newline.join(lines).encode())))
    assert [line for _, line in read] == [line[:65_536] for line in lines[:-1]]
    assert [number for number, _ in read] == list(range(1, len(lines)))


def test_what_stands_before_a_damage_is_read() -> None:
    """A compressed log that was cut off; the place and the reason are told once."""
    content = "".join(f"line {number}\n" for number in range(50_000)).encode()
    packed = gzip.compress(content)
    told: list[tuple[int, str]] = []
    with gzip.open(BytesIO(packed[: len(packed) * 2 // 3])) as stream:
        lines = list(numbered_lines(stream, lambda line, reason: told.append((line, reason))))
    assert len(lines) > 20_000
    assert [line for _, line in lines] == content.decode().split("\n")[: len(lines)]
    assert told == [(len(lines), told[0][1])]
