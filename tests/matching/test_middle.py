"""The median is NumPy's."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from lastseen.matching.middle import median

LARGE = 1 << 61


@given(arrays(np.int64, 1) | arrays(np.int64, 7, elements={"min_value": -LARGE, "max_value": LARGE}))
def test_of_an_odd_number(values: npt.NDArray[np.int64]) -> None:
    assert median(values) == np.median(values)


@given(arrays(np.int64, 8, elements={"min_value": -LARGE, "max_value": LARGE}))
def test_of_an_even_number(values: npt.NDArray[np.int64]) -> None:
    assert median(values) == np.median(values)


@pytest.mark.parametrize("values", [[0.5], [1.5, 2.5], [3.0, 1.0, 2.0]])
def test_of_fractions(values: list[float]) -> None:
    assert median(np.array(values)) == np.median(values)
