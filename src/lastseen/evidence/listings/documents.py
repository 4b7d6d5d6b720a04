"""A text that holds packets as tshark or tcpdump prints them: a listing, or a document with listings among prose.

A document is cut into its blocks: each run of packets is a listing of its own with the words before it as caption,
and each other paragraph is left to whoever recognises it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lastseen.evidence.listings.printed import Printed
from lastseen.evidence.listings.tcpdump_lines import is_bare_tunnel, is_tcpdump, tcpdump_packets
from lastseen.evidence.listings.tshark_lines import is_tshark, tshark_packets
from lastseen.evidence.texts.text import Head
from lastseen.tables.sources import Weird

__all__ = ["DOCUMENT", "MAX_PACKETS", "Listing", "Paragraph", "blocks_of", "kind_of"]

DOCUMENT: Final = "document with packets"
TSHARK, TCPDUMP = "tshark", "tcpdump"
LISTING: Final = "{} listing"
LOOKED_AT_LINES: Final = 400
"""Lines that decide what a file is."""
MAX_PACKETS: Final = 200_000
"""Packets of one file that are kept: what is printed is read by people, who use captures for more."""
MAX_PARAGRAPH_LINES: Final = 20_000
CAPTION_CHARS: Final = 240

_CHATTER: Final = re.compile(
    r"^\s*(?:(?:tcpdump: )?(?:reading from|listening on|verbose output|data link type|dropped privs)|Running as user|"
    r"Capturing on |\d{1,12} packets? (?:captured|received|dropped)|\^C|\*\* \(|tshark: |Warning: |tcpdump: )"
)
_LOSSES: Final = re.compile(r"^\s*(\d{1,12}) packets? dropped by (?:kernel|interface)")
_LEFT_OUT: Final = re.compile(
    r"^\s*[\[(<]?(?:\.{2,}|…|snip|cut|\d{1,9} (?:more )?(?:lines|packets))[^\w]{0,8}\s*$", re.IGNORECASE
)
"""Where an author left lines out of a listing."""
_ARROW: Final = re.compile(r"→|->")
_WORDS: Final = re.compile(r"\b[a-z]{2,}[\s\u00a0]+(?=[a-z]{2,}\b)")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?:])[\s\u00a0]+(?=[A-Z→-])")


@dataclass(slots=True, eq=False)
class Listing:
    """The packets of one listing. `dropped`: those tcpdump says it lost; `unread`: lines that are none of it.

    `raw`: tcpdump's lines, which are read together once the listing is whole.
    """

    tool: str
    first: int
    caption: str = ""
    packets: list[Printed] = field(default_factory=list)
    raw: list[tuple[int, str]] = field(default_factory=list)
    dropped: int = 0
    unread: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of other text that belong together."""

    lines: tuple[tuple[int, str], ...]


def kind_of(head: Head) -> str | None:
    """What a text is by its first lines: a tool's listing, DOCUMENT, or None where no packet is printed."""
    lines = [line for line in head.lines[:LOOKED_AT_LINES] if line.strip() and not _CHATTER.match(line)]
    shark = sum(1 for line in lines if is_tshark(line))
    dump = sum(1 for line in lines if is_tcpdump(line))
    more = sum(1 for line in lines if line[0].isspace() and not is_tcpdump(line)) if dump > shark else 0
    most = max(shark, dump)
    if not most:
        return None
    if 2 * (most + more) > len(lines) and not (shark and dump):
        return LISTING.format(TSHARK if shark else TCPDUMP)
    return DOCUMENT


def blocks_of(
    numbered: Iterable[tuple[int, str]], file: str, *, is_document: bool
) -> Iterator[Listing | Paragraph | Weird]:
    """The blocks of a text in order; a line of packets after MAX_PACKETS ends it.

    What is no document is one listing, whatever stands in it.
    """
    now: Listing | None = None
    paragraph, kept = list[tuple[int, str]](), 0
    for number, line in numbered:
        tool = _tool_of(line, now)
        if not tool:
            if _CHATTER.match(line):
                _chatter(now, line)
            elif now is not None and line.strip() and (not is_document or _LEFT_OUT.match(line)):
                now.unread.append(number)
            elif line.strip():
                yield from _ended(now)
                now = None
                if len(paragraph) < MAX_PARAGRAPH_LINES:
                    paragraph.append((number, line))
            elif paragraph:
                yield Paragraph(tuple(paragraph))
                paragraph = []
            continue
        if now is None or tool != now.tool or (tool == TSHARK and _begins_with_prose(line)):
            yield from _ended(now)
            now = Listing(tool, number, _caption(paragraph, line))
        kept += _take(now, number, line)
        if kept > MAX_PACKETS:
            yield Weird(file=file, line=number, reason="longer than is kept in memory: the rest was not read")
            break
        if tool == TSHARK and not now.packets[0].src and (prose := _prose(line)):
            paragraph.append((number, prose))
    if paragraph:
        yield Paragraph(tuple(paragraph))
    yield from _ended(now)


def _tool_of(line: str, now: Listing | None) -> str:
    """Which tool's listing a line belongs to, "": to none."""
    if is_tcpdump(line):
        return TCPDUMP
    if is_tshark(line):
        return TSHARK
    if now is None or now.tool != TCPDUMP or not line.strip():
        return ""
    return TCPDUMP if line[0].isspace() or is_bare_tunnel(now.raw[-1][1]) else ""


def _take(now: Listing, number: int, line: str) -> int:
    """Add a line to its listing; how many packets that makes."""
    if now.tool == TSHARK:
        found = tshark_packets(number, line)
        now.packets += found
        return len(found)
    now.raw.append((number, line))
    return int(is_tcpdump(line))


def _chatter(now: Listing | None, line: str) -> None:
    """What the tool says of itself: of its losses account is kept."""
    if now is not None and (losses := _LOSSES.match(line)):
        now.dropped += int(losses[1])


def _ended(now: Listing | None) -> Iterator[Listing]:
    """A listing that is whole, its packets read."""
    if now is None:
        return
    for packet in tcpdump_packets(now.raw):
        if isinstance(packet, int):
            now.unread.append(packet)
        else:
            now.packets.append(packet)
    now.raw.clear()
    if now.packets:
        yield now


def _prose(line: str) -> str:
    """What stands before the first packet and behind the last one of a line in which line breaks got lost."""
    arrows = [found.start() for found in _ARROW.finditer(line)]
    last = max(line.rfind("Len="), arrows[-1])
    return f"{line[: arrows[0]].rstrip()} {line[last:].partition(' ')[2]}".strip() if arrows[0] else ""


def _begins_with_prose(line: str) -> bool:
    """Whether a sentence stands before the first packet of the line."""
    return len(_WORDS.findall(_ARROW.split(line, maxsplit=1)[0])) > 1


def _caption(paragraph: Sequence[tuple[int, str]], line: str) -> str:
    """The last words before a listing."""
    before = [_ARROW.split(line, maxsplit=1)[0]] if is_tshark(line) and _begins_with_prose(line) else []
    words = " ".join([text for _, text in paragraph[-3:]] + before)
    kept = ""
    for sentence in reversed(_SENTENCE_END.split(words.replace("\u00a0", " ").strip())):
        if kept and len(kept) + len(sentence) > CAPTION_CHARS:
            break
        kept = f"{sentence} {kept}".strip()
    return kept[-CAPTION_CHARS:]
