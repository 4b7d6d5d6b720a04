"""`--memory`: the same answer within a bound, and a plain word about what is no size."""

import pytest
from installed import lastseen, stack_case

from lastseen.cli.memory import check_within, size_bytes
from lastseen.cli.pipeline import opened
from lastseen.cli.progress import Progress
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


@pytest.mark.parametrize("command", ["losses", "diagnose"])
def test_matching_gives_the_same_answer(command: str) -> None:
    arguments = (command, *CAPTURES, "--json")
    assert lastseen(*arguments, "--memory", "1GiB").out == lastseen(*arguments).out


def test_too_many_packets_for_a_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastseen.scale.mapped.BYTES_MATCHING", 100_000_000)
    with Progress() as progress, opened(CAPTURES, progress) as case:
        check_within(None, case)
        with pytest.raises(
            LastseenError, match=r"^--memory 1GiB: matching [\d,]+ packets takes [\d.]+ GB; allow"
        ):
            check_within("1GiB", case)


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


@pytest.mark.parametrize("command", ["connections", "losses", "diagnose"])
def test_a_bound_that_is_no_size_ends_before_anything_is_read(command: str) -> None:
    run = lastseen(command, "/nowhere.pcap", "--memory", "lots")
    assert (run.status, run.out, run.err) == (
        2, "", "lastseen: --memory lots: expected a size like 2GiB or 500M\n",
    )  # fmt: skip
