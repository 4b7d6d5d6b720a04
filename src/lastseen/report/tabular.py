"""The rows of `connections` and `losses` as flat tables: for CSV, for Parquet, and for `--where` to choose from.

JSON keeps a pair as a list and a connection as one text; a spreadsheet or a data frame wants a column each. The
columns are declared once, here, in their order. As in the JSON contracts one may be added at the end at any time;
taking one away or changing its meaning needs a new schema number. Times are int64 ns; `_a` is the originator's (or
the client's) side, `_b` the other's.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any, Final, Literal

import msgspec

from lastseen.report.contracts import ConnectionJson, ConnectionsJson, IcmpErrorJson, LossesJson, LossJson
from lastseen.report.where import Expression, Field, holds
from lastseen.tables.connections import STALLS, STATES
from lastseen.tables.points import DIRECTIONS

__all__ = [
    "CONNECTION_COLUMNS",
    "CONNECTION_FIELDS",
    "LOSS_COLUMNS",
    "LOSS_FIELDS",
    "Column",
    "Row",
    "connection_rows",
    "connections_where",
    "csv_bytes",
    "loss_rows",
    "losses_where",
    "parquet_bytes",
]

Row = dict[str, Any]
"""A cell by column name: str, int, list of int, or None where there is no value."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, what its cells hold (`ints`: several, in CSV with spaces between) and what they mean."""

    name: str
    type: Literal["text", "int", "ints"]
    meaning: str


def _pair(name: str, meaning: str) -> tuple[Column, Column]:
    """The two columns of a pair."""
    return Column(f"{name}_a", "int", meaning), Column(f"{name}_b", "int", meaning)


_ENDPOINTS: Final = (
    Column("address_a", "text", "a's IP address"),
    Column("port_a", "int", "a's port; none for protocols without ports"),
    Column("address_b", "text", "b's IP address"),
    Column("port_b", "int", "b's port; none for protocols without ports"),
)

_PAIRS: Final = {
    "packets": "packets this side sent",
    "bytes": "TCP payload bytes this side sent, retransmissions counted",
    "syn": "its packets with SYN",
    "fin": "its packets with FIN",
    "rst": "its packets with RST",
    "retransmitted": "its packets seen before",
    "holes": "its payload bytes never seen",
}

CONNECTION_COLUMNS: Final = (
    Column("file", "text", "the capture"),
    Column("a", "text", "ip:port of the originator where known, else of the first sender"),
    Column("b", "text", "ip:port of the other side"),
    *_ENDPOINTS,
    Column("start_ns", "int", "time of the first packet, ns since the epoch"),
    Column("duration_ns", "int", "from the first packet to the last"),
    *(column for name, meaning in _PAIRS.items() for column in _pair(name, meaning)),
    Column("state", "text", "Zeek's conn_state"),
    Column("history", "text", "Zeek's history letters"),
    Column("longest_gap_ns", "int", "the longest time without a packet"),
    Column(
        "stall", "text", "kind of the longest silence of a second or more; none: there was no such silence"
    ),
    Column("stall_ns", "int", "its length; 0: none"),
    Column("tunnel", "text", "tunnel headers, outer to inner; none: no tunnel"),
)
"""Columns of `lastseen connections`; values as in lastseen.connections/1, innermost headers."""

LOSS_COLUMNS: Final = (
    Column("from", "text", "the point that saw the packets"),
    Column("to", "text", "the next point, which did not"),
    Column("file", "text", "the capture of `from`"),
    Column("connection", "text", "as seen at `from`, the client first"),
    Column("protocol", "text", "tcp, udp, icmp ..."),
    *_ENDPOINTS,
    Column("direction", "text", "to_client or to_remote"),
    Column("packets", "int", "packets certainly lost"),
    Column("unproven", "int", "further packets of which nothing says whether `to` still watched"),
    Column("bytes", "int", "payload bytes of the lost packets"),
    Column("frames", "ints", "frame numbers of the lost packets in `file`, from 1"),
    Column("icmp_frames", "ints", "those of them that an ICMP error quotes"),
    Column("icmp_errors", "text", "what each of these errors says, who sent it and where it was captured"),
)
"""Columns of `lastseen losses`; values as in lastseen.losses/1. `a` is the client's side."""


def _fields(columns: Sequence[Column], special: Mapping[str, Field]) -> dict[str, Field]:
    """The special names, and every column that is not one of them."""
    plain = [column for column in columns if column.name not in special]
    return dict(special) | {
        column.name: Field(kind="text" if column.type == "text" else "number", columns=(column.name,))
        for column in plain
    }


def _ports(protocol: str, when: tuple[str, str] | None = None) -> dict[str, Field]:
    return {
        f"{protocol}.port": Field(kind="number", columns=("port_a", "port_b"), when=when),
        f"{protocol}.srcport": Field(kind="number", columns=("port_a",), when=when),
        f"{protocol}.dstport": Field(kind="number", columns=("port_b",), when=when),
    }


_EVERYWHERE: Final = {
    "ip.addr": Field(kind="address", columns=("address_a", "address_b")),
    "ip.src": Field(kind="address", columns=("address_a",)),
    "ip.dst": Field(kind="address", columns=("address_b",)),
    "ipv6.addr": Field(kind="ipv6", columns=("address_a", "address_b")),
    "ipv6.src": Field(kind="ipv6", columns=("address_a",)),
    "ipv6.dst": Field(kind="ipv6", columns=("address_b",)),
    "frame.file": Field(kind="text", columns=("file",)),
    "address_a": Field(kind="address", columns=("address_a",)),
    "address_b": Field(kind="address", columns=("address_b",)),
}
"""Names both tables have. ip.* takes IPv6 addresses, too; ipv6.* stands for these alone."""

CONNECTION_FIELDS: Final[Mapping[str, Field]] = _fields(
    CONNECTION_COLUMNS,
    _EVERYWHERE
    | _ports("tcp")
    | {
        "state": Field(kind="text", columns=("state",), known=STATES),
        "stall": Field(kind="text", columns=("stall",), known=STALLS[1:]),
        "duration": Field(kind="seconds", columns=("duration_ns",)),
        "longest_gap": Field(kind="seconds", columns=("longest_gap_ns",)),
    }
    | {name: Field(kind="number", columns=(f"{name}_a", f"{name}_b")) for name in _PAIRS},
)
"""Names of `lastseen connections --where`; a pair's name stands for both sides."""

LOSS_FIELDS: Final[Mapping[str, Field]] = _fields(
    LOSS_COLUMNS,
    _EVERYWHERE
    | _ports("tcp", ("protocol", "tcp"))
    | _ports("udp", ("protocol", "udp"))
    | {
        "direction": Field(kind="text", columns=("direction",), known=DIRECTIONS),
        "lost": Field(kind="number", columns=("packets",)),
        "frame.number": Field(kind="number", columns=("frames",)),
    },
)
"""Names of `lastseen losses --where`. src is the client, whichever way the lost packets went."""

_UNSEEN_IN_CSV: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Controls a terminal may obey (a tab or new line apart), and bytes of a file name that are no UTF-8."""
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")


def connections_where(found: ConnectionsJson, expression: Expression) -> ConnectionsJson:
    """The same with only the connections for which the expression holds."""
    fitting = [row for row in found.connections if holds(expression, _connection_row(row))]
    return msgspec.structs.replace(found, connections=fitting)


def losses_where(found: LossesJson, expression: Expression) -> LossesJson:
    """The same with only the losses for which the expression holds; points and hops stay as they are, over all.

    Of packets that are unproven no errors are left: the expression speaks of lost ones.
    """
    fitting = zip(found.losses, loss_rows(found), strict=True)
    chosen = [loss for loss, row in fitting if holds(expression, row)]
    return msgspec.structs.replace(found, losses=chosen, unproven_errors=[])


def connection_rows(found: ConnectionsJson) -> Iterator[Row]:
    """One row a connection, in the same order; keys are CONNECTION_COLUMNS."""
    return map(_connection_row, found.connections)


def loss_rows(found: LossesJson) -> Iterator[Row]:
    """One row a loss, in the same order; keys are LOSS_COLUMNS."""
    file_of = {point.name: point.file for point in found.points}
    return (_loss_row(loss, file_of[loss.from_]) for loss in found.losses)


def csv_bytes(columns: Sequence[Column], rows: Iterable[Row]) -> bytes:
    """A header line and a line a row as UTF-8 CSV (RFC 4180, but lines end as Unix has it); no value is an empty cell.

    What no terminal should see raw becomes "?", as do bytes of a file name that are no UTF-8.
    """
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in columns)
    writer.writerows([_csv_cell(row[column.name]) for column in columns] for row in rows)
    return text.getvalue().encode()


def parquet_bytes(columns: Sequence[Column], rows: Iterable[Row]) -> bytes:
    """The rows as a Parquet file: String, Int64 or List(Int64) by column, null where there is no value."""
    import polars as pl

    types: dict[str, pl.DataType] = {
        "text": pl.String(), "int": pl.Int64(), "ints": pl.List(pl.Int64()),
    }  # fmt: skip
    schema = {column.name: types[column.type] for column in columns}
    texts = [column.name for column in columns if column.type == "text"]
    whole = [row | {name: _storable(row[name]) for name in texts} for row in rows]
    written = BytesIO()
    pl.DataFrame(whole, schema=schema).write_parquet(written)
    return written.getvalue()


def _connection_row(connection: ConnectionJson) -> Row:
    pairs = {
        f"{name}_{side}": value
        for name in _PAIRS
        for side, value in zip("ab", getattr(connection, name), strict=True)
    }
    return {
        "file": connection.file,
        "a": connection.a,
        "b": connection.b,
        **_endpoints(connection.a, connection.b),
        "start_ns": connection.start_ns,
        "duration_ns": connection.duration_ns,
        **pairs,
        "state": connection.state,
        "history": connection.history,
        "longest_gap_ns": connection.longest_gap_ns,
        "stall": connection.stall,
        "stall_ns": connection.stall_ns,
        "tunnel": connection.tunnel,
    }


def _loss_row(loss: LossJson, file: str) -> Row:
    client, _, remote = loss.connection.rpartition(" > ")
    protocol, _, client = client.rpartition(" ")
    return {
        "from": loss.from_,
        "to": loss.to,
        "file": file,
        "connection": loss.connection,
        "protocol": protocol or "tcp",  # which goes unsaid in the text of a connection
        **_endpoints(client, remote),
        "direction": loss.direction,
        "packets": loss.packets,
        "unproven": loss.unproven,
        "bytes": loss.bytes,
        "frames": loss.frames,
        "icmp_frames": [error.frame for error in loss.icmp_errors],
        "icmp_errors": "; ".join(map(_icmp_error, loss.icmp_errors)) or None,
    }


def _icmp_error(error: IcmpErrorJson) -> str:
    where = f"frame {error.point_frame} of {error.point}"
    return f"{error.protocol} {error.type}/{error.code} {error.text} from {error.by}, {where}"


def _endpoints(a: str, b: str) -> Row:
    (address_a, port_a), (address_b, port_b) = _split(a), _split(b)
    return {"address_a": address_a, "port_a": port_a, "address_b": address_b, "port_b": port_b}


def _split(endpoint: str) -> tuple[str | None, int | None]:
    """Address and port of "1.2.3.4:80", "[::1]:80", "1.2.3.4" or "::1" (see `tables.flow_text`)."""
    if endpoint.startswith("["):
        address, _, port = endpoint[1:].partition("]:")
    elif endpoint.count(":") == 1:
        address, _, port = endpoint.partition(":")
    else:
        return endpoint or None, None
    return address, int(port)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSEEN_IN_CSV.sub("?", value)
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _storable(text: str | None) -> str | None:
    """The text as UTF-8 can have it."""
    return text if text is None or text.isascii() else _SURROGATES.sub("?", text)
