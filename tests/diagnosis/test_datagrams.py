"""Evidence without any TCP connection: healthy where every datagram passed, blind where one is missing."""

from pathlib import Path

import packet_writer as w
import pytest
from written_cases import MS, START_NS, Talk, View, diagnosed, seen, write_case


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


def test_queries_that_nobody_answered_are_not_healthy_beside_a_connection(tmp_path: Path) -> None:
    """Whether the capture behind would have them is not known: it shows one connection only."""
    page, queries = Talk(), Talk()
    page.opening()
    page.exchange(40)
    for number in range(2):
        query = w.udp(5353, 53, b"q" * 30)
        queries.raw(
            10 + number, w.ipv4("10.0.0.5", "192.0.2.53", query, identification=500 + number), client=True
        )
    files = {"1_far.pcap": seen([page], View()), "2_tap.pcap": seen([page, queries], View(delay_ms=0.2))}
    found = diagnosed(write_case(tmp_path, files)).verdict
    assert (found.grade, found.fault) == ("blind", None)
    assert "2 datagrams were not answered and not seen at far, behind tap" in found.summary


def test_a_handshake_that_is_not_seen_behind_is_said(tmp_path: Path) -> None:
    """All points do not show the same packets."""
    page, other = Talk(), Talk(client=("10.0.0.5", 41000), server=("192.0.2.80", 8080))
    page.opening()
    for at_ms in range(10, 3300, 400):
        page.exchange(at_ms)
    other.send(100, "S", client=True)
    other.send(1100, "S", client=True, again=0)
    other.send(3100, "S", client=True, again=0)
    files = {"1_far.pcap": seen([page], View()), "2_tap.pcap": seen([page, other], View(delay_ms=0.2))}
    found = diagnosed(write_case(tmp_path, files)).verdict
    assert "3 packets were sent and not seen at far, behind tap" in found.summary
