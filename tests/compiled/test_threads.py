"""Threads change when something is done, never what is found."""

import threading

import pytest

from lastseen.compiled import side_by_side, threads


@pytest.mark.parametrize("rows", [0, threads.WORTH_ROWS])
def test_results_come_in_order(rows: int) -> None:
    assert side_by_side(lambda a, b: a - b, range(9), range(9, 0, -1), rows=rows) == list(range(-9, 9, 2))


@pytest.mark.parametrize(("rows", "here"), [(threads.WORTH_ROWS - 1, True), (threads.WORTH_ROWS, False)])
def test_few_rows_are_worth_no_thread(rows: int, here: bool) -> None:
    used = set(side_by_side(lambda _: threading.get_ident(), range(4), rows=rows, threads=2))
    assert (used == {threading.get_ident()}) is here
    assert len(used) <= 2


@pytest.mark.parametrize("rows", [0, threads.WORTH_ROWS])
def test_what_fails_is_told(rows: int) -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda n: 1 // n, [1, 0, 2], rows=rows)
