"""What `connections` and `losses` share of their options: the form of the output, and where it may be written.

A command's mistakes are found before it reads a capture: nobody should wait minutes to hear of a misspelled name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lastseen.errors import LastseenError

if TYPE_CHECKING:
    import msgspec

__all__ = ["CsvOption", "Output", "ParquetOption", "Table", "TimeoutOption"]

Table = tuple[Any, Any]
"""Columns and rows, as `lastseen.report.tabular` makes them."""

CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV, one line a row; times in ns.")]
ParquetOption = Annotated[
    Path | None,
    typer.Option(
        "--parquet",
        metavar="FILE",
        help="Write the rows of --csv to this Parquet file and print nothing.",
        readable=False,
    ),
]

TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="Stop reading further files after so long.", min=0.0),
]

_PARQUET_MAGIC: Final = b"PAR1"
"""First bytes of a Parquet file (Apache Parquet, file format)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The form asked for; none of the three is text for people."""

    json: bool
    csv: bool
    parquet: Path | None

    def check(self, inputs: Sequence[Path]) -> None:
        """Raise LastseenError if two forms are asked for, or the Parquet file cannot or must not be written."""
        if self.json + self.csv + (self.parquet is not None) > 1:
            raise LastseenError("--json, --csv and --parquet exclude each other; give one of them")
        if self.parquet is None:
            return
        try:
            refusal = _refusal(self.parquet, inputs)
        except OSError as error:  # a folder on the way may not be entered, a name is too long
            refusal = f"cannot be written ({error.strerror}); name another file"
        if refusal:
            raise LastseenError(f"--parquet {self.parquet}: {refusal}")

    def write(self, found: "msgspec.Struct", table: Callable[[], Table]) -> bool:
        """Write what was found in the form asked for; False: text was asked for, nothing is written."""
        if self.json:
            from lastseen.report.jsons import encode

            typer.echo(encode(found))
        elif self.csv:
            from lastseen.report.tabular import csv_bytes

            typer.echo(csv_bytes(*table()), nl=False)
        elif self.parquet is not None:
            from lastseen.report.tabular import parquet_bytes

            _write_file(self.parquet, parquet_bytes(*table()))
        return self.json or self.csv or self.parquet is not None


def _refusal(parquet: Path, inputs: Sequence[Path]) -> str:
    """Why the file will not be written; "": nothing speaks against it."""
    if not parquet.parent.is_dir():
        return f"there is no folder {parquet.parent}; make it first"
    if parquet.is_dir():
        return "is a folder; name a file in it"
    if any(_holds_input(path, parquet) for path in inputs):
        return "is evidence to be read; name another file"
    return ""


def _holds_input(path: Path, parquet: Path) -> bool:
    """Whether writing `parquet` would destroy what is read from `path`, a file or a folder."""
    if not (parquet.exists() and path.exists()):
        return False
    if path.samefile(parquet):
        return True
    inside = path.is_dir() and parquet.resolve().is_relative_to(path.resolve())
    return inside and parquet.is_file() and not _is_parquet(parquet)


def _is_parquet(path: Path) -> bool:
    """Whether it is an earlier run's file: those may lie in the case folder and be written anew."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError:
        return False


def _write_file(path: Path, content: bytes) -> None:
    """Write the file, over what was there. Raises LastseenError when that fails; half a file is not left behind."""
    try:
        with path.open("wb") as stream:
            try:
                stream.write(content)
                stream.flush()
            except OSError:
                if path.is_file():
                    path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise LastseenError(
            f"{path}: cannot be written ({error.strerror}); name another file or make room"
        ) from error
