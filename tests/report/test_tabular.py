"""CSV and Parquet hold what JSON holds, cell by cell, in the order declared."""

import csv
import json
from io import BytesIO, StringIO
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.report import tabular
from lastseen.report.contracts import ConnectionJson, ConnectionsJson, LossesJson, LossJson, PointJson
from lastseen.report.jsons import connections_json, encode, losses_json
from lastseen.report.where import parse
from lastseen.tables.points import Matching

PAIRS = ("packets", "bytes", "syn", "fin", "rst", "retransmitted", "holes")


def connection(**changed: Any) -> ConnectionJson:
    values = dict.fromkeys(ConnectionJson.__struct_fields__, 0) | dict.fromkeys(PAIRS, (1, 2))
    texts = {
        "file": "tap.pcap",
        "a": "10.0.0.1:50000",
        "b": "[2001:db8::1]:443",
        "state": "S1",
        "history": "ShAD",
    }
    return ConnectionJson(**(values | texts | {"stall": None, "tunnel": None} | changed))


def connections(*rows: ConnectionJson) -> ConnectionsJson:
    return ConnectionsJson(schema="lastseen.connections/1", connections=list(rows))


def losses(*texts: str) -> LossesJson:
    point = PointJson(
        name="wire", file="wire.pcap", order=1, packets=9, clock_offset_ns=0, node="", interface=""
    )
    rows = [
        LossJson(
            from_="wire",
            to="tap",
            connection=text,
            direction="to_client",
            packets=2,
            unproven=1,
            bytes=30,
            frames=[4, 7],
        )
        for text in texts
    ]
    return LossesJson(schema="lastseen.losses/1", points=[point], losses=rows, hops=[], order_reason="")


def _from_csv(columns: tuple[tabular.Column, ...], written: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV as JSON would have them."""
    back = {
        "text": lambda cell: cell or None,
        "int": lambda cell: int(cell) if cell else None,
        "ints": lambda cell: list(map(int, cell.split())),
    }
    read = csv.DictReader(StringIO(written.decode(), newline=""), strict=True)
    rows = [{column.name: back[column.type](row[column.name]) for column in columns} for row in read]
    assert read.fieldnames == [column.name for column in columns]
    return rows


def _from_parquet(columns: tuple[tabular.Column, ...], written: bytes) -> list[dict[str, Any]]:
    table = pl.read_parquet(BytesIO(written))
    types = {"text": pl.String(), "int": pl.Int64(), "ints": pl.List(pl.Int64())}
    assert dict(table.schema) == {column.name: types[column.type] for column in columns}
    assert table.columns == [column.name for column in columns]
    return table.to_dicts()


FORMS = [(tabular.csv_bytes, _from_csv), (tabular.parquet_bytes, _from_parquet)]


def _folded(row: dict[str, Any]) -> dict[str, Any]:
    """A flat row as lastseen.connections/1 has it: pairs as lists, what was split off left out."""
    pairs = {name: [row[f"{name}_a"], row[f"{name}_b"]] for name in PAIRS}
    return {name: pairs.get(name, row.get(name)) for name in ConnectionJson.__struct_fields__}


@pytest.mark.parametrize(("written", "read"), FORMS)
def test_connections_read_back_are_the_json(matching: Matching, written: Any, read: Any) -> None:
    found = connections_json(matching.points)
    rows = read(
        tabular.CONNECTION_COLUMNS, written(tabular.CONNECTION_COLUMNS, tabular.connection_rows(found))
    )
    assert [_folded(row) for row in rows] == json.loads(encode(found))["connections"]
    assert {(row["address_a"], row["port_a"], row["address_b"], row["port_b"]) for row in rows} == {
        ("10.20.0.15", 50184, "203.0.113.80", 443)
    }


@pytest.mark.parametrize(("written", "read"), FORMS)
def test_losses_read_back_are_the_json(matching: Matching, written: Any, read: Any) -> None:
    found = losses_json(matching)
    (row,) = read(tabular.LOSS_COLUMNS, written(tabular.LOSS_COLUMNS, tabular.loss_rows(found)))
    (loss,) = json.loads(encode(found))["losses"]
    assert (row.pop("icmp_errors"), loss.pop("icmp_errors")) == (None, [])
    assert {name: row[name] for name in loss} == loss
    assert (row["file"], row["protocol"], row["frames"]) == ("captures/genev.pcap", "tcp", list(range(1, 21)))


@pytest.mark.parametrize(("written", "read"), FORMS)
def test_nothing_found_is_still_a_table(written: Any, read: Any) -> None:
    for columns in (tabular.CONNECTION_COLUMNS, tabular.LOSS_COLUMNS):
        assert read(columns, written(columns, [])) == []


@pytest.mark.parametrize(("written", "read"), FORMS)
@given(
    name=st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from(",\"'\n\t;"), min_size=1)
)
def test_any_file_name_comes_back(written: Any, read: Any, name: str) -> None:
    rows = tabular.connection_rows(connections(connection(file=name), connection(file="b")))
    back = read(tabular.CONNECTION_COLUMNS, written(tabular.CONNECTION_COLUMNS, rows))
    assert [row["file"] for row in back] == [name, "b"]


def test_no_csv_gives_a_terminal_orders() -> None:
    rows = tabular.connection_rows(connections(connection(file="a\x1b[31m\r\x07\x9b\x7fb\udcff")))
    written = tabular.csv_bytes(tabular.CONNECTION_COLUMNS, rows)
    assert written.splitlines()[1].startswith(b"a?[31m????b?,10.0.0.1:50000,")


def test_bytes_that_are_no_utf8_do_not_stop_parquet() -> None:
    rows = tabular.connection_rows(connections(connection(file="a\udcffb")))
    assert pl.read_parquet(BytesIO(tabular.parquet_bytes(tabular.CONNECTION_COLUMNS, rows)))[
        "file"
    ].to_list() == ["a?b"]


def test_times_keep_every_nanosecond() -> None:
    far = (1 << 63) - 1
    for written, read in FORMS:
        rows = tabular.connection_rows(connections(connection(start_ns=far, duration_ns=far - 1)))
        (row,) = read(tabular.CONNECTION_COLUMNS, written(tabular.CONNECTION_COLUMNS, rows))
        assert (row["start_ns"], row["duration_ns"]) == (far, far - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1:5 > 10.0.0.2:80", ("tcp", "10.0.0.1", 5, "10.0.0.2", 80)),
        ("[::1]:5 > [2001:db8::2]:0", ("tcp", "::1", 5, "2001:db8::2", 0)),
        ("udp 10.0.0.1:53 > [::2]:80", ("udp", "10.0.0.1", 53, "::2", 80)),
        ("icmp 10.0.0.1 > 10.0.0.2", ("icmp", "10.0.0.1", None, "10.0.0.2", None)),
        ("proto 103 fe80::1 > ff02::d", ("proto 103", "fe80::1", None, "ff02::d", None)),
        ("", ("tcp", None, None, None, None)),
    ],
)
def test_a_connection_is_taken_apart(text: str, expected: tuple[Any, ...]) -> None:
    (row,) = tabular.loss_rows(losses(text))
    names = ("protocol", "address_a", "port_a", "address_b", "port_b")
    assert tuple(row[name] for name in names) == expected
    assert row["connection"] == text


def test_rows_have_the_declared_columns_and_no_others() -> None:
    (one,) = tabular.connection_rows(connections(connection()))
    (two,) = tabular.loss_rows(losses("10.0.0.1:5 > 10.0.0.2:80"))
    assert list(one) == [column.name for column in tabular.CONNECTION_COLUMNS]
    assert list(two) == [column.name for column in tabular.LOSS_COLUMNS]


def test_every_column_is_a_name_of_the_filter_and_every_name_reads_columns() -> None:
    for columns, fields in (
        (tabular.CONNECTION_COLUMNS, tabular.CONNECTION_FIELDS),
        (tabular.LOSS_COLUMNS, tabular.LOSS_FIELDS),
    ):
        names = {column.name for column in columns}
        assert names <= set(fields)
        assert {column for field in fields.values() for column in field.columns} <= names


# ---- choosing rows ----
def test_only_connections_that_fit_are_left() -> None:
    stalled, quiet = connection(stall="waiting_for_fin", fin=(1, 0)), connection(b="10.9.9.9:80")
    for expression, expected in [
        ("stall", [stalled]),
        ("tcp.dstport == 80", [quiet]),
        ("fin == 0", [stalled]),
        ("ipv6.dst == 2001:db8::/32", [stalled]),
        ("packets < 0", []),
    ]:
        wanted = parse(expression, tabular.CONNECTION_FIELDS)
        assert tabular.connections_where(connections(stalled, quiet), wanted).connections == expected


def test_only_losses_that_fit_are_left_and_all_points_and_hops() -> None:
    found = losses("10.0.0.1:5 > 10.0.0.2:80", "udp 10.0.0.1:5 > 10.0.0.2:80")
    kept = tabular.losses_where(found, parse("tcp.port == 80 and lost == 2", tabular.LOSS_FIELDS))
    assert [loss.connection for loss in kept.losses] == ["10.0.0.1:5 > 10.0.0.2:80"]
    assert (kept.points, kept.hops) == (found.points, found.hops)
