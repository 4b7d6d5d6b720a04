"""The rank-sum test against the definition, by counting pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.contrasts.rank_sum import rank_sum

SAMPLE = st.lists(st.integers(-5, 5), max_size=12)


def _array(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)


@given(SAMPLE, SAMPLE)
def test_it_is_the_number_of_pairs_won(first: list[int], second: list[int]) -> None:
    """Mann and Whitney's U: pairs in which the first is larger, ties half; its mean is half of all pairs."""
    won = sum((a > b) + (a == b) / 2 for a in first for b in second) - len(first) * len(second) / 2
    found = rank_sum(_array(first), _array(second))
    assert np.sign(found) == np.sign(won)
    assert found == pytest.approx(-rank_sum(_array(second), _array(first)))


def test_all_of_ten_above_all_of_ten() -> None:
    """U = 100 of 100 pairs; mean 50, variance 10 * 10 * 21 / 12 = 175."""
    assert rank_sum(np.arange(10, 20), np.arange(10)) == pytest.approx(50 / np.sqrt(175))


@pytest.mark.parametrize(("first", "second"), [([], []), ([1], []), ([], [2, 3]), ([4, 4], [4])])
def test_nothing_to_compare_is_no_difference(first: list[int], second: list[int]) -> None:
    assert rank_sum(_array(first), _array(second)) == 0


def test_the_variance_is_that_of_chance() -> None:
    """Of many draws from one distribution, with ties, the figure has deviation 1."""
    draws = np.random.default_rng(1).integers(0, 6, (2000, 40))
    found = [rank_sum(row[:12], row[12:]) for row in draws]
    assert np.std(found) == pytest.approx(1, abs=0.06)
    assert np.mean(found) == pytest.approx(0, abs=0.06)
