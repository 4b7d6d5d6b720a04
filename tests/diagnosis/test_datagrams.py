"""Evidence without any TCP connection: healthy where every datagram passed, blind where one is missing."""

from pathlib import Path

import packet_writer as w
import pytest
from written_cases import MS, START_NS, diagnosed, write_case


def capture(shown: list[int], delay_ms: int) -> bytes:
    """Datagrams with these numbers, one each 10 ms, all from the far end."""
    packets = []
    for number in shown:
        packet = w.ipv4("192.0.2.53", "10.0.0.5", w.udp(53, 5353, b"r" * 20), identification=number + 1)
        packets.append((START_NS + (10 * number + delay_ms) * MS, w.ethernet(packet)))
    return w.pcap(packets)


@pytest.mark.parametrize(
    ("missing", "grade", "said"),
    [
        ((), "healthy", "passed the hop between the 2 points"),
        ((4,), "blind", "1 datagram is missing on the way"),
    ],
)
def test_datagrams_alone(missing: tuple[int, ...], grade: str, said: str, tmp_path: Path) -> None:
    down = [number for number in range(10) if number not in missing]
    found = diagnosed(
        write_case(tmp_path, {"a.pcap": capture(list(range(10)), 0), "b.pcap": capture(down, 1)})
    )
    assert (found.verdict.grade, found.verdict.fault) == (grade, None)
    assert said in found.verdict.summary
