"""An ICMP error is said in words where it has a name, and by its numbers where it has none."""

import pytest

from lastseen.tables.quotes import meaning


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ((4, 3, 4, 1400), "fragmentation needed, MTU 1400"),
        ((6, 2, 0, 1280), "packet too big, MTU 1280"),
        ((4, 3, 14, None), "type 3 code 14"),
    ],
)
def test_what_an_error_says(error: tuple[int, int, int, int | None], said: str) -> None:
    assert meaning(*error) == said
