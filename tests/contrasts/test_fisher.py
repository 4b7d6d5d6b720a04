"""Fisher's exact test against the definition, in fractions."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.contrasts.fisher import fisher_exact

COUNT = st.integers(0, 12)
LARGE = st.integers(0, 3_000_000)


def by_enumeration(a: int, b: int, c: int, d: int) -> Fraction:
    """Every table with the same margins, its probability as an exact fraction."""
    first, all_of_them = a + b, comb(a + b + c + d, a + c)
    weights = {k: comb(first, k) * comb(c + d, a + c - k) for k in range(min(first, a + c) + 1)}
    return Fraction(sum(w for w in weights.values() if w <= weights[a]), all_of_them)


@given(COUNT, COUNT, COUNT, COUNT)
def test_small_tables_agree_with_enumeration(a: int, b: int, c: int, d: int) -> None:
    """Empty margins and ties included."""
    assert fisher_exact(a, b, c, d) == pytest.approx(float(by_enumeration(a, b, c, d)), rel=1e-9)


def test_one_that_is_known_from_the_book() -> None:
    """The lady tasting tea: three of four cups right."""
    assert fisher_exact(3, 1, 1, 3) == pytest.approx(34 / 70)


@pytest.mark.parametrize("table", [(60, 40, 30, 90), (30, 90, 60, 40), (5, 300, 40, 250), (200, 1, 199, 2)])
def test_middling_tables_agree_with_enumeration(table: tuple[int, int, int, int]) -> None:
    """More terms than a short sum has, on either side of the peak."""
    assert fisher_exact(*table) == pytest.approx(float(by_enumeration(*table)), rel=1e-9)


@given(LARGE, LARGE, LARGE, LARGE)
def test_millions_stay_a_probability_and_symmetric(a: int, b: int, c: int, d: int) -> None:
    """In [0, 1]; neither the order of rows or columns nor which is which matters."""
    p_value = fisher_exact(a, b, c, d)
    assert 0 <= p_value <= 1
    same = pytest.approx(p_value, rel=1e-5, abs=1e-300)
    assert [fisher_exact(c, d, a, b), fisher_exact(b, a, d, c), fisher_exact(a, c, b, d)] == [same] * 3


def test_a_large_table_agrees_with_the_normal_approximation() -> None:
    """2 million packets, 0.1 % lost; one more standard deviation is one more standard deviation."""
    assert fisher_exact(1050, 999_000, 950, 999_000) == pytest.approx(0.0266, abs=0.0005)


def test_what_no_float_can_hold_is_zero() -> None:
    """20,000 against 20,000, perfectly separated."""
    assert fisher_exact(20_000, 0, 0, 20_000) == 0
