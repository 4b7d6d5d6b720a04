"""Listings found in texts, read as the captures they were printed from: written to files and decoded like any other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lastseen.evidence.captures import RowSink, open_bytes, read_capture
from lastseen.evidence.listings.captures_of import marked
from lastseen.tables.packets import PACKET_COLUMNS, Capture

if TYPE_CHECKING:
    from lastseen.evidence.listings.reader import FoundListing

__all__ = ["read_listings"]


def read_listings(
    found: Sequence["FoundListing"],
    file: str,
    folder: Path,
    *,
    sink: RowSink | None,
    prepare: Callable[[Capture], object],
) -> Iterator[tuple[Capture, object, Path]]:
    """Each listing of a text as a capture, what `prepare` made of it, and the file in `folder` that has its bytes.

    A second listing of one text has a name of its own. `sink` takes the rows as it does those of other captures.
    """
    for number, one in enumerate(found, start=1):
        path = folder / f"{len(list(folder.iterdir()))}.pcap"
        path.write_bytes(one.data)
        name = file if number == 1 else f"{file} (listing {number})"
        with open_bytes(path) as source:
            capture, _ = read_capture(source, name)
        capture = marked(capture, one.told, one.listing)
        if sink is not None:
            sink.take(name, capture.packets, capture.flows)
            capture = replace(capture, packets=np.empty((0, PACKET_COLUMNS), np.uint32))
        yield capture, prepare(capture), path
