"""What a capture prints is kept whole, bounded, as a ring, and as far as the disk has room."""

import os
import threading
from pathlib import Path

import packet_writer as w

from lastseen.live.recording import Recording

SEGMENT = w.ethernet(w.ipv4("10.0.0.1", "10.0.0.2", w.tcp(1, 2, seq=1, flags="A", data=bytes(1000))))
PACKETS = [(number * 1_000_000_000, SEGMENT) for number in range(200)]
CAPTURE = w.pcap(PACKETS)
PIPE_BYTES = 65_536
"""What one read of a full pipe gives: a part is not ended in the middle of it."""


def recorded(path: Path, *, most_bytes: int, ring_s: float | None = None, piece: int = 999) -> Recording:
    """The capture fed through a pipe in pieces that end anywhere."""
    read, write = os.pipe()
    recording = Recording(path, os.fdopen(read, "rb"), most_bytes, ring_s)

    def feed() -> None:
        with os.fdopen(write, "wb", buffering=0) as stream:
            for at in range(0, len(CAPTURE), piece):
                stream.write(CAPTURE[at : at + piece])

    thread = threading.Thread(target=feed)
    thread.start()
    recording.start()
    thread.join()
    recording.finish(10)
    return recording


def test_everything_is_kept_within_the_bound(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.pcap", most_bytes=1 << 30)
    assert (tmp_path / "a.pcap").read_bytes() == CAPTURE
    assert (recording.stopped_because, recording.packets_began) == ("", True)


def test_a_bound_ends_the_file_and_not_the_capture(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a.pcap", most_bytes=50_000)
    assert (tmp_path / "a.pcap").stat().st_size <= 50_000
    assert "bound" in recording.stopped_because
    assert recording.bytes_seen == len(CAPTURE)


def test_a_ring_keeps_the_newest_whole_packets(tmp_path: Path) -> None:
    recorded(tmp_path / "a.pcap", most_bytes=50_000, ring_s=3600)
    parts = sorted(tmp_path.iterdir(), key=lambda path: int(path.name.removeprefix("a.pcap") or 0))
    header = len(w.pcap([]))
    kept = b"".join(part.read_bytes()[header:] for part in parts)
    assert all(part.read_bytes()[:header] == CAPTURE[:header] for part in parts)
    size, most = len(kept), 50_000 + PIPE_BYTES
    assert CAPTURE[-size:] == kept
    assert 0 < size <= most
    assert (len(CAPTURE) - header - size) % (len(PACKETS[0][1]) + 16) == 0


def test_a_full_disk_is_told_and_the_capture_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").symlink_to("/dev/full")
    recording = recorded(tmp_path / "a.pcap", most_bytes=1 << 30)
    assert recording.stopped_because == "No space left on device"
    assert recording.bytes_seen == len(CAPTURE)
