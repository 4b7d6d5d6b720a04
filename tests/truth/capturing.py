"""What a capture at a point of the network shows: other clocks, addresses, headers, cuts, gaps, merges and copies.

Each captured frame keeps the numbers of the packets it stands for, so that what is claimed of a frame can be held
against what happened.
"""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import packet_writer as w
from network import Network, Sent, Talk

__all__ = ["Frame", "View", "captured", "written"]

Ends = tuple[tuple[str, int], tuple[str, int]]
"""(address, port) of the client and of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How one point records. Times are the network's; `clock` is (offset ns, drift in millionths).

    `span`: from when to when it runs. `missed`: share of packets the capture drops, `bursts`: several in a row;
    `says_missed`: and counts (pcapng). `twice`: share recorded twice. `merged`: up to how many segments in a row
    are one frame (receive or segmentation offload). `unsorted_ns`: records are written in another order than their
    times. `only`: talks its filter lets through, None all.
    """

    clock: tuple[int, float] = (0, 0.0)
    span: tuple[int, int] = (-(1 << 62), 1 << 62)
    missed: float = 0.0
    bursts: bool = False
    says_missed: bool = False
    twice: float = 0.0
    merged: int = 1
    unsorted_ns: int = 0
    snap_length: int = 65535
    wrap: Callable[[bytes], bytes] | None = None
    tail: tuple[int, bytes] = (0, b"")
    ttl: int = 64
    pcapng: bool = False
    only: frozenset[int] | None = None
    filter_text: str = ""
    closes: bool = False
    moved: tuple[int, int] = (0, 0)
    one_way: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One record: its time by the point's clock, its bytes, and the packets in it."""

    time_ns: int
    data: bytes
    uids: tuple[int, ...]


def captured(
    network: Network, point: int, view: View, talks: Sequence[Talk], ends: Sequence[Ends], rng: random.Random
) -> tuple[list[Frame], int]:
    """(the records in file order, how many the capture dropped)."""
    seen = [
        (t, network.sent[uid]) for t, uid in network.passed[point]
        if view.span[0] <= t <= view.span[1]
        and (view.only is None or network.sent[uid].talk in view.only)
        and view.one_way in (None, network.sent[uid].side)
    ]  # fmt: skip
    groups, dropped, gap = _merged(seen, view, rng), 0, 0
    frames: list[Frame] = []
    for time_ns, group in groups:
        if gap or rng.random() < view.missed:
            gap = gap - 1 if gap else (rng.randint(0, 12) if view.bursts else 0)
            dropped += 1
            continue
        data = _frame(group, view, network, talks, ends)
        uids = tuple(sent.uid for sent in group)
        offset, drift = view.clock
        stamp = time_ns + offset + int(time_ns % 10**15 * drift / 1e6)
        frames.append(Frame(time_ns=stamp, data=data, uids=uids))
        if rng.random() < view.twice:
            frames.append(Frame(time_ns=stamp + rng.randint(0, 5000), data=data, uids=uids))
    if view.unsorted_ns:
        frames = [
            f
            for _, f in sorted(
                ((f.time_ns + rng.randint(0, view.unsorted_ns), i), f) for i, f in enumerate(frames)
            )
        ]
    return frames, dropped


def _merged(seen: list[tuple[int, Sent]], view: View, rng: random.Random) -> list[tuple[int, list[Sent]]]:
    """Runs of segments that follow each other, as offload makes one packet of them."""
    groups: list[tuple[int, list[Sent]]] = []
    open_at: dict[tuple[int, int], int] = {}
    for time_ns, sent in seen:
        key = sent.talk, sent.side
        at = open_at.get(key)
        if at is not None and view.merged > 1 and rng.random() < 0.9:
            when, group = groups[at]
            last = group[-1]
            if (
                sent.length and last.length and len(group) < view.merged and time_ns - when < 300_000
                and sent.ack == last.ack and last.flags == "A" and sent.flags in ("A", "PA")
                and sent.seq == (last.seq + last.length) % 2**32
            ):  # fmt: skip
                group.append(sent)
                continue
        open_at[key] = len(groups)
        groups.append((time_ns, [sent]))
    return groups


def _frame(
    group: list[Sent], view: View, network: Network, talks: Sequence[Talk], ends: Sequence[Ends]
) -> bytes:
    first = group[0]
    if first.quoted is None:
        packet = _packet(group, view, talks[first.talk], ends[first.talk])
    else:
        unmoved = replace(view, moved=(0, 0))
        quoted = _packet([network.sent[first.quoted]], unmoved, talks[first.talk], ends[first.talk])
        packet = _error(first, quoted, ends[first.talk][1 - first.side][0], view)
    if view.wrap is not None:
        return view.wrap(packet)
    pad_to, trailer = view.tail
    return w.ethernet(packet, pad_to=pad_to, trailer=trailer)


def _error(sent: Sent, quoted: bytes, receiver: str, view: View) -> bytes:
    """A router's ICMP error (time exceeded, or administratively prohibited) about a packet, to its sender."""
    odd = sent.router % 2
    if ":" in receiver:
        told = w.icmp6(1 if odd else 3, odd, rest=bytes(4), data=quoted[:1232])
        return w.ipv6(f"2001:db8:f::{sent.router}", receiver, told, hop_limit=view.ttl)
    told = w.icmp(
        3 if odd else 11, 13 * odd, rest=bytes(4), data=quoted[: (28, 548)[sent.identification % 2]]
    )
    return w.ipv4(f"198.18.0.{sent.router}", receiver, told, identification=sent.identification, ttl=view.ttl)


def _packet(group: list[Sent], view: View, talk: Talk, pair: Ends) -> bytes:
    """The IP packet."""
    first = group[0]
    (src, sport), (dst, dport) = pair if first.side == 0 else pair[::-1]
    if talk.kind == "tcp":
        payload = _segment(group, view, (sport, dport))
    elif talk.kind == "udp":
        payload = w.udp(sport, dport, first.payload)
    elif talk.kind == "sctp":
        chunk = struct.pack(">BBHIHHI", 0, 3, 16 + len(first.payload), talk.isn[first.side], 0, first.seq, 0)
        payload = w.sctp(sport, dport, chunk + first.payload, tag=talk.isn[1 - first.side])
    elif ":" in src:
        payload = w.icmp6({8: 128, 0: 129}[first.icmp_kind], rest=_echo(first), data=first.payload)
    else:
        payload = w.icmp(first.icmp_kind, rest=_echo(first), data=first.payload)
    if ":" in src:
        return w.ipv6(src, dst, payload, flow_label=40_000 + first.talk, hop_limit=view.ttl)
    return w.ipv4(src, dst, payload, identification=first.identification, ttl=view.ttl)


def _segment(group: list[Sent], view: View, ports: tuple[int, int]) -> w.Payload:
    """One TCP segment of those that follow each other."""
    first, last = group[0], group[-1]
    own, peer = view.moved if first.side == 0 else view.moved[::-1]
    length = sum(sent.length for sent in group)
    data = (
        bytes(((first.seq + i) * 37 + (i >> 3)) & 0xFF for i in range(length))
        if length < 200
        else bytes(length)
    )
    return w.tcp(
        *ports, seq=(first.seq + own) % 2**32, flags=last.flags, data=data,
        ack=(first.ack + peer) % 2**32 if "A" in first.flags else 0,
        options=w.timestamps(first.stamp, 1) if first.talk % 2 else b"",
    )  # fmt: skip


def _echo(sent: Sent) -> bytes:
    return (sent.talk + 1).to_bytes(2) + sent.seq.to_bytes(2)


def written(frames: Sequence[Frame], view: View, dropped: int) -> bytes:
    """The file of a capture."""
    if not view.pcapng:
        return w.pcap([(f.time_ns, f.data) for f in frames], nanoseconds=True, snap_length=view.snap_length)
    blocks = w.Pcapng()
    out = [
        blocks.section(),
        blocks.interface(resolution=9, snap_length=view.snap_length, filter_text=view.filter_text),
    ]
    out += [blocks.packet(f.time_ns, f.data[: view.snap_length], wire=len(f.data)) for f in frames]
    end = max((f.time_ns for f in frames), default=0)
    if view.closes and view.span[1] < 1 << 62:
        offset, drift = view.clock
        end = view.span[1] + offset + int(view.span[1] % 10**15 * drift / 1e6)
    if frames and (view.says_missed or view.closes):
        out.append(
            blocks.statistics(
                end, end=end if view.closes else None, if_drop=dropped if view.says_missed else None
            )
        )
    return b"".join(out)
