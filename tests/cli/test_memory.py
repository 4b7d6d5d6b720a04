"""`--memory`: the same answer within a bound, and a plain word about what is no size."""

import pytest
from installed import lastseen, stack_case

from lastseen.cli.memory import size_bytes
from lastseen.errors import LastseenError

CASE, _ = stack_case("01_broken_php60_vm")
CAPTURES = sorted((CASE / "pcap").glob("*.pcap"))


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_the_answer_is_the_same(form: str) -> None:
    assert (
        lastseen("connections", *CAPTURES, form, "--memory", "1GiB").out
        == lastseen("connections", *CAPTURES, form).out
    )


def test_text_and_filter_work_alike() -> None:
    arguments = ("connections", *CAPTURES, "--where", "packets > 20")
    assert lastseen(*arguments, "--memory", "2 GB").out == lastseen(*arguments).out


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2 << 30), ("1.5 G", 1_500_000_000), ("900MB", 900_000_000), ("600m", 600_000_000), ("1ti", 1 << 40),
     ("536870912", 512 << 20)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "2GX", "1 PB", "100M", "0"])
def test_what_is_no_size_is_said(text: str) -> None:
    with pytest.raises(LastseenError, match="--memory"):
        size_bytes(text)


def test_a_bound_that_is_no_size_ends_before_anything_is_read() -> None:
    run = lastseen("connections", "/nowhere.pcap", "--memory", "lots")
    assert (run.status, run.out, run.err) == (
        2, "", "lastseen: --memory lots: expected a size like 2GiB or 500M\n",
    )  # fmt: skip
