"""/proc/net/softnet_stat: packets each CPU took from its network cards' queues, and those it had to drop.

Source: the kernel's net/core/net-procfs.c, `softnet_seq_show`: hexadecimal columns without a heading, one line an
online CPU. 10 columns up to 3.10, 11 with flow limits (3.11), 13 with backlog length and CPU number (5.10), 15
with both queues' lengths (6.5). Before 5.10 the CPU is the line's position, which is wrong where CPUs are offline.

| column | name | meaning |
|---|---|---|
| 1 | processed | packets taken from queues |
| 2 | dropped | packets dropped because the CPU's backlog was full (net.core.netdev_max_backlog) |
| 3 | time_squeeze | times the softirq stopped with work left (net.core.netdev_budget) |
| 10 | received_rps | times woken to take packets other CPUs steered here |
| 11 | flow_limit_count | packets dropped by the flow limit |
"""

import re
from collections.abc import Iterator
from typing import Final

from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "/proc/net/softnet_stat"

_COMMAND = re.compile(r"\s/proc/(?:\w{1,20}/)?net/softnet_stat(?:\s|$)")
_LINE = re.compile(r"^[0-9a-f]{8}(?: [0-9a-f]{8}){8,19}\s*$")
_NAMES: Final = {0: "processed", 1: "dropped", 2: "time_squeeze", 9: "received_rps", 10: "flow_limit_count"}
_CPU_COLUMN: Final = 12


def recognise(head: Head) -> bool:
    """Every one of the first lines has 9 to 20 columns of eight hexadecimal digits; or the command, with no output."""
    lines = [line for line in head.lines if line.strip()]
    return all(_LINE.match(line) for line in lines) if lines else bool(_COMMAND.search(head.command))


def read(text: Text) -> Iterator[Counter | Weird]:
    """`Counter`s of family "softnet", scope "cpu=N"."""
    cpu = -1
    for number, line in text.lines():
        if not line.strip():
            continue
        if not _LINE.match(line):
            yield text.weird(number, "not a line of hexadecimal columns")
            continue
        columns = line.split()
        cpu = int(columns[_CPU_COLUMN], base=16) if len(columns) > _CPU_COLUMN else cpu + 1
        for column, name in _NAMES.items():
            if column < len(columns):
                value = int(columns[column], base=16)
                yield Counter(**text.at(number), family="softnet", scope=f"cpu={cpu}", name=name, value=value)
