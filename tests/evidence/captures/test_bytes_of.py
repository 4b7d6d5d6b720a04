"""Compressed files, pipes and standard input give the bytes of the plain file; damage keeps what came before."""

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import packet_writer as w
import pytest
import samples

from lastseen.errors import LastseenError
from lastseen.evidence.captures import bytes_of, open_bytes, read_capture

PLAIN = w.pcap([(i * 1000, samples.ETHERNET_FRAMES["geneve"] + os.urandom(50)) for i in range(2000)])
PACKED = {"plain": PLAIN, "gzip": gzip.compress(PLAIN, mtime=0), "zstd": w.zstandardized(PLAIN)}


def content(path: Path) -> tuple[bytes, str]:
    """All bytes and the note."""
    with open_bytes(path) as source:
        return source.piece(0, source.size), source.note


@pytest.mark.parametrize("kind", PACKED)
def test_unpacked_equals_plain(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(PACKED[kind])
    assert content(path) == (PLAIN, "")


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_several_members_are_one_file(tmp_path: Path, kind: str) -> None:
    pack = gzip.compress if kind == "gzip" else w.zstandardized
    path = tmp_path / "a"
    path.write_bytes(pack(PLAIN[:1000]) + pack(PLAIN[1000:]))
    assert content(path) == (PLAIN, "")


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_cut_off_compressed_file_keeps_the_beginning(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "a"
    path.write_bytes(PACKED[kind][: int(len(PACKED[kind]) * share)])
    data, note = content(path)
    assert PLAIN.startswith(data)
    assert "compressed data ends or breaks" in note
    if kind == "gzip":
        assert len(data) > len(PLAIN) * share * 0.5


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_damaged_compressed_file_is_one_weird_more(tmp_path: Path, kind: str) -> None:
    data = bytearray(PACKED[kind])
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path = tmp_path / "a"
    path.write_bytes(data)
    with open_bytes(path) as source:
        _, weirds = read_capture(source, "a")
    assert weirds[0].reason.startswith("compressed data ends or breaks")
    assert len(weirds) <= 2


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_magic_alone_is_empty_with_a_note(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(magic)
    data, note = content(path)
    assert (data, bool(note)) == (b"", True)


@pytest.mark.parametrize("pack", [gzip.compress, w.zstandardized])
def test_decompression_bomb_is_bounded(tmp_path: Path, pack: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytes_of, "SPOOL_FREE_BYTES", 1 << 20)
    path = tmp_path / "a"
    path.write_bytes(pack(bytes(200 << 20)))  # type: ignore[operator]
    data, note = content(path)
    assert len(data) < 200 << 20
    assert "only the beginning was read" in note


@pytest.mark.parametrize("kind", PACKED)
def test_standard_input(kind: str) -> None:
    """`- < file` and `cat file |` alike, compressed or not."""
    script = (
        "from lastseen.evidence.captures.bytes_of import open_bytes; s = open_bytes(None);"
        "import sys; sys.stdout.buffer.write(s.piece(0, s.size))"
    )
    done = subprocess.run([sys.executable, "-c", script], input=PACKED[kind], capture_output=True, check=True)
    assert done.stdout == PLAIN


def test_named_pipe(tmp_path: Path) -> None:
    """A path that cannot be sought (a process substitution) is copied."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(PACKED["gzip"],))
    writer.start()
    assert content(path) == (PLAIN, "")
    writer.join()


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LastseenError, match="check the path"):
        open_bytes(tmp_path / "none")
    with pytest.raises(LastseenError, match="check the path"):
        open_bytes(tmp_path)
