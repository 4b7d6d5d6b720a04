"""`losses` names the ICMP error that quotes a lost packet: a recorded path MTU discovery, in every form of the answer."""

import csv
import subprocess
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from installed import lastseen

FOLDER = Path(__file__).parents[1] / "data" / "pmtud_works"
CAPTURES = sorted(FOLDER.glob("*.pcap"))
LOST = [*range(8, 28, 2)]


def test_json_names_the_error_of_each_lost_packet() -> None:
    """The router answers each of the ten segments that do not fit; ICMP itself lost nothing."""
    (loss,) = lastseen("losses", *CAPTURES, "--json").said["losses"]
    assert loss["frames"] == LOST
    errors = loss["icmp_errors"]
    assert [(error["frame"], error["point_frame"]) for error in errors] == [(n, n + 1) for n in LOST]
    assert {(e["by"], e["point"], e["protocol"], e["type"], e["code"], e["mtu"]) for e in errors} == {
        ("198.51.100.1", "compute_w1", "icmp", 3, 4, 1400)
    }


@pytest.mark.oracle("tshark")
def test_the_packet_that_is_quoted_is_the_one_tshark_shows() -> None:
    """The identification in each error is that of the packet it is joined to."""
    capture = next(path for path in CAPTURES if path.stem == "compute_w1")
    done = subprocess.run(
        ["tshark", "-r", capture, "-n", "-T", "fields", "-E", "occurrence=a", "-e", "ip.id"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ids = [line.split(",") for line in done.stdout.splitlines()]
    (loss,) = lastseen("losses", *CAPTURES, "--json").said["losses"]
    for error in loss["icmp_errors"]:
        assert ids[error["point_frame"] - 1][-1] == ids[error["frame"] - 1][0]


def test_csv_and_parquet_have_them_in_columns_of_their_own(tmp_path: Path) -> None:
    run = lastseen("losses", *CAPTURES, "--csv")
    (row,) = csv.DictReader(StringIO(run.out, newline=""), strict=True)
    assert row["icmp_frames"] == " ".join(map(str, LOST))
    said = row["icmp_errors"].split("; ")
    assert len(said) == len(LOST)
    assert said[0] == "icmp 3/4 fragmentation needed, MTU 1400 from 198.51.100.1, frame 9 of compute_w1"
    assert lastseen("losses", *CAPTURES, "--parquet", tmp_path / "x").status == 0
    table = pl.read_parquet(tmp_path / "x")
    assert table["icmp_frames"].to_list() == [LOST]
    assert table["icmp_errors"].to_list() == [row["icmp_errors"]]


def test_text_says_it_once_a_connection() -> None:
    said = " ".join(lastseen("losses", *CAPTURES).out.split())
    assert said.count("says 'fragmentation needed, MTU 1400'") == 1
    assert "198.51.100.1 says 'fragmentation needed, MTU 1400' of frame 8, 10, 12, ... of compute_w1" in said


def test_a_filter_chooses_by_them() -> None:
    for expression, rows in (
        ("icmp_frames == 8", 1),
        ("icmp_frames == 9", 0),
        ('icmp_errors contains "MTU"', 1),
    ):
        found = lastseen("losses", *CAPTURES, "--json", "--where", expression).said["losses"]
        assert len(found) == rows, expression


def test_diagnose_has_them_too() -> None:
    (loss,) = lastseen("diagnose", "--json", *CAPTURES).said["losses"]
    assert [error["frame"] for error in loss["icmp_errors"]] == LOST
