"""Whole cases for tests of faults and verdicts: a conversation as two points see it, host texts, and their diagnosis.

A `Talk` is played by the test, segment by segment; `seen` makes the capture of one point: what is padded there, what
never arrives, where the snap length cuts. `diagnosed` runs every stage on a folder.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import packet_writer as w

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis import Question, diagnose
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Judgement

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
MINUTE_MS = 60_000
SLUG = "ovs_conntrack_padding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One packet as its sender sent it."""

    at_ms: float
    from_client: bool
    packet: bytes
    flags: str
    size: int
    number: int

    @property
    def short(self) -> bool:
        """Whether an Ethernet pads it."""
        return self.packet[0] >> 4 == 4 and len(self.packet) < 46

    @property
    def from_server(self) -> bool:
        return not self.from_client


@dataclass(slots=True, kw_only=True)
class Talk:
    """A TCP connection in the making. `timestamps`: every segment carries the option (52 bytes at least)."""

    client: tuple[str, int] = ("10.0.0.5", 40000)
    server: tuple[str, int] = ("192.0.2.80", 443)
    timestamps: bool = False
    sent: list[Sent] = field(default_factory=list)
    next_seq: list[int] = field(default_factory=lambda: [1_000_001, 2_000_001])
    identification: int = 100

    def send(
        self, at_ms: float, flags: str, *, client: bool = False, size: int = 0, checksum: w.Checksum = "right",
        again: int | None = None, options: bytes = b"", data: bytes | None = None, unheard: int = 0,
        window: int = 502, ttl: int = 64, tos: int = 0,
    ) -> None:  # fmt: skip
        """One segment; `again` repeats packet number `again`; the sender has not heard the last `unheard` bytes.

        `ttl` and `tos` are those of IPv4.
        """
        side = 0 if client else 1
        seq = self.next_seq[side]
        payload = bytes(i * 7 % 251 for i in range(size)) if data is None else data
        if again is not None:
            seq = self._seq_of(again)
        elif "S" in flags:
            seq -= 1
        else:
            self.next_seq[side] += len(payload) + ("F" in flags)
        ends = (self.client, self.server) if client else (self.server, self.client)
        ack = self.next_seq[1 - side] - unheard if "A" in flags else 0
        stamp = w.timestamps(int(at_ms) + 1, 1) if self.timestamps else b""
        segment = w.tcp(
            ends[0][1], ends[1][1], seq=seq, ack=ack, flags=flags, options=options + stamp, data=payload,
            checksum=checksum, window=window,
        )  # fmt: skip
        if ":" in ends[0][0]:
            packet = w.ip(ends[0][0], ends[1][0], segment, identification=self.identification)
        else:
            packet = w.ipv4(
                ends[0][0], ends[1][0], segment, identification=self.identification, ttl=ttl, tos=tos
            )
        self._append(at_ms, packet, flags, client)

    def raw(self, at_ms: float, packet: bytes, *, client: bool = False) -> None:
        """Any IP packet."""
        self._append(at_ms, packet, "", client)

    def _append(self, at_ms: float, packet: bytes, flags: str, client: bool) -> None:
        number = len(self.sent)
        self.sent.append(
            Sent(at_ms=at_ms, from_client=client, packet=packet, flags=flags, size=len(packet), number=number)
        )
        self.identification += 1

    def _seq_of(self, number: int) -> int:
        packet = self.sent[number].packet
        header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
        return int.from_bytes(packet[header + 4 : header + 8], "big")

    def opening(self) -> None:
        """Handshake with the options of today's stacks; client's ACK at 1 ms."""
        modern = w.mss(1460) + w.sack_permitted() + w.window_scale(7)
        self.send(0, "S", client=True, options=modern)
        self.send(0.5, "SA", options=modern)
        self.send(1, "A", client=True)

    def exchange(self, at_ms: float, *, segments: int = 4, acknowledged: bool = True) -> None:
        """A request, its bare acknowledgment, and full segments in answer, each acknowledged by the client."""
        self.send(at_ms, "PA", client=True, size=200)
        if acknowledged:
            self.send(at_ms + 1, "A")
        for part in range(segments):
            self.send(at_ms + 2 + part, "PA", size=1200)
            self.send(at_ms + 2.5 + part, "A", client=True)

    def unheard_close(self, at_ms: float, *, times: int = 5, until_ms: float = 6_000) -> None:
        """The server's FIN repeated unheard; the client closes at `until_ms` and hears nothing."""
        self.send(at_ms, "FA")
        first = self.sent[-1].number
        for part in range(1, times):
            self.send(at_ms + 200 * 2**part, "FA", again=first)
        self.send(until_ms, "FA", client=True, unheard=1)
        self.send(until_ms + 1, "A")


def seed_talk(*, timestamps: bool = False) -> Talk:
    """The conversation of the padding fault: answer in milliseconds, then a FIN that nobody hears."""
    talk = Talk(timestamps=timestamps)
    talk.opening()
    talk.exchange(10)
    talk.unheard_close(20)
    return talk


def unfinished_talk(*, filled: bool) -> Talk:
    """The server's data reaches the client's side without its checksum; `filled`: the client takes it."""
    made = Talk(timestamps=True)
    made.opening()
    made.send(10, "PA", client=True, size=150)
    made.send(11, "A")
    for part in range(3):
        made.send(12 + part, "PA", size=900, checksum="partial")
        if filled:
            made.send(12.4 + part, "A", client=True)
    if filled:
        made.send(20, "FA")
        made.send(21, "FA", client=True)
        made.send(22, "A")
        return made
    first = [sent.number for sent in made.sent if sent.size > 900]
    for at_ms in (220, 640, 1500, 3200):
        made.send(at_ms, "PA", size=900, again=first[0], checksum="partial")
    made.send(5000, "FA", client=True, unheard=2700)
    return made


def bursts() -> tuple[Talk, set[int]]:
    """Four bursts, and the numbers of the packets at their tails, which are sent again later."""
    return pieces_lost([(12 + 60 * (part // 8) + part / 10, part % 8 > 5) for part in range(32)])


def pieces_lost(parts: Iterable[tuple[float, bool]], *, every_ms: float = 40) -> tuple[Talk, set[int]]:
    """Segments of an answer, (ms, whether it is lost) each; the numbers of those lost, which are sent again later, so often."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=150)
    talk.send(11, "A")
    over = set()
    for at_ms, is_lost in parts:
        talk.send(at_ms, "A", size=1200)
        if is_lost:
            over.add(talk.sent[-1].number)
    for number, first in enumerate(sorted(over)):
        talk.send(1500 + every_ms * number, "A", size=1200, again=first)
    talk.send(1990, "A", client=True)
    talk.send(2000, "FA")
    talk.send(2001, "FA", client=True)
    talk.send(2002, "A")
    return talk, over


def datagrams(checksum: w.Checksum, *, count: int = 12) -> Talk:
    """DNS-like: every other answer is short enough to be padded."""
    talk = Talk()
    for number in range(count):
        query = w.udp(5353, 53, b"q" * 30, checksum=checksum)
        reply = w.udp(53, 5353, bytes([number]) * (9 if number % 2 else 60), checksum=checksum)
        talk.raw(
            10 * number, w.ipv4("10.0.0.5", "192.0.2.53", query, identification=500 + number), client=True
        )
        talk.raw(10 * number + 1, w.ipv4("192.0.2.53", "10.0.0.5", reply, identification=900 + number))
    talk.raw(10 * count, talk.sent[1].packet)
    return talk


def padded(sent: Sent) -> int:
    """Padding as on the wire from the server's side."""
    return 60 if sent.from_server else 0


def nothing(_: Sent) -> bool:
    return False


def lost_short(sent: Sent) -> bool:
    """What the fault takes on the way to the client."""
    return sent.from_server and sent.short


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a point sees a talk. `pad_to`: least frame length of a packet there; `fill`: byte of the padding.

    `change`: what a device before this point made of the packet; `macs`: (source, destination) of its frame.
    """

    delay_ms: float = 0.0
    drop: Callable[[Sent], bool] = nothing
    pad_to: Callable[[Sent], int] = lambda _: 0
    fill: bytes = b"\0"
    snap_length: int = 262144
    until_ms: float = float("inf")
    change: Callable[[Sent], bytes] = lambda sent: sent.packet
    macs: Callable[[Sent], tuple[bytes, bytes]] = lambda _: (w.MAC_A, w.MAC_B)


def packets(talks: Iterable[Talk], view: View) -> list[w.Packet]:
    """What one point sees, in order of time. Packets of the client pass it later, those of the server earlier."""
    found = []
    for talk in talks:
        for sent in talk.sent:
            if view.drop(sent) or sent.at_ms > view.until_ms:
                continue
            source, destination = view.macs(sent)
            frame = w.ethernet(view.change(sent), src=source, dst=destination)
            frame += view.fill * max(view.pad_to(sent) - len(frame), 0)
            way = view.delay_ms if sent.from_server else -view.delay_ms
            found.append((START_NS + int((sent.at_ms + way) * MS), frame))
    return sorted(found)


def seen(talks: Iterable[Talk], view: View) -> bytes:
    """The capture of one point."""
    return w.pcap(packets(talks, view), snap_length=view.snap_length)


TUNNEL = View(pad_to=padded)
TAP = View(delay_ms=0.1, drop=lost_short)


def write_case(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """The files of a case below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def two_points(talks: Iterable[Talk], up: View = TUNNEL, down: View = TAP) -> dict[str, bytes | str]:
    """Captures upstream and downstream of a hop for packets to the client."""
    talks = list(talks)
    return {"1_tunnel.pcap": seen(talks, up), "2_tap.pcap": seen(talks, down)}


def diagnosed(folder: Path, *, wanted: tuple[str, ...] = ()) -> Diagnosis:
    """Every stage, as `lastseen diagnose` runs them."""
    with Progress() as progress, opened([folder], progress) as case:
        return diagnose(matched(case, progress), case.rows, case.details, question=Question(wanted=wanted))


def judgement(diagnosis: Diagnosis, fault: str = SLUG) -> Judgement:
    """What one fault said."""
    return next(j for j in diagnosis.judgements if j.fault == fault)


# ---- host texts ----


def conntrack_stats(invalid: int) -> str:
    """`conntrack -S` of a host with one CPU."""
    return f"cpu=0 \tfound=0 invalid={invalid} insert=0 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 \n"


def log_line(sent: Sent, *, reason: str = "nf_ct_proto_6: bad checksum", second: int = 100) -> str:
    """The kernel's line about a TCP or UDP packet over IPv4."""
    ip = sent.packet
    word = lambda at: int.from_bytes(ip[at : at + 2], "big")  # noqa: E731 - two letters shorter each time
    address = lambda at: ".".join(str(part) for part in ip[at : at + 4])  # noqa: E731
    head = (
        f"[{second:5d}.000000] {reason} IN=w1 OUT= MAC=02:00:00:00:00:0b:02:00:00:00:00:0a:08:00 SRC={address(12)} "
        f"DST={address(16)} LEN={word(2)} TOS=0x00 PREC=0x00 TTL=64 ID={word(4)} DF "
    )
    if ip[9] == 17:
        return head + f"PROTO=UDP SPT={word(20)} DPT={word(22)} LEN={word(24)} \n"
    names = {"S": "SYN", "F": "FIN", "R": "RST", "P": "PSH", "A": "ACK"}
    flags = " ".join(names[letter] for letter in "APRSF" if letter in sent.flags)
    seq, ack = int.from_bytes(ip[24:28], "big"), int.from_bytes(ip[28:32], "big")
    return (
        head
        + f"PROTO=TCP SPT={word(20)} DPT={word(22)} SEQ={seq} ACK={ack} WINDOW=502 RES=0x00 {flags} URGP=0 \n"
    )


def nft_rules(*, invalid: tuple[int, int] = (0, 0), extra: str = "") -> str:
    """A rule set that drops invalid packets, and one more rule."""
    more = f"\t\t{extra}\n" if extra else ""
    return (
        "table ip sg {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
        f"\t\tct state invalid counter packets {invalid[0]} bytes {invalid[1]} drop\n"
        f"{more}\t}}\n}}\n"
    )


def sysctl(name: str, value: int) -> str:
    """`sysctl` output of one name."""
    return f"net.netfilter.nf_conntrack_acct = 0\n{name} = {value}\nnet.netfilter.nf_conntrack_max = 262144\n"
