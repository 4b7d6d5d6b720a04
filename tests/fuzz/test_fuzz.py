"""A short run of damaged captures in every test run: nothing crashes, hangs, swells or contradicts itself.

The long run, with bounds checks in the compiled kernels, is `run_long.py`; README.md says what it found.
"""

from dataclasses import replace

import pytest
from fuzzing import Run, fuzz
from promises import BrokenPromiseError, check_capture, check_flows, records
from seeds import seeds
from tries import case, points_of_seed, read_bytes, try_bytes

SECONDS = 15.0
SEED = 20_260
"""Not that of the long run; fixed, because CI must not fail by chance."""
GROWTH_BYTES = 200_000_000
"""Of resident memory: a case has 20 kB, the reader's buffer 4 MB."""


def test_damaged_captures(capsys: pytest.CaptureFixture[str]) -> None:
    """Damaged captures keep every promise, and at least half of them still hold a packet that is decoded."""
    outcome = fuzz(Run(seed=SEED, mutations=1_000_000, seconds=SECONDS))
    with capsys.disabled():
        print(
            f"\nfuzzing: {outcome.mutations} mutations, {outcome.decoded} still decoded,"
            f" {outcome.peak_bytes / 1e6:.1f} MB added at the most, {outcome.seconds} s"
        )
    assert outcome.findings == []
    assert outcome.mutations > 100
    assert 2 * outcome.decoded >= outcome.mutations
    assert outcome.peak_bytes < GROWTH_BYTES


def test_there_are_valid_captures_of_every_kind() -> None:
    """At least 30, each with its own name and bytes, each wholly decoded and keeping every promise."""
    origins = seeds()
    assert len({origin.name for origin in origins}) == len({origin.data for origin in origins}) >= 30
    assert [origin.name for origin in origins if not try_bytes(origin.data, points_of_seed(origin))] == []


def test_a_mutation_is_made_again_from_its_number() -> None:
    """The same seed and index give the same bytes, another index gives others."""
    origins = seeds()
    assert case(1, 7, origins) == case(1, 7, origins)
    assert len({case(1, index, origins)[1] for index in range(50)}) > 45


def test_records_are_counted_like_packets() -> None:
    """In valid captures the count made here and the packets read agree, so that it is a bound worth having."""
    plain = [origin for origin in seeds() if origin.name not in ("gzip", "zstd")]
    assert [origin.name for origin in plain if records(origin.data) != len(origin.packets)] == []


def test_broken_tables_are_noticed() -> None:
    """The promises do find what they are there for."""
    origin = seeds()[0]
    with read_bytes(origin.data) as (capture, source):
        for table in ("offsets", "lengths"):
            beyond = replace(capture, **{table: getattr(capture, table) + 10_000})
            with pytest.raises(BrokenPromiseError):
                check_capture(beyond, source)
        with pytest.raises(BrokenPromiseError):
            check_flows(replace(capture, flows=capture.flows[:0]))
