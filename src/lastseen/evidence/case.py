"""Open a case: every file listed, recognised by its content and read into tables.

The only door to the user's files. What cannot be read is a weird, what is not recognised is listed as such; the
case stays open so that a few packets can be looked at again.
"""

import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from lastseen.errors import LastseenError
from lastseen.evidence.case_toml import CaseToml, read_case_toml
from lastseen.evidence.files import CaseFile, list_files
from lastseen.evidence.irrelevant import IRRELEVANT, irrelevant_kind
from lastseen.evidence.lines import LOOKED_AT_BYTES, head_of, open_text
from lastseen.evidence.nodes import Place, ends_with, places
from lastseen.evidence.texts.text import Head
from lastseen.tables.details import COLUMNS, DetailRows
from lastseen.tables.packets import Capture, Room
from lastseen.tables.sources import EvidenceFile, Weird

if TYPE_CHECKING:
    from lastseen.evidence.capture_files import CaptureRead
    from lastseen.evidence.captures import RowSink
    from lastseen.evidence.captures.trailers import Trailer
    from lastseen.evidence.texts import Reader
    from lastseen.tables.facts_from_texts import Row

__all__ = ["Case", "ReadCapture", "open_case"]

MAX_CASE_ROWS: Final = 600_000
"""Rows kept of all texts together: about 400 MB of log lines."""
LEAST_ROWS: Final = 5_000
"""Rows that even the last text of a large case may give: a snapshot's counters have a few hundred."""
NOT_READ: Final = "not read: the time was up"
CASE_TOML: Final = "case.toml"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadCapture:
    """A decoded capture and where it belongs; `prepared`: what `open_case` was asked to make of it at once."""

    capture: Capture
    node: str
    snapshot: str
    parts: tuple[str, ...]
    prepared: object = None


@dataclass(slots=True, eq=False)
class Case:
    """Everything read of a case. Use it in a `with`: it holds temporary files. `room` made its tables of packets."""

    said: CaseToml
    room: Room = np.empty
    captures: list[ReadCapture] = field(default_factory=list)
    rows: list["Row"] = field(default_factory=list)
    files: list[EvidenceFile] = field(default_factory=list)
    weirds: list[Weird] = field(default_factory=list)
    partial: bool = False
    """The time was up before everything was read."""
    _paths: dict[str, Path] = field(default_factory=dict)
    _trailers: dict[str, "Trailer"] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def details(self, capture: Capture, rows: npt.NDArray[np.int64]) -> DetailRows:
        """Decode some packets of a capture thoroughly. Raises LastseenError when the file has gone since."""
        from lastseen.evidence.captures import open_bytes  # noqa: PLC0415 - needs the compiled kernels
        from lastseen.evidence.captures.details import read_details  # noqa: PLC0415
        from lastseen.evidence.captures.trailers import trailer_of  # noqa: PLC0415

        if capture.listed is not None:
            from lastseen.evidence.listings.captures_of import blanked  # noqa: PLC0415

            with open_bytes(self._paths[capture.file]) as source:
                return blanked(read_details(source, capture, rows), capture.listed, rows)
        parts = capture.parts or ((capture.file, 0),)
        result = np.zeros((len(rows), len(COLUMNS)), np.int64)
        part_of = np.searchsorted([begin for _, begin in parts], rows, side="right") - 1
        for number, (file, _) in enumerate(parts):
            here = part_of == number
            if here.any():
                with open_bytes(self._paths[file]) as source:
                    if file not in self._trailers:
                        self._trailers[file] = trailer_of(source, capture)
                    result[here] = read_details(source, capture, rows[here], self._trailers[file])
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


@dataclass(frozen=True, slots=True)
class _Limits:
    """Who hears what is being read, who says when to stop, and who wants to know that captures will be read.

    `folder`: a temporary one, made when it is first asked for.
    """

    progress: Progress
    expired: Callable[[], bool]
    before_captures: Callable[[int], None]
    sink: "RowSink | None"
    room: Room
    prepare: Callable[[Capture], object]
    folder: Callable[[], Path]


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """A file as recognition saw it: a capture, a text with its reader, or neither."""

    file: CaseFile
    head: Head | None
    is_capture: bool
    reader: "Reader | None" = None


def open_case(
    paths: Sequence[Path],
    *,
    progress: Progress = lambda _: None,
    texts: bool = True,
    expired: Callable[[], bool] = lambda: False,
    before_captures: Callable[[int], None] = lambda _: None,
    sink: "RowSink | None" = None,
    room: Room = np.empty,
    prepare: Callable[[Capture], object] = lambda _: None,
) -> Case:
    """Read all evidence below `paths`; `texts=False` reads captures only. Once `expired()`, the rest is not read.

    `before_captures` is called with the bytes of the captures to be read next: kernels may have to be compiled. `sink`
    takes the packet rows of all captures, whose tables of packets are then empty; else `room` makes them. `prepare` is
    called for each capture by the thread that read it.

    Raises LastseenError when no path exists, a case.toml is wrong, or nothing at all is recognised.
    """
    with ExitStack() as stack:
        listed, weirds = list_files(paths, stack)
        case = Case(said=_said(listed, weirds), room=room, weirds=weirds)
        case.files += [
            EvidenceFile(file=file.name, kind=CASE_TOML, rows=0)
            for file in listed
            if file.parts[-1] == CASE_TOML
        ][:1]
        looked = list(_recognised(_look_at_all(listed, case, progress, expired), texts=texts))
        folder = cache(lambda: Path(stack.enter_context(TemporaryDirectory(prefix="lastseen-"))))
        limits = _Limits(progress, expired, before_captures, sink, room, prepare, folder)
        _read_all(looked, case, limits, texts=texts)
        if not case.captures and not case.partial and not any(_says_something(file) for file in case.files):
            raise LastseenError(_nothing_recognised(case))
        case._stack = stack.pop_all()  # noqa: SLF001 - this module builds the case
    return case


def _said(listed: Sequence[CaseFile], weirds: list[Weird]) -> CaseToml:
    """What the case.toml nearest to the top says."""
    found = sorted((file for file in listed if file.parts[-1] == CASE_TOML), key=lambda file: len(file.parts))
    weirds += [Weird(file=file.name, reason="a second case.toml: not used") for file in found[1:]]
    said = read_case_toml(found[0].path) if found else CaseToml()
    weirds += [
        Weird(file=found[0].name, reason=f"point {point.name}: there is no file {point.file}")
        for point in said.point
        if not any(ends_with(file, point.file) for file in listed)
    ]
    return said


def _look_at_all(
    listed: Sequence[CaseFile], case: Case, progress: Progress, expired: Callable[[], bool]
) -> list[_Looked]:
    looked = []
    for file in listed:
        if file.parts[-1] == CASE_TOML:
            continue
        if expired():
            _time_is_up(file, case)
        elif look := _look(file, case, progress):
            looked.append(look)
    return looked


def _look(file: CaseFile, case: Case, progress: Progress) -> _Looked | None:
    """See by its first bytes whether a file is a capture or a text; None when it cannot be read."""
    from lastseen.evidence.captures.magic import is_capture_file  # noqa: PLC0415 - its package needs the kernels

    progress(file.name)
    case._paths[file.name] = file.path  # noqa: SLF001 - this module builds the case
    try:
        if is_capture_file(file.path):
            return _Looked(file, None, is_capture=True)
        with open_text(file.path) as stream:
            return _Looked(file, head_of(stream.read(LOOKED_AT_BYTES)), is_capture=False)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        case.weirds.append(Weird(file=file.name, reason=f"cannot be read ({reason})"))
        return None


def _recognised(looked: Sequence[_Looked], *, texts: bool) -> Iterator[_Looked]:
    """The same, each text with its reader. Where captures are asked for and there, only listings are looked for.

    A text of nothing but packets is a listing whatever else it looks like; one with some is a document if no reader
    knows it.
    """
    only_packets = not texts and any(look.is_capture for look in looked)
    for look in looked:
        if look.head is None:
            yield look
            continue
        from lastseen.evidence.listings.documents import DOCUMENT  # noqa: PLC0415 - regular expressions: 10 ms
        from lastseen.evidence.listings.reader import listing_reader  # noqa: PLC0415

        listing = listing_reader(look.head, texts=texts)
        if only_packets or (listing is not None and listing.KIND != DOCUMENT):
            yield replace(look, reader=listing)
            continue
        from lastseen.evidence.texts import reader_of  # noqa: PLC0415 - 70 readers, 0.1 s

        yield replace(look, reader=reader_of(look.head) or listing)


def _read_all(looked: Sequence[_Looked], case: Case, limits: "_Limits", *, texts: bool) -> None:
    """Read every file into the case, in order."""
    captures = _captures([look.file for look in looked if look.is_capture], limits)
    for look, place in zip(looked, _places(looked, case.said), strict=True):
        limits.progress(look.file.name)
        if look.is_capture:
            _add_capture(look, place, next(captures), case)
        elif limits.expired():
            _time_is_up(look.file, case)
        elif look.reader is not None and (texts or hasattr(look.reader, "found")):
            _read_text(look, look.reader, place, case, expired=limits.expired)
            _add_listings(look, place, case, limits)
        else:
            kind = look.reader.KIND if look.reader else irrelevant_kind(look.head) if look.head else None
            case.files.append(EvidenceFile(file=look.file.name, kind=kind, rows=0))


def _captures(files: list[CaseFile], limits: "_Limits") -> Iterator["CaptureRead"]:
    """All captures read, before any text: they may go two at a time."""
    if not files:
        return iter(())
    limits.before_captures(sum(_size(file.path) for file in files))
    from lastseen.evidence.capture_files import read_captures  # noqa: PLC0415 - needs the compiled kernels

    return iter(
        list(
            read_captures(
                files,
                progress=limits.progress,
                expired=limits.expired,
                sink=limits.sink,
                room=limits.room,
                prepare=limits.prepare,
            )
        )
    )


def _size(path: Path) -> int:
    """Bytes of a file that is about to be read; compressed it may hold any number."""
    from lastseen.evidence.captures.magic import is_compressed  # noqa: PLC0415 - its package needs the kernels

    try:
        return sys.maxsize if is_compressed(path) else path.stat().st_size
    except OSError:  # whoever reads it says so
        return 0


def _places(looked: Sequence[_Looked], said: CaseToml) -> list[Place]:
    return places([(look.file, look.head.command if look.head else "") for look in looked], said)


def _time_is_up(file: CaseFile, case: Case) -> None:
    """Note a file that was left; all of them are one weird, which names the first."""
    case.partial = True
    last = case.weirds[-1] if case.weirds else None
    if last is not None and last.reason == NOT_READ:
        case.weirds[-1] = replace(last, count=last.count + 1)
    else:
        case.weirds.append(Weird(file=file.name, reason=NOT_READ))


def _says_something(file: EvidenceFile) -> bool:
    """Whether a file was recognised as what a case is made of."""
    return file.kind not in (None, CASE_TOML) and not str(file.kind).startswith(IRRELEVANT)


def _nothing_recognised(case: Case) -> str:
    unreadable = [weird for weird in case.weirds if weird.reason.startswith(("cannot", "does not"))]
    if unreadable and not case.files:
        return f"{unreadable[0].file}: {unreadable[0].reason}; check the path and its permissions"
    found = f"{len(case.files)} file{'s' if len(case.files) != 1 else ''} of no known kind"
    return (
        "nothing was recognised: expected captures (pcap, pcapng) or host texts (strace, dmesg, ovs-ofctl ...),"
        f" found {found}; see 'lastseen diagnose --help'"
    )


def _add_capture(look: _Looked, place: Place, read: "CaptureRead", case: Case) -> None:
    case.weirds += read.weirds
    case.partial = case.partial or read.partial
    capture = read.capture
    if capture is None:
        return
    node, snapshot, rows = place.node, place.snapshot, len(capture.packets)
    case.captures.append(
        ReadCapture(
            capture=capture, parts=look.file.parts, prepared=read.prepared, node=node, snapshot=snapshot
        )
    )
    case.files.append(
        EvidenceFile(file=look.file.name, kind=capture.format, rows=rows, node=node, snapshot=snapshot)
    )


def _add_listings(look: _Looked, place: Place, case: Case, limits: _Limits) -> None:
    """The listings of a text just read, as captures of its place."""
    found = getattr(look.reader, "found", ())
    if not found:
        return
    limits.before_captures(_size(look.file.path))
    from lastseen.evidence.listing_files import read_listings  # noqa: PLC0415 - needs the compiled kernels

    read = read_listings(found, look.file.name, limits.folder(), sink=limits.sink, prepare=limits.prepare)
    for capture, prepared, path in read:
        case._paths[capture.file] = path  # noqa: SLF001 - this module builds the case
        case.captures.append(
            ReadCapture(
                capture=capture,
                node=place.node,
                snapshot=place.snapshot,
                parts=look.file.parts,
                prepared=prepared,
            )
        )
        rows = len(capture.packets) + case.files[-1].rows
        case.files[-1] = replace(case.files[-1], rows=rows)


def _read_text(
    look: _Looked, reader: "Reader", place: Place, case: Case, *, expired: Callable[[], bool]
) -> None:
    from lastseen.evidence.text_files import read_text_file  # noqa: PLC0415 - where there is no text: 20 ms

    read = read_text_file(
        look.file,
        reader,
        place,
        command=look.head.command if look.head else "",
        most=_most(case),
        flows=lambda: [read.capture.flows for read in case.captures],
        expired=expired,
    )
    case.rows += read.rows
    case.weirds += read.weirds
    case.partial = case.partial or read.partial
    case.files.append(
        EvidenceFile(
            file=look.file.name,
            kind=reader.KIND,
            rows=len(read.rows),
            node=place.node,
            snapshot=place.snapshot,
            lines=read.lines,
        )
    )


def _most(case: Case) -> int:
    """How many rows the next text may give: half of what is left, so that no text takes all of it."""
    left = MAX_CASE_ROWS - len(case.rows)
    return max(LEAST_ROWS, left // 2) if left > LEAST_ROWS else 1
