"""The reader of texts that hold packets: it yields rows like any other and keeps the listings it met.

Apart from the readers in `texts` because those make rows only, and because packets are wanted even where no text is
asked for (`lastseen connections listing.txt`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from lastseen.evidence.listings.captures_of import written
from lastseen.evidence.listings.documents import DOCUMENT, Listing, blocks_of, kind_of
from lastseen.evidence.listings.remarks import remarks
from lastseen.evidence.texts.text import Head, Text, command_of
from lastseen.tables.facts_from_texts import Row
from lastseen.tables.listed import Listed
from lastseen.tables.sources import Weird

__all__ = ["FoundListing", "ListingReader", "listing_reader"]

FEW_GAPS = 5
"""Gaps that are pointed at one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundListing:
    """A listing with its packets as the bytes of a capture file."""

    listing: Listing
    data: bytes = field(repr=False)
    told: Listed


@dataclass(slots=True, eq=False)
class ListingReader:
    """Reads a listing, or a document with some; `found` fills while it reads. `texts`: whether rows are wanted, too."""

    KIND: str
    texts: bool = True
    found: list[FoundListing] = field(default_factory=list)

    def recognise(self, head: Head) -> bool:
        """Whether a text is of this kind."""
        return kind_of(head) == self.KIND

    def read(self, text: Text) -> Iterator[Row | Weird]:
        """Rows of the paragraphs between, and what could not be read, in the order of the text."""
        is_document = self.KIND == DOCUMENT
        for block in blocks_of(text.lines(), text.file, is_document=is_document):
            if isinstance(block, Weird):
                yield block
            elif isinstance(block, Listing):
                data, told = written(block, text.file)
                self.found.append(FoundListing(block, data, told))
                yield from _weirds(text, block, told)
            elif is_document and self.texts:
                yield from _paragraph(text, block.lines)
            elif not is_document:
                yield from (text.weird(number, f"no line of a {self.KIND}") for number, _ in block.lines)


def listing_reader(head: Head, *, texts: bool = True) -> ListingReader | None:
    """The reader of a text that holds packets; None: it holds none."""
    kind = kind_of(head)
    return None if kind is None else ListingReader(kind, texts)


def _paragraph(text: Text, lines: Sequence[tuple[int, str]]) -> Iterator[Row | Weird]:
    """What the paragraph's own reader finds in it, else its author's remarks."""
    from lastseen.evidence.texts import reader_of  # noqa: PLC0415 - 70 readers, 0.1 s; few texts are documents

    command = command_of(lines[0][1])
    body = lines[1:] if command else lines
    reader = reader_of(Head(tuple(line for _, line in body), command))
    if reader is None:
        yield from remarks(text, lines)
        return
    for row in reader.read(replace(text, numbered=body, command=command)):
        if isinstance(row, Row):
            yield row


def _weirds(text: Text, listing: Listing, told: Listed) -> Iterator[Weird]:
    """What a listing does not say, once; lines that are no packets, and gaps that tshark itself noticed."""
    if told.lacks:
        yield text.weird(
            listing.first, f"this {told.tool} listing prints no {', no '.join(told.lacks)}: unknown"
        )
    for number in listing.unread:
        yield text.weird(number, f"no packet of this {told.tool} listing")
    gaps = 0
    for packet in listing.packets:
        if packet.is_cut:
            yield text.weird(packet.line, f"a packet of {told.tool}'s whose line breaks off")
        elif not packet.proto and not packet.layer:
            yield text.weird(packet.line, f"a packet of {told.tool}'s that is not understood")
        if any("revious segment" in tag for tag in packet.tags) and gaps < FEW_GAPS:
            gaps += 1
            yield text.weird(packet.line, "a gap: the segment before this one is not here, or not yet")
    shown = [packet.frame for packet in listing.packets if packet.frame is not None]
    if left_out := sum(1 for earlier, later in pairwise(shown) if later != earlier + 1):
        reason = f"frame numbers with {left_out} gaps: a display filter, or an author, left packets out"
        yield text.weird(listing.first, reason)
