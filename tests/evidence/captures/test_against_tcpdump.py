"""tcpdump counts as many packets in every capture as are read."""

import re
import subprocess
from pathlib import Path

import oracles
import pytest

from lastseen.evidence.captures import open_bytes, read_capture


@pytest.mark.oracle("tcpdump")
@pytest.mark.parametrize("name", oracles.NAMES)
def test_packet_count_equals_tcpdump(name: str, tmp_path: Path) -> None:
    path = oracles.capture_path(name, tmp_path)
    with open_bytes(path) as source:
        capture, _ = read_capture(source, name)
        # tcpdump unpacks nothing itself: it gets the plain bytes
        done = subprocess.run(
            ["tcpdump", "-n", "-r", "-", "--count"],
            input=source.piece(0, source.size), capture_output=True, check=False,
        )  # fmt: skip
    counted = re.search(rb"(\d+) packets?", done.stdout)
    assert counted, done.stderr
    assert int(counted[1]) == len(capture.packets)
