"""Bounds of what came before: found where they part all lost packets from all delivered ones, and only there."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.contrasts import parting_experiment, surroundings
from lastseen.contrasts.surroundings import BEFORE, CHANCE, UNKNOWN
from lastseen.tables.contrasts import Contrast

Rows = npt.NDArray[np.int64]
NUMBERS = st.lists(st.integers(min_value=0, max_value=99), min_size=4, max_size=12)


def rows(silence: list[int], age: list[int] | None = None, byte: list[int] | None = None) -> Rows:
    """What is not given differs from none to the others."""
    same = [50] * len(silence)
    return np.array([silence, age or same, byte or same], np.int64).T.reshape(-1, len(BEFORE))


def only(lost: Rows, delivered: Rows) -> Contrast:
    (contrast,) = surroundings(lost, delivered, hop=3)
    return contrast


def test_lost_after_a_silence() -> None:
    found = only(rows([30_000, 30_210, 31_500]), rows([10, 20, 0, 12, 300, 2_000, 1, 7]))
    assert (found.feature, found.text) == (
        "silence >= 30.000",
        "sent 30.000 s or more after the last packet of the other end",
    )
    assert (found.lost, found.delivered, found.lost_total, found.delivered_total) == (3, 0, 3, 8)
    assert (found.hop, found.risk_ratio, found.same_as, found.separates) == (3, None, (), True)
    assert parting_experiment(found) is None


def test_lost_beyond_an_amount_and_so_beyond_an_age() -> None:
    """Both bounds pick the same packets, so they share a row."""
    lost = rows([5] * 4, [900, 910, 930, 990], [65_536, 66_000, 67_000, 68_000])
    delivered = rows([5] * 6, [1, 2, 100, 200, 300, 899], [0, 0, 0, 100, 1_000, 65_000])
    found = only(lost, delivered)
    assert (found.feature, found.same_as) == ("tcp.seq >= 65536", ("tcp.time_relative >= 0.900",))
    assert found.text == "byte 65536 of the stream or later"
    step = parting_experiment(found)
    assert step is not None
    assert (
        "with less data before it, then sooner after the connection began, one change at a time" in step.text
    )


def test_lost_at_the_beginning() -> None:
    found = only(rows([5] * 4, [0, 1, 2, 3]), rows([5] * 6, [4, 5, 6, 7, 8, 9]))
    assert (found.feature, found.text) == (
        "tcp.time_relative <= 0.003",
        "sent 0.003 s or less after the connection's first packet",
    )


@pytest.mark.parametrize(
    ("lost", "delivered"),
    [
        pytest.param(rows([9, 10, 11]), rows([1, 2, 3, 4, 5, 9, 6]), id="they touch"),
        pytest.param(rows([9]), rows([1] * 100), id="one packet of a hundred is a chance of six bounds"),
        pytest.param(rows([UNKNOWN, 9, 9, 9]), rows([1] * 9), id="of a lost one it is not known"),
        pytest.param(rows([9, 9, 9, 9]), rows([UNKNOWN] * 9), id="of no delivered one it is known"),
        pytest.param(
            rows([1, 1, 1, 1]), rows([UNKNOWN, *[9] * 9]), id="of some delivered ones it is not known"
        ),
        pytest.param(rows([]), rows([1]), id="nothing lost"),
        pytest.param(rows([1]), rows([]), id="nothing delivered"),
    ],
)
def test_no_bound(lost: Rows, delivered: Rows) -> None:
    assert surroundings(lost, delivered, hop=0) == ()


def test_a_silence_not_known_of_the_first_packets_delivered_is_none() -> None:
    """The first packet of a connection has no answer before it, and a bound from below does not ask for one."""
    assert only(rows([9, 9, 9, 9]), rows([UNKNOWN, *[1] * 9])).feature == "silence >= 0.009"


@given(NUMBERS, NUMBERS)
def test_the_order_of_the_packets_does_not_matter(lost: list[int], delivered: list[int]) -> None:
    """And a bound is told exactly where the groups do not overlap and are large enough."""
    found = surroundings(rows(lost), rows(delivered), hop=0)
    shuffled = sorted(lost), sorted(delivered, reverse=True)
    assert surroundings(rows(shuffled[0]), rows(shuffled[1]), hop=0) == found
    parted = min(lost) > max(delivered) or max(lost) < min(delivered)
    assert all(c.p_value <= CHANCE for c in found)
    assert bool(found) <= parted
