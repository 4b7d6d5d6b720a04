"""/proc/net/dev: an interface's counters, some of them sums of what `ip -s link` shows apart.

Source: the kernel's net/core/net-procfs.c, `dev_seq_printf_stats`, whose columns have not changed since 2.2. The
name may touch the first number (before 2.6.37), and holds a colon where it is an old-style alias.

| column | name | as in `ip -s -s link` |
|---|---|---|
| bytes, packets, errs | rx_bytes, rx_packets, rx_errors | the same |
| drop | rx_dropped_or_missed | dropped + missed |
| fifo | rx_fifo_errors | the same |
| frame | rx_frame_sum_errors | length + over + crc + frame |
| compressed, multicast | rx_compressed, rx_mcast | -, mcast |
| (transmit) bytes, packets, errs, drop, fifo | tx_bytes, tx_packets, tx_errors, tx_dropped, tx_fifo_errors | the same |
| colls | tx_collsns | the same |
| carrier | tx_carrier_sum_errors | carrier + aborted + window + heartbeat |
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "/proc/net/dev"

_COMMAND = re.compile(r"\s/proc/(?:\w{1,20}/)?net/dev(?:\s|$)")
_HEADER = re.compile(r"^Inter-\|\s+Receive\s+\|\s+Transmit\s*$")
_SECOND = re.compile(r"^ face \|bytes ")
_LINE = re.compile(
    r"^\s*(?P<name>[^\s:]{1,15}(?::[0-9]{1,5}(?=:))?):\s*(?P<values>[0-9]{1,20}(?:\s+[0-9]{1,20}){15})\s*$"
)
_NAMES: Final = (
    "rx_bytes", "rx_packets", "rx_errors", "rx_dropped_or_missed", "rx_fifo_errors", "rx_frame_sum_errors",
    "rx_compressed", "rx_mcast", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "tx_fifo_errors",
    "tx_collsns", "tx_carrier_sum_errors", "tx_compressed",
)  # fmt: skip


def recognise(head: Head) -> bool:
    """The first line is the file's heading; or the command, with no output."""
    first = head.first()
    return bool(_HEADER.match(first)) if first else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Counter | Weird]:
    """`Counter`s of family "link", scope the interface, names as in the table above."""
    for number, line in text.lines():
        if found := _LINE.match(line):
            for name, value in zip(_NAMES, found["values"].split(), strict=True):
                yield Counter(
                    **text.at(number), family="link", scope=found["name"], name=name, value=int(value)
                )
        elif line.strip() and not (_HEADER.match(line) or _SECOND.match(line)):
            yield text.weird(number, "not an interface with sixteen numbers")
