"""Open a case: every file listed, recognised by its content and read into tables.

The only door to the user's files. What cannot be read is a weird, what is not recognised is listed as such; the
case stays open so that a few packets can be looked at again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.errors import LastseenError
from lastseen.evidence.case_toml import CaseToml, read_case_toml
from lastseen.evidence.files import CaseFile, list_files
from lastseen.evidence.lines import LOOKED_AT_BYTES, head_of, numbered_lines, open_text
from lastseen.evidence.nodes import Place, places
from lastseen.evidence.texts import Reader, reader_of
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.details import DetailRows
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.packets import Capture
from lastseen.tables.sources import EvidenceFile, Weird

__all__ = ["Case", "ReadCapture", "open_case"]

MAX_ROWS: Final = 200_000
"""Rows kept of one text: about 150 MB of log lines at most. The rest of a longer file is named, not read."""
MAX_WEIRD_LINES: Final = 200_000
"""Unreadable lines after which a text is given up: it was recognised wrongly or is damaged throughout."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadCapture:
    """A decoded capture and where it belongs."""

    capture: Capture
    node: str
    snapshot: str
    parts: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Case:
    """Everything read of a case. Use it in a `with`: it holds temporary files."""

    said: CaseToml
    captures: list[ReadCapture] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    files: list[EvidenceFile] = field(default_factory=list)
    weirds: list[Weird] = field(default_factory=list)
    partial: bool = False
    """The time was up before everything was read."""
    _paths: dict[str, Path | None] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def details(self, capture: Capture, rows: npt.NDArray[np.int64]) -> DetailRows:
        """Decode some packets of a capture thoroughly. Raises LastseenError when the file has gone since."""
        from lastseen.evidence.captures import open_bytes  # noqa: PLC0415 - needs the compiled kernels
        from lastseen.evidence.captures.details import read_details  # noqa: PLC0415

        with open_bytes(self._paths[capture.file]) as source:
            return read_details(source, capture, rows)

    def __enter__(self) -> "Case":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """A file as recognition saw it: a capture, a text with its reader, or neither."""

    file: CaseFile
    head: Head | None
    is_capture: bool
    reader: Reader | None


def open_case(
    paths: Sequence[Path],
    *,
    progress: Progress = lambda _: None,
    texts: bool = True,
    expired: Callable[[], bool] = lambda: False,
) -> Case:
    """Read all evidence below `paths`; `texts=False` reads captures only. Once `expired()`, no further file is read.

    Raises LastseenError when no path exists, a case.toml is wrong, or nothing at all is recognised.
    """
    stack = ExitStack()
    listed, weirds = list_files(paths, stack)
    said = next((read_case_toml(f.path) for f in listed if f.parts[-1] == "case.toml" and f.path), CaseToml())
    case = Case(said=said, weirds=weirds, _stack=stack)
    looked = [
        look for file in listed if file.parts[-1] != "case.toml" and (look := _look(file, case, progress))
    ]
    for look, place in zip(looked, _places(looked, said), strict=True):
        progress(look.file.name)
        if expired():
            case.partial = True
            case.weirds.append(Weird(file=look.file.name, reason="not read: the time was up"))
            continue
        _read(look, place, case, texts=texts)
    if not case.captures and not any(file.kind for file in case.files):
        stack.close()
        raise LastseenError(_nothing_recognised(case))
    return case


def _places(looked: list[_Looked], said: CaseToml) -> list[Place]:
    return places([(look.file, look.head.command if look.head else "") for look in looked], said)


def _nothing_recognised(case: Case) -> str:
    unreadable = [weird for weird in case.weirds if weird.reason.startswith(("cannot", "does not"))]
    if unreadable and not case.files:
        return f"{unreadable[0].file}: {unreadable[0].reason}; check the path and its permissions"
    found = f"{len(case.files)} file{'s' if len(case.files) != 1 else ''} of no known kind"
    return (
        f"nothing was recognised: expected captures (pcap, pcapng) or host texts (strace, dmesg, ovs-ofctl ...), found {found};"
        " see 'lastseen diagnose --help'"
    )


def _look(file: CaseFile, case: Case, progress: Progress) -> _Looked | None:
    """Recognise one file by its first bytes; None when it cannot be read."""
    from lastseen.evidence.captures.magic import is_capture_file  # noqa: PLC0415 - keeps this module light

    progress(file.name)
    case._paths[file.name] = file.path  # noqa: SLF001 - this module builds the case
    if file.path is None:
        return _Looked(file, None, True, None)
    try:
        if is_capture_file(file.path):
            return _Looked(file, None, True, None)
        with open_text(file.path) as stream:
            head = head_of(stream.read(LOOKED_AT_BYTES))
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        case.weirds.append(Weird(file=file.name, reason=f"cannot be read ({reason})"))
        return None
    return _Looked(file, head, False, reader_of(head) if head else None)


def _read(look: _Looked, place: Place, case: Case, *, texts: bool) -> None:
    if look.is_capture:
        _read_capture(look, place, case)
    elif texts and look.reader is not None and look.head is not None:
        _read_text(look, look.reader, place, case)
    else:
        kind = look.reader.KIND if look.reader else None
        case.files.append(EvidenceFile(file=look.file.name, kind=kind, rows=0))


def _read_capture(look: _Looked, place: Place, case: Case) -> None:
    from lastseen.evidence.captures import open_bytes, read_capture  # noqa: PLC0415 - needs the compiled kernels

    name = look.file.name
    try:
        source = open_bytes(look.file.path)
    except LastseenError as error:
        case.weirds.append(Weird(file=name, reason=str(error)))
        return
    with source:
        capture, weirds = read_capture(source, name)
    case.weirds += weirds
    case.captures.append(
        ReadCapture(capture=capture, node=place.node, snapshot=place.snapshot, parts=look.file.parts)
    )
    case.files.append(
        EvidenceFile(
            file=name,
            kind=capture.format,
            rows=len(capture.packets),
            node=place.node,
            snapshot=place.snapshot,
        )
    )


def _read_text(look: _Looked, reader: Reader, place: Place, case: Case) -> None:
    name, path = look.file.name, look.file.path
    if path is None or look.head is None:
        return
    before = len(case.rows)
    weird: dict[str, Weird] = {}
    with open_text(path) as stream:
        text = Text(name, numbered_lines(stream), look.head.command, place.node, place.snapshot)
        for row in _bounded(reader.read(text), name):
            if isinstance(row, Weird):
                _count(weird, row)
            else:
                case.rows.append(row)
    case.weirds += weird.values()
    case.files.append(
        EvidenceFile(
            file=name,
            kind=reader.KIND,
            rows=len(case.rows) - before,
            node=place.node,
            snapshot=place.snapshot,
        )
    )


def _count(weirds: dict[str, Weird], weird: Weird) -> None:
    """Weirds of one file with the same reason are one row: the first place, and how many."""
    seen = weirds.get(weird.reason)
    if seen is None:
        weirds[weird.reason] = weird
        return
    weirds[weird.reason] = Weird(
        file=seen.file, reason=seen.reason, offset=seen.offset, line=seen.line, count=seen.count + weird.count
    )


def _bounded(rows: Iterator[Row | Weird], name: str) -> Iterator[Row | Weird]:
    """At most MAX_ROWS rows and MAX_WEIRD_LINES weirds of one file; the rest is named once."""
    kept = bad = 0
    for row in rows:
        if isinstance(row, Weird):
            bad += 1
        else:
            kept += 1
        if kept > MAX_ROWS or bad > MAX_WEIRD_LINES:
            yield Weird(
                file=name, reason="longer than is kept in memory: the rest was not read", line=row_line(row)
            )
            return
        yield row


def row_line(row: Row | Weird) -> int | None:
    """The line a row or weird stands at."""
    return row.line if isinstance(row, Weird) else row.source.line
