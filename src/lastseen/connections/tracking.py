"""From packet rows to connection rows: one pass over each flow's packets, in file order.

Flow after flow, not packet after packet: the rows are first brought into the order of their flows (a counting sort),
so that one connection's numbers stay in the cache and the working memory does not grow with the number of
connections.

A flow is split into connections where a SYN opens another one (`state_machine.begins_anew`) and after a long
silence. Zeek also ends connections by timers that depend on the other traffic of a capture: five seconds
after a close or after an unanswered SYN. These are left out, because late and repeated packets of a hanging
connection are what this tool is about: they stay with their connection.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lastseen.compiled import FETCHED_AHEAD, fetch_ahead, kernel, packet_kernel, side_by_side, step_kernel
from lastseen.connections import history, state_machine
from lastseen.connections.reassembly import PARTIAL
from lastseen.connections.scratch import (
    C_END,
    C_GAP,
    C_GAP_ROW,
    C_KNOWN,
    C_LAST_ROW,
    C_LETTERS,
    C_ORIGINATOR,
    C_PROGRESS,
    C_PROGRESS_ROW,
    C_REPEAT,
    C_ROW,
    C_SERVICE,
    C_SHAKEN,
    C_STALL,
    C_STALL_FROM,
    C_STALL_NS,
    C_STALL_SIDE,
    C_STALL_UNTIL,
    C_START,
    C_TALKER,
    E_STATE,
    END,
    LETTERS,
    LETTERS_AT,
    P_ACK,
    P_CUT,
    P_FLAGS,
    P_ID,
    P_LENGTH,
    P_ROW,
    P_SEQ,
    P_SIDE,
    P_TIME,
    P_WINDOW,
    Q_STARTED,
    START,
    T_BYTES,
    T_DUPLICATED,
    T_FIN,
    T_ISN,
    T_ISN_KNOWN,
    T_OUT_OF_ORDER,
    T_PACKETS,
    T_PROBES,
    T_RETRANSMITTED,
    T_RST,
    T_SPURIOUS,
    T_SYN,
    W_WINDOW,
    WIDTH,
    end_of,
)
from lastseen.connections.sequence import count_holes, look
from lastseen.connections.stalls import finish, observe
from lastseen.tables import packets as rows
from lastseen.tables.connections import CONNECTION

__all__ = ["Connections", "connections"]

SYN: Final = history.SYN
FIN: Final = history.FIN
RST: Final = history.RST
ACK: Final = history.ACK
TCP: Final = 6
"""IP protocol number."""

INACTIVITY_NS: Final = 300 * 10**9
"""After this silence a packet begins another connection (Zeek: tcp_inactivity_timeout)."""
INTERACTIVE_INACTIVITY_NS: Final = 3600 * 10**9
"""The same for services that idle for long (Zeek: scripts/base/protocols/conn/inactivity.zeek)."""
LONG_AGO: Final = -(1 << 61)
INTERACTIVE_PORTS: Final = (21, 22, 23, 513)

SERVER_PORTS: Final = (
    *(21, 22, 25, 53, 79, 80, 81, 88, 135, 139, 143, 389, 443, 445, 465, 502, 514, 563, 585, 587, 614, 631),
    *(636, 989, 990, 992, 993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223, 5269, 5432),
    *(6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000),
)
"""TCP ports taken for a server's where no SYN says who opened (Zeek: `likely_server_ports` of its base scripts)."""
COPY_DISTANCE: Final = 64
"""How many packets of the flow back a copy of a packet is looked for: both sightings come from one burst."""

PORT_KINDS: Final = np.zeros(65536, np.uint8)
"""uint8[65536]: bit 0, a server's port; bit 1, a service that idles for long."""
PORT_KINDS[list(SERVER_PORTS)] |= 1
PORT_KINDS[list(INTERACTIVE_PORTS)] |= 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connections:
    """The TCP connections of one capture.

    `table`: CONNECTION[m], ordered by first packet.
    `of_packet`: int32[n], the row in `table` of each packet; -1: no TCP packet, or one whose header is malformed.
    """

    table: npt.NDArray[np.void] = field(repr=False)
    of_packet: npt.NDArray[np.int32] = field(repr=False)


def connections(packets: rows.PacketRows, flows: rows.FlowRows, *, analysed: bool = True) -> Connections:
    """The TCP connections of a capture's `packets` and `flows`.

    States and histories are those `zeek -C` gives, but for its timers (see above). Fragments are not reassembled: a
    datagram in fragments belongs to no connection. Where a file is not in order of time, each flow is brought into it.

    Not `analysed`, half of the time: `table` tells how the packets belong together, the states and the counts; the
    columns on stalls, repetitions, copies, probes, holes and initial numbers mean nothing.
    """
    packets = np.ascontiguousarray(packets, dtype=np.uint32)
    flows = np.ascontiguousarray(flows, dtype=np.uint32)
    times = packets.view(np.int64)
    starts, most, disordered = count_by_flow(packets, times, is_tcp(flows))
    order = np.empty(int(starts[-1]), np.int32)
    order_by_flow(packets, starts, order)
    if disordered.any():
        most += order_by_time(packets, times, order, starts, disordered)
    of_packet = np.full(len(packets), -1, np.int32)
    half = int(np.searchsorted(starts, starts[-1] // 2))
    tables = packets, times, flows, order, starts
    # the second part numbers its connections from `most` on, as nobody knows yet how many the first one has
    table, more = side_by_side(
        lambda part: _tracked(tables, of_packet, most, part, analysed=analysed),
        ((0, half), (half, len(flows))),
        rows=len(packets),
    )
    if len(more):
        np.subtract(of_packet, most - len(table), out=of_packet, where=of_packet >= most)
        table = np.concatenate([table, more])
    return in_order(table, of_packet)


def _tracked(
    tables: Any, of_packet: npt.NDArray[np.int32], most: int, flows: tuple[int, int], *, analysed: bool
) -> npt.NDArray[np.void]:
    """The connections of some of the flows, at most `most`; those after the first flow are numbered from `most` on."""
    begin, end = flows
    if begin == end:
        return np.empty(0, CONNECTION)
    table = np.zeros(
        most + 2, CONNECTION
    )  # with one row its columns would be contiguous: another type to compile for
    scratch, (packets, times, flow_rows, order, starts) = np.zeros(WIDTH, np.int64), tables
    found = track(
        scratch,
        packets,
        times,
        flow_rows,
        order,
        starts,
        table,
        history_bytes(table),
        of_packet,
        PORT_KINDS,
        begin,
        end,
        most if begin else 0,
        analysed,
    )
    return table[:found] if found > most // 2 else table[:found].copy()


def is_tcp(flows: rows.FlowRows) -> npt.NDArray[np.uint8]:
    """uint8[m], 1 where the flow is TCP with ports."""
    kind = flows[:, rows.FLOW_PROTO] & (0xFF | rows.FLOW_IS_DATAGRAM)
    wanted: npt.NDArray[np.uint8] = (kind == TCP).astype(np.uint8)
    return wanted


def history_bytes(table: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
    """The column `history` as uint8[n, 40] that shares memory with `table`."""
    offset = int(CONNECTION.fields["history"][1])  # type: ignore[index]
    octets = table.view(np.uint8).reshape(len(table), CONNECTION.itemsize)
    letters: npt.NDArray[np.uint8] = octets[:, offset : offset + LETTERS]
    return letters


def in_order(table: npt.NDArray[np.void], of_packet: npt.NDArray[np.int32]) -> Connections:
    """Number the connections by their first packet (flows are; only a split flow disturbs it)."""
    first = table["first"]
    if len(first) > 1 and bool(np.any(first[1:] < first[:-1])):
        order = np.argsort(first, kind="stable")
        numbers = np.empty(len(order) + 1, np.int32)
        numbers[order] = np.arange(len(order), dtype=np.int32)
        numbers[-1] = -1
        table, of_packet = table[order], numbers[of_packet]
    return Connections(table=table, of_packet=of_packet)


@kernel
def count_by_flow(packets: Any, times: Any, wanted: Any) -> Any:
    """(int64[m + 1], most, bool[m]): where each wanted flow's packets begin in flow order; a bound of connections.

    A connection begins with a flow, a SYN or a long silence; `track` relies on the bound. Last: which wanted flows are
    not in order of time.
    """
    flow_count = len(wanted)
    starts = np.zeros(flow_count + 1, np.int64)
    before, latest = np.full(flow_count, LONG_AGO, np.int64), np.full(flow_count, LONG_AGO, np.int64)
    disordered = np.zeros(flow_count, np.bool_)
    most = 0
    for i in range(len(packets)):
        flow = packets[i, rows.FLOW] >> 1
        if flow >= flow_count or not wanted[flow]:
            continue
        starts[flow + 1] += 1
        disordered[flow] |= times[i, 0] < latest[flow]
        latest[flow] = times[i, 0]
        if not packets[i, rows.MISC] >> 24 & rows.INFO_MALFORMED:
            if packets[i, rows.LENGTH_FLAGS] & SYN or times[i, 0] - before[flow] >= INACTIVITY_NS:
                most += 1
            before[flow] = times[i, 0]
    for flow in range(flow_count):
        starts[flow + 1] += starts[flow]
    return starts, most, disordered


@kernel
def order_by_time(packets: Any, times: Any, order: Any, starts: Any, disordered: Any) -> Any:
    """Bring the `disordered` flows' parts of `order` into order of time; a bound of their connections in that order.

    A capture of several queues or a file put together of others is not in order, and a connection read backwards
    makes no sense.
    """
    most = 0
    for flow in range(len(disordered)):
        if not disordered[flow]:
            continue
        mine = order[starts[flow] : starts[flow + 1]].copy()
        mine = mine[np.argsort(times[mine, 0], kind="mergesort")]
        order[starts[flow] : starts[flow + 1]] = mine
        before = np.int64(LONG_AGO)
        for row in mine:
            if not packets[row, rows.MISC] >> 24 & rows.INFO_MALFORMED:
                if packets[row, rows.LENGTH_FLAGS] & SYN or times[row, 0] - before >= INACTIVITY_NS:
                    most += 1
                before = times[row, 0]
    return most


@kernel
def order_by_flow(packets: Any, starts: Any, order: Any) -> None:
    """Fill `order`, int32[k]: the packets' row numbers flow after flow, in file order within each."""
    following = starts[:-1].copy()
    for i in range(len(packets)):
        flow = packets[i, rows.FLOW] >> 1
        if flow < len(following) and starts[flow] < starts[flow + 1]:
            order[following[flow]] = i
            following[flow] += 1


@packet_kernel
def load(s: Any, packet: Any, time: Any, row: Any) -> None:
    """Take a packet row in hand."""
    s[P_ROW], s[P_TIME] = row, time
    s[P_SIDE] = packet[rows.FLOW] & 1
    s[P_SEQ], s[P_ACK] = packet[rows.SEQ], packet[rows.ACK]
    s[P_LENGTH] = packet[rows.LENGTH_FLAGS] >> 8
    s[P_FLAGS] = packet[rows.LENGTH_FLAGS] & 0xFF
    s[P_WINDOW] = packet[rows.ID_WINDOW] & 0xFFFF
    info = packet[rows.MISC] >> 24
    s[P_ID] = packet[rows.ID_WINDOW] >> 16 if info & rows.INFO_IP_ID else 0
    s[P_CUT] = info & rows.INFO_CUT


@step_kernel
def begin(s: Any, ports: Any, port_kinds: Any) -> None:
    """Begin a connection with the packet in hand; `ports` are of the flow's `a` << 16 | of its `b`."""
    s[START:END] = 0
    state_machine.start_ends(s)
    s[end_of(0) + W_WINDOW] = s[end_of(1) + W_WINDOW] = -1
    s[C_ORIGINATOR] = s[P_SIDE]
    s[C_ROW] = s[C_PROGRESS_ROW] = s[P_ROW]
    s[C_START] = s[C_END] = s[C_PROGRESS] = s[P_TIME]
    s[C_GAP_ROW] = s[C_STALL_FROM] = s[C_STALL_UNTIL] = s[C_TALKER] = -1
    s[C_SHAKEN] = 0 if s[P_FLAGS] & SYN else 1
    source, target = ports >> 16, ports & 0xFFFF
    if s[P_SIDE]:
        source, target = target, source
    if s[P_FLAGS] & (SYN | ACK) != SYN and port_kinds[source] & 1:
        both = port_kinds[target] & 1
        if not both or (not s[P_FLAGS] & SYN and source < target):
            history.flip(s)
    s[C_SERVICE] = port_kinds[target if s[C_ORIGINATOR] == s[P_SIDE] else source] & 2


@packet_kernel
def has_expired(s: Any) -> Any:
    """Whether the packet in hand comes too late to belong to the connection."""
    waited = s[P_TIME] - s[C_END]
    if waited < INACTIVITY_NS:
        return False
    first = s[end_of(s[C_ORIGINATOR]) + E_STATE]
    interactive = s[C_SERVICE] and first != PARTIAL
    return not interactive or waited >= INTERACTIVE_INACTIVITY_NS


@step_kernel
def note_isn(s: Any) -> None:
    """Initial sequence numbers: from a SYN, else from its acknowledgment."""
    flags = s[P_FLAGS]
    end, peer = end_of(s[P_SIDE]), end_of(1 - s[P_SIDE])
    if flags & SYN:
        s[end + T_ISN], s[end + T_ISN_KNOWN] = s[P_SEQ], 1
    if not flags & ACK or flags & RST or s[peer + T_ISN_KNOWN]:
        return
    first_ack = (
        s[end + T_ISN_KNOWN] == 1 and s[end + T_PACKETS] == s[end + T_SYN] + 1 and not s[peer + Q_STARTED]
    )
    if flags & SYN or (first_ack and s[P_SEQ] == (s[end + T_ISN] + 1) & 0xFFFFFFFF):
        s[peer + T_ISN], s[peer + T_ISN_KNOWN] = (s[P_ACK] - 1) & 0xFFFFFFFF, 2


@packet_kernel
def count(s: Any) -> None:
    """Count the packet in hand and the time since the one before."""
    end, flags = end_of(s[P_SIDE]), s[P_FLAGS]
    s[end + T_PACKETS] += 1
    s[end + T_BYTES] += s[P_LENGTH]
    if flags & (SYN | FIN | RST):
        s[end + T_SYN] += 1 if flags & SYN else 0
        s[end + T_FIN] += 1 if flags & FIN else 0
        s[end + T_RST] += 1 if flags & RST else 0
        by_originator = s[P_SIDE] == s[C_ORIGINATOR]
        if flags & SYN and by_originator != (flags & ACK != 0):
            s[C_KNOWN] = 1
    if flags & SYN or s[end + T_PACKETS] == s[end + T_SYN] + 1:
        note_isn(s)
    if s[P_TIME] - s[C_END] > s[C_GAP]:
        s[C_GAP] = s[P_TIME] - s[C_END]
        s[C_GAP_ROW] = s[P_ROW]
    s[C_END] = max(s[C_END], s[P_TIME])
    s[C_START] = min(s[C_START], s[P_TIME])
    s[C_LAST_ROW] = s[P_ROW]


@step_kernel
def is_copy(packets: Any, order: Any, at: Any, low: Any) -> Any:
    """Whether the packet at `order[at]` is one seen before, by its IPv4 identification."""
    packet = packets[order[at]]
    for i in range(at - 1, max(low, at - COPY_DISTANCE) - 1, -1):
        other = packets[order[i]]
        if (
            other[rows.SEQ] == packet[rows.SEQ]
            and other[rows.ACK] == packet[rows.ACK]
            and other[rows.FLOW] == packet[rows.FLOW]
            and other[rows.LENGTH_FLAGS] == packet[rows.LENGTH_FLAGS]
            and other[rows.ID_WINDOW] >> 16 == packet[rows.ID_WINDOW] >> 16
        ):
            return True
    return False


@step_kernel
def store_pairs(s: Any, entry: Any) -> None:
    """Write the counts of both ends, the originator's first."""
    for i in range(2):
        end = end_of(s[C_ORIGINATOR] if i == 0 else 1 - s[C_ORIGINATOR])
        entry["packets"][i] = s[end + T_PACKETS]
        entry["bytes"][i] = s[end + T_BYTES]
        entry["syn"][i] = s[end + T_SYN]
        entry["fin"][i] = s[end + T_FIN]
        entry["rst"][i] = s[end + T_RST]
        entry["retransmitted"][i] = s[end + T_RETRANSMITTED]
        entry["spurious"][i] = s[end + T_SPURIOUS]
        entry["duplicated"][i] = s[end + T_DUPLICATED]
        entry["out_of_order"][i] = s[end + T_OUT_OF_ORDER]
        entry["probes"][i] = s[end + T_PROBES]
        entry["holes"][i] = count_holes(s, end)
        entry["isn"][i] = s[end + T_ISN]
        entry["isn_known"][i] = s[end + T_ISN_KNOWN]


@step_kernel
def store(s: Any, entry: Any, letters: Any) -> None:
    """Write the finished connection into its row."""
    finish(s)
    entry["originator"] = s[C_ORIGINATOR]
    entry["originator_known"] = s[C_KNOWN]
    entry["state"] = state_machine.conclude(s)
    entry["stall"] = s[C_STALL]
    entry["stall_ns"] = s[C_STALL_NS]
    entry["stall_side"] = 0 if s[C_STALL_SIDE] == s[C_ORIGINATOR] or not s[C_STALL] else 1
    entry["stall_from"] = s[C_STALL_FROM]
    entry["stall_until"] = s[C_STALL_UNTIL]
    entry["first"] = s[C_ROW]
    entry["last"] = s[C_LAST_ROW]
    entry["start_ns"] = s[C_START]
    entry["end_ns"] = s[C_END]
    entry["longest_gap_ns"] = s[C_GAP]
    entry["gap_before"] = s[C_GAP_ROW]
    store_pairs(s, entry)
    for i in range(s[C_LETTERS]):
        letters[i] = s[LETTERS_AT + i]


@packet_kernel
def analyse(s: Any, packets: Any, order: Any, at: Any, low: Any) -> None:
    """Say what the packet in hand repeats and who was waited for; a copy of a moment ago is only counted."""
    look(s)
    if s[C_REPEAT]:
        end = end_of(s[P_SIDE])
        if s[P_ID] and is_copy(packets, order, at, low):
            s[C_REPEAT] = 0
            s[end + T_DUPLICATED] += 1
        else:
            s[end + T_RETRANSMITTED] += 1
    observe(s)


@step_kernel
def track(
    s: Any,
    packets: Any,
    times: Any,
    flows: Any,
    order: Any,
    starts: Any,
    table: Any,
    text: Any,
    of_packet: Any,
    port_kinds: Any,
    begin_flow: Any,
    end_flow: Any,
    base: Any,
    analysed: Any,
) -> Any:
    """Fill `table`, `text` (its histories) and `of_packet` (numbers from `base` on); returns how many connections.

    Only the flows from `begin_flow` to `end_flow`.
    """
    found, last = 0, len(order) - 1
    for flow in range(begin_flow, end_flow):
        low = starts[flow]
        is_open = False
        for at in range(low, starts[flow + 1]):
            row = order[at]
            fetch_ahead(packets, order[min(at + FETCHED_AHEAD, last)])
            if packets[row, rows.MISC] >> 24 & rows.INFO_MALFORMED:
                continue
            load(s, packets[row], times[row, 0], row)
            if is_open and (has_expired(s) or state_machine.begins_anew(s)):
                store(s, table[found], text[found])
                found += 1
                low = at
                load(s, packets[row], times[row, 0], row)
                is_open = False
            if not is_open:
                begin(s, np.int64(flows[flow, rows.FLOW_PORTS]), port_kinds)
                table[found]["flow"] = flow
                table[found]["interface"] = flows[flow, rows.FLOW_PROTO] >> 16
                is_open = True
            state_machine.advance(s)
            if analysed:
                analyse(s, packets, order, at, low)
            count(s)
            of_packet[row] = base + found
        if is_open:
            store(s, table[found], text[found])
            found += 1
    return found
