"""What `curl --trace` and `--trace-ascii` write, as the lines that `curl -v` would have shown of the same transfer.

One module and not a reader of its own: all that is to be learned of a transfer stands in curl's words and in the heads,
and the reader of `curl -v` knows both. Bodies are dropped, they may hold anything.

Source: curl's src/tool_cb_dbg.c, 7.9.7 to 8.16: `== Info:`, `=> Send header`, `<= Recv SSL data`, ... with
`, N bytes (0xN)`; then the bytes, 16 a line in hexadecimal, or 64 a line as text, where CR LF ends the line early.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["as_verbose"]

_STAMP: Final = r"(?P<stamp>(?:\d\d:\d\d:\d\d\.\d{6} )?(?:\[(?:\d{1,9}|x)-(?:\d{1,9}|x)\] )?)"
_INFO: Final = re.compile(rf"^{_STAMP}== Info: ?(?P<said>.*)$")
_BLOCK: Final = re.compile(
    rf"^{_STAMP}(?P<way>=>|<=) (?:Send|Recv) (?P<what>header|data|SSL data), (?P<size>\d{{1,19}}) bytes"
    r" \(0x[0-9a-f]{1,16}\)$"
)
_ROW: Final = re.compile(r"^(?P<offset>[0-9a-f]{4,16}):(?: (?P<shown>.{0,80}))?$")
_HEX: Final = re.compile(r"^(?P<bytes>(?:[0-9a-f]{2} ){1,16})(?: {3}){0,15} ?.{0,16}$")
_MARKS: Final = {"=>": (">", "}"), "<=": ("<", "{")}
"""For a head and for data, as `curl -v` prints them."""
MOST_ROWS: Final = 1000
"""Of one head: servers allow 8 to 64 KiB."""


def as_verbose(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The numbered lines, those of a trace rewritten, others as they are; a head has the number of its first one."""
    block: tuple[int, re.Match[str]] | None = None
    rows: list[tuple[int, str]] = []
    for number, line in lines:
        row = _ROW.match(line) if block is not None else None
        if row:
            if len(rows) < MOST_ROWS:
                rows.append((int(row["offset"], 16), row["shown"] or ""))
            continue
        if block is not None:
            yield from _shown(*block, rows)
        block, rows = None, []
        if found := _BLOCK.match(line):
            block = number, found
        elif found := _INFO.match(line):
            yield number, f"{found['stamp']}* {found['said']}"
        else:
            yield number, line
    if block is not None:
        yield from _shown(*block, rows)


def _shown(number: int, block: re.Match[str], rows: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    head, data = _MARKS[block["way"]]
    if block["what"] != "header":
        yield number, f"{block['stamp']}{data} [{block['size']} bytes data]"
        return
    for said in _lines_of(rows):
        yield number, f"{block['stamp']}{head} {said}"


def _lines_of(rows: list[tuple[int, str]]) -> list[str]:
    """The lines of a head; a row of text goes on in the next where that begins just behind it."""
    octets = [_HEX.match(shown) for _, shown in rows]
    if rows and all(octets):
        whole = b"".join(bytes.fromhex(one["bytes"]) for one in octets if one)
        return whole.decode("latin-1").removesuffix("\r\n").split("\r\n")
    found: list[str] = []
    following = -1
    for offset, shown in rows:
        if offset == following:
            found[-1] += shown
        else:
            found.append(shown)
        following = offset + len(shown)
    return found
