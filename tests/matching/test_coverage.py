"""Bytes that came as often as they were sent were not lost, however the packets were taken for each other before."""

import numpy as np
import numpy.typing as npt
import packet_writer as w
import pytest
from captured import read

from lastseen.matching import coverage
from lastseen.matching.pairs import MERGED_INTO, NONE, SPLIT_INTO
from lastseen.tables.packets import SEQ

pytestmark = pytest.mark.kernel

START = 1_700_000_000 * 1_000_000_000
FIRST = 5_000
count_again = getattr(coverage._count_again, "function", coverage._count_again)
"""As Python: compiled, only other kernels can call it, as it takes tuples."""


def packets(*spans: tuple[int, int]) -> npt.NDArray[np.uint32]:
    """The table of packets of one sender, whose payloads are these bytes of its stream."""
    made = [
        (
            START + number * 1_000,
            w.ethernet(
                w.ipv4(
                    "10.0.0.5",
                    "192.0.2.80",
                    w.tcp(40_000, 80, seq=FIRST + begin, flags="A", data=b"x" * (end - begin)),
                    identification=7 + number,
                )
            ),
        )
        for number, (begin, end) in enumerate(spans)
    ]
    return read(w.pcap(made)).capture.packets


@pytest.mark.parametrize(
    ("sent", "arrived", "partner", "how"),
    [
        pytest.param([(0, 2_000)], [(0, 1_000), (1_000, 2_000)], 0, SPLIT_INTO, id="in two pieces"),
        pytest.param([(1_000, 2_000)], [(0, 3_000)], 0, MERGED_INTO, id="in a larger one"),
        pytest.param([(0, 2_000)], [(0, 1_000)], -1, NONE, id="half of it"),
        pytest.param([(0, 1_000), (0, 1_000)], [(0, 1_000)], -1, NONE, id="sent twice, arrived once"),
    ],
)
def test_what_was_left_unpaired_is_counted_again(
    sent: list[tuple[int, int]], arrived: list[tuple[int, int]], partner: int, how: int
) -> None:
    one, other = packets(*sent), packets(*arrived)
    rows, other_rows = np.arange(len(one)), np.arange(len(other))
    found, partners = np.full(len(one), NONE, np.uint8), np.full(len(one), -1, np.int32)
    other_found = np.full(len(other), NONE, np.uint8)
    left = coverage._ranges(one, rows, found, one[0, SEQ])
    count_again((one, rows, found), (other, other_rows, other_found), left, partners, 0)
    assert (partners[0], found[0]) == (partner, how)


def test_bytes_that_are_used_up_in_any_order_and_without_room_for_it() -> None:
    """Parts of a range are used once; where no room is left to note it, they count as free."""
    none_used, free_until, use_up = (
        getattr(kernel, "function", kernel)
        for kernel in (coverage._none_used, coverage._free_until, coverage._use_up)
    )
    one, used = np.array([0, 300, 0, -1, 0, 0, 0]), none_used(2)
    use_up(one, used, 200, 300)
    assert [free_until(one, used, byte) for byte in (0, 200, 299)] == [200, 200, 299]
    use_up(one, used, 0, 50)
    use_up(one, used, 50, 80)
    assert [free_until(one, used, byte) for byte in (0, 79, 80)] == [0, 79, 200]
    use_up(one, used, 100, 120)
    assert free_until(one, used, 80) == 200
