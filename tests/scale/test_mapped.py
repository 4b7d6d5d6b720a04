"""Tables in files are like others, and nothing is left of them."""

from pathlib import Path

import numpy as np
import packet_writer as w
import pytest
from test_connections import talk

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.report.jsons import encode, losses_json
from lastseen.scale.mapped import mapped


def test_a_table_can_be_written_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    table = mapped((1000, 8), np.uint32)
    table[:] = np.arange(8)
    assert (table.shape, table.dtype, int(table.sum())) == ((1000, 8), np.uint32, 28_000)
    assert list(tmp_path.iterdir()) == []
    assert mapped((0, 8), np.uint32).shape == (0, 8)


def test_a_full_disk_is_said() -> None:
    with pytest.raises(MemoryError, match="set TMPDIR"):
        mapped((1 << 58,), np.uint64)


@pytest.mark.parametrize("names", [("one.pcap",), ("one.pcap0", "one.pcap1", "one.pcap2")])
def test_matching_is_the_same_on_mapped_tables(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Of a single capture and of a rotated one, which are both larger than the reader's first tables.

    The second point lacks packets of both directions: its capture had a gap, so the one it should have got is unproven.
    """
    packets = talk(8000)
    share = -(-len(packets) // len(names))
    for number, name in enumerate(names):
        part = packets[number * share : (number + 1) * share]
        (tmp_path / name).write_bytes(w.pcap(part, nanoseconds=True))
    (tmp_path / "two.pcap").write_bytes(w.pcap(packets[:3000] + packets[3003:], nanoseconds=True))
    results = []
    for room in (np.empty, mapped):
        with Progress() as progress, opened([tmp_path], progress, room=room) as case:
            results.append(encode(losses_json(matched(case, progress))))
    assert results[0] == results[1]
    assert b'"delivered":2666,"lost":0,"unproven":1' in results[0]
