"""`--csv`, `--parquet` and `--where` of the installed command: the same rows as JSON, chosen as Wireshark would."""

import csv
import itertools
import json
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import packet_writer as w
import polars as pl
import pytest
from installed import LAB, lastseen, stack_case

CASE, _ = stack_case("01_broken_php60_vm")
CAPTURES = sorted((CASE / "pcap").glob("*.pcap"))
TUNNEL, TAP = CAPTURES[5:7]
COMMANDS = ("connections", "losses")


def _csv(*arguments: str | Path) -> list[dict[str, str]]:
    run = lastseen(*arguments, "--csv")
    assert (run.status, run.err) == (0, ""), run
    return list(csv.DictReader(StringIO(run.out, newline=""), strict=True))


def _fails(*arguments: str | Path) -> str:
    run = lastseen(*arguments)
    assert (run.status, run.out) == (2, ""), run
    assert run.err.count("\n") == 1
    assert run.err.startswith("lastseen: ")
    return run.err


# ---- the same rows in every form ----
@pytest.mark.parametrize("command", COMMANDS)
def test_csv_and_parquet_have_the_rows_of_json(command: str, tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"
    said = lastseen(command, *CAPTURES, "--json").said[command]
    rows = _csv(command, *CAPTURES)
    run = lastseen(command, *CAPTURES, "--parquet", target)
    assert (run.status, run.out, run.err) == (0, "", "")
    table = pl.read_parquet(target)
    assert table.columns == list(rows[0])
    assert len(said) == len(rows) == len(table) > 0
    for name in {"start_ns", "stall_ns", "state", "file", "packets", "unproven", "connection", "to"} & set(
        table.columns
    ):
        expected = [row[name] for row in said if name in row] or table[name].to_list()
        assert table[name].to_list() == expected
        assert [row[name] for row in rows] == list(map(str, expected))


def test_pairs_become_two_columns_and_frames_a_list(tmp_path: Path) -> None:
    (connection,) = lastseen("connections", TAP, "--json").said["connections"]
    (row,) = _csv("connections", TAP)
    for name in ("packets", "bytes", "syn", "fin", "rst", "retransmitted", "holes"):
        assert [int(row[f"{name}_a"]), int(row[f"{name}_b"])] == connection[name]
    (loss,) = lastseen("losses", TUNNEL, TAP, "--json").said["losses"]
    assert lastseen("losses", TUNNEL, TAP, "--parquet", tmp_path / "x").status == 0
    assert pl.read_parquet(tmp_path / "x")["frames"].to_list() == [loss["frames"]]
    assert [int(number) for number in _csv("losses", TUNNEL, TAP)[0]["frames"].split()] == loss["frames"]


def test_a_file_name_with_anything_in_it_is_one_cell(tmp_path: Path) -> None:
    odd = tmp_path / 'one, "two"\nthree.pcap'
    odd.write_bytes(TAP.read_bytes())
    assert [row["file"] for row in _csv("connections", odd)] == [str(odd)]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_that_fits_is_a_header_and_status_zero(command: str) -> None:
    run = lastseen(command, TUNNEL, TAP, "--csv", "--where", "packets > 100000")
    assert (run.status, run.err, run.out.count("\n")) == (0, "", 1)


# ---- choosing ----
@pytest.mark.parametrize(
    ("expression", "files"),
    [
        ("tcp.port == 443 and ip.addr == 10.20.0.15", [TUNNEL, TAP]),
        ('state == "SF"', [TUNNEL]),
        ("stall == waiting_for_fin", [TAP]),
        ("ip.src == 10.0.0.0/8 && !(ip.dst == 10.0.0.0/8)", [TUNNEL, TAP]),
        ("frame.file contains tap", [TAP]),
        ("fin_b == 0 or rst > 100", [TAP]),
        ("duration < 1", []),
    ],
)
def test_connections_are_chosen_alike_in_all_forms(expression: str, files: list[Path]) -> None:
    names = [str(file) for file in files]
    asked = ("connections", TUNNEL, TAP, "--where", expression)
    assert [row["file"] for row in _csv(*asked)] == names
    assert [row["file"] for row in lastseen(*asked, "--json").said["connections"]] == names
    text = lastseen(*asked)
    assert (text.status, text.err) == (0, "")
    assert text.out.count("10.20.0.15:50184 >") == len(files)
    assert ("No TCP connection fits --where." in text.out) == (not files)


def test_losses_are_chosen_and_hops_stay(tmp_path: Path) -> None:
    every = lastseen("losses", *CAPTURES, "--json").said
    for expression, kept in [
        ("lost > 0 and tcp.dstport == 443", 1),
        ("ip.src == 203.0.113.80", 0),
        ("direction == to_client", 1),
    ]:
        asked = ("losses", *CAPTURES, "--where", expression)
        said = lastseen(*asked, "--json").said
        assert said == every | {"losses": every["losses"][:kept]}
        assert len(_csv(*asked)) == kept
        assert ("None of the lost packets fits --where" in lastseen(*asked).out) == (not kept)
        assert lastseen(*asked, "--parquet", tmp_path / "l").status == 0
        assert len(pl.read_parquet(tmp_path / "l")) == kept


EXPRESSIONS = [
    "tcp.port == 443",
    "tcp.port != 443",
    "!tcp.port == 443",
    "not tcp.port == 443 and ip.addr == 10.1.0.0/16 or tcp.port == 8080",
    "tcp.port > 50000 && tcp.port < 1024",
    "(tcp.port == 80 or tcp.port == 443) and not ip.addr == 10.1.0.3",
    "!ipv6.addr && ip.addr != 10.1.0.3",
    "ip.addr == 10.1.0.1/31",
    "tcp.port >= 0x1bb and tcp.port le 443",
    "ipv6.addr == 2001:db8::/32",
    "ipv6.addr",
    "!ipv6.addr && tcp.port ne 80",
]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Connections between three clients and three ports, IPv4 and IPv6, a packet each way."""
    ends = [("10.1.0.2", "10.2.0.1"), ("10.1.0.3", "10.2.0.1"), ("2001:db8::2", "2001:db9::1")]
    packets = []
    for (client, server), port, own in itertools.product(ends, (80, 443, 8080), (1500, 51000)):
        packets.append(w.ethernet(w.ip(client, server, w.tcp(own + port, port, seq=1, flags="S"))))
        packets.append(w.ethernet(w.ip(server, client, w.tcp(port, own + port, seq=7, ack=2, flags="SA"))))
    path = tmp_path_factory.mktemp("many") / "many.pcap"
    path.write_bytes(w.pcap([(10**18 + i * 10**6, packet) for i, packet in enumerate(packets)]))
    return path


@pytest.mark.oracle
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_means_what_it_means_to_tshark(many: Path, expression: str) -> None:
    """Names that do not depend on a packet's direction pick the same connections here and there."""
    shown = subprocess.run(
        ["tshark", "-r", many, "-Y", expression, "-T", "fields", "-e", "tcp.stream"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    every = [(row["a"], row["b"]) for row in _csv("connections", many)]
    kept = {(row["a"], row["b"]) for row in _csv("connections", many, "--where", expression)}
    assert kept == {every[int(stream)] for stream in shown.split()}


# ---- mistakes ----
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("tcp.prot == 443", "--where, column 1: there is no name 'tcp.prot'; names: ip.addr, "),
        ("tcp.port == 443 and", "column 20: expected a name, not the end"),
        ("tcp.port = 443", "column 10"),
        ("ip.addr == 10.0.0.0/99", "column 12"),
        ("", "column 1"),
        ("(" * 10_000, "column 102"),
        ("frame.file == '\n\x1b[31m", "column 15"),
    ],
)
def test_a_wrong_expression_is_one_line(command: str, expression: str, says: str) -> None:
    """Said before a file is opened."""
    assert says in _fails(command, "/nowhere.pcap", "--where", expression)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "options",
    [
        ("--json", "--csv"),
        ("--json", "--parquet", "x"),
        ("--csv", "--parquet", "x"),
        ("--json", "--csv", "--parquet", "x"),
    ],
)
def test_one_form_at_a_time(command: str, options: tuple[str, ...]) -> None:
    assert "--json, --csv and --parquet exclude each other" in _fails(command, TUNNEL, TAP, *options)


@pytest.mark.parametrize("command", COMMANDS)
def test_evidence_is_never_overwritten(command: str, tmp_path: Path) -> None:
    """Not under its own name, another name or as part of a folder; an earlier table is."""
    for name, source in (("tunnel.pcap", TUNNEL), ("tap.pcap", TAP)):
        (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "link").symlink_to(tmp_path / "tap.pcap")
    (tmp_path / "hard").hardlink_to(tmp_path / "tap.pcap")
    for given, target in [
        ([tmp_path / "tunnel.pcap", tmp_path / "tap.pcap"], tmp_path / "tap.pcap"),
        ([tmp_path / "tunnel.pcap", tmp_path / "tap.pcap"], tmp_path / "link"),
        ([tmp_path / "tunnel.pcap", tmp_path / "tap.pcap"], tmp_path / "hard"),
        ([tmp_path], tmp_path / "tap.pcap"),
    ]:
        assert "is evidence to be read" in _fails(command, *given, "--parquet", target)
    assert (tmp_path / "tap.pcap").read_bytes() == TAP.read_bytes()
    for _ in range(2):
        assert lastseen(command, tmp_path, "--parquet", tmp_path / "rows.parquet").status == 0
    (tmp_path / "old.txt").write_text("old")
    assert lastseen(command, TUNNEL, TAP, "--parquet", tmp_path / "old.txt").status == 0
    assert len(pl.read_parquet(tmp_path / "old.txt")) > 0


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    for target, says in [
        (Path("/dev/full"), "No space left on device"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "such" / "x.parquet", "there is no folder"),
        (tmp_path / ("x" * 300), "File name too long"),
        (Path("/proc/version"), "cannot be written"),
    ]:
        assert says in _fails("connections", TAP, "--parquet", target)


def test_half_a_table_is_not_left_behind(tmp_path: Path) -> None:
    """The disk is full, or as here: a file may not grow."""
    run = lastseen("connections", TAP, "--parquet", tmp_path / "x", before=("prlimit", "--fsize=1000"))
    assert (run.status, run.out, list(tmp_path.iterdir())) == (2, "", [])
    assert "File too large" in run.err


@pytest.mark.parametrize("command", COMMANDS)
def test_empty_captures_stay_status_one(command: str, tmp_path: Path) -> None:
    for name in ("a.pcap", "b.pcap"):
        (tmp_path / name).write_bytes(w.pcap([]))
    run = lastseen(command, tmp_path / "a.pcap", tmp_path / "b.pcap", "--csv", "--where", "bytes > 0")
    assert (run.status, run.out.count("\n")) == (1, 1)


def test_json_is_unchanged_by_a_filter_all_fit() -> None:
    captures: list[Any] = sorted((LAB / "fw_drop_fin").rglob("*.pcap"))
    for command in COMMANDS:
        every = lastseen(command, *captures, "--json")
        assert json.loads(lastseen(command, *captures, "--json", "--where", "bytes >= 0").out) == every.said
