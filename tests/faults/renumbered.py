"""A connection whose numbers a device has moved, and a loss that SACK blocks tell of."""

from collections.abc import Callable

import packet_writer as w
from written_cases import Sent, Talk, View, seen

MOVED = 912_345_678
START = 2_000_001


def talk(
    *, blocks: bool = True, moved: int = 0, edges: int = 0, again_ms: float | None = 260, rest_ms: float = 0,
) -> Talk:  # fmt: skip
    """Three segments of which the first is lost beyond both points, told by blocks, and sent again.

    `moved`: how far the server's numbers are moved at this point, `edges`: those of the blocks. `rest_ms`: a pause
    before the close; `again_ms` None: it is never sent again.
    """
    made = Talk(timestamps=True)
    made.next_seq[1] += moved
    made.opening()
    made.send(10, "PA", client=True, size=150)
    first = made.next_seq[1]
    for part in range(3):
        made.send(12 + part, "A", size=1200)
    lost = made.sent[-3].number
    for part in (1, 2):
        left, right = START + edges + 1200, START + edges + 1200 * (part + 1)
        made.send(
            13 + part, "A", client=True, unheard=made.next_seq[1] - first,
            options=w.sack((left, right)) if blocks else b"",
        )  # fmt: skip
    end_ms = 20.0 if again_ms is None else again_ms
    if again_ms is not None:
        made.send(again_ms, "A", size=1200, again=lost)
        made.send(again_ms + 1, "A", client=True)
    unheard = 3600 if again_ms is None else 0
    made.send(end_ms + rest_ms + 11, "FA", client=True, unheard=unheard)
    made.send(end_ms + rest_ms + 12, "FA")
    made.send(end_ms + rest_ms + 13, "A", client=True, unheard=unheard + 1 if unheard else 0)
    return made


def captures(
    near: Talk, far: Talk, *, drop: Callable[[Sent], bool] = lambda _: False
) -> dict[str, bytes | str]:
    """Beyond the device, next to the server, and on its client's side."""
    return {
        "1_outside.pcap": seen([far], View(drop=drop)),
        "2_inside.pcap": seen([near], View(delay_ms=0.1, drop=drop)),
    }
