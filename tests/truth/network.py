"""A small network in which everything that happens to a packet is known: hosts that talk, links that lose and reorder.

TCP here is as much of RFC 9293 and 6298 as makes a capture plausible: handshake, windows of a few segments, cumulative
acknowledgments, retransmission by timeout and by three equal acknowledgments, FIN or RST at the end. UDP requests are
repeated by the client with the same payload, ICMP echoes are answered. Nothing here comes from lastseen.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Link", "Network", "Sent", "Talk"]

SECOND: Final = 1_000_000_000
FIRST_TIMEOUT_NS: Final = 300_000_000
MOST_REPEATS: Final = 4
WINDOW_SEGMENTS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One packet as its sender made it. `talk`: number of the conversation; `side` 0: the client sent it.

    `quoted`: the packet a router between the two ends could not pass on, of which this is the ICMP error; `router`: the
    number of the link that was not entered.
    """

    uid: int
    talk: int
    side: int
    time_ns: int
    seq: int = 0
    ack: int = 0
    flags: str = ""
    length: int = 0
    identification: int = 0
    stamp: int = 0
    payload: bytes = b""
    icmp_kind: int = 0
    quoted: int | None = None
    router: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation to be played: `kind` tcp, udp, sctp or icmp; `exchanges` are (request bytes, response bytes)."""

    kind: str
    exchanges: tuple[tuple[int, int], ...]
    start_ns: int
    isn: tuple[int, int] = (0, 0)
    mss: int = 1448
    closer: str = "server"
    identifications: str = "counter"
    pauses_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What lies between two neighbours of the path: the ways of its packets to the client and back.

    `refuse`: share of packets that the router before it does not pass on, and tells the sender so.
    """

    delay_ns: tuple[int, int]
    jitter_ns: int = 0
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    refuse: float = 0.0


@dataclass(slots=True)
class Network:
    """The path server, point 0, ... point n - 1, client: n + 1 links.

    `passed[p]`: (time, uid) of every packet that passed point p, in order of time; a packet that the network
    duplicated may pass twice. `lost[uid]`: the link that swallowed it, of packets no copy of which arrived.
    """

    rng: random.Random
    links: list[Link]
    passed: list[list[tuple[int, int]]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)
    _events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0
    now: int = 0

    def play(self, talks: list[Talk], end_ns: int) -> None:
        """Let every conversation happen until `end_ns`."""
        self.passed = [[] for _ in self.links[:-1]]
        for number, talk in enumerate(talks):
            pair = _TCP if talk.kind == "tcp" else _Datagrams
            pair(self, number, talk)
        while self._events and self._events[0][0] <= end_ns:
            self.now, _, action = heapq.heappop(self._events)
            action()
        for seen in self.passed:
            seen.sort(key=lambda found: found[0])

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        """Do something at a time."""
        self._count += 1
        heapq.heappush(self._events, (time_ns, self._count, action))

    def send(self, packet: Sent, arrive: Callable[[], None]) -> None:
        """Send a packet from one end of the path to the other."""
        self.sent.append(packet)
        self._hop(packet, self.now, 0, arrive)

    def _hop(self, packet: Sent, time_ns: int, step: int, arrive: Callable[[], None]) -> None:
        """The packet enters its link number `step` (counted from its sender)."""
        count = len(self.links)
        number = count - 1 - step if packet.side == 0 else step
        link, rng = self.links[number], self.rng
        if step and link.refuse and packet.quoted is None and rng.random() < link.refuse:
            self.lost.setdefault(packet.uid, number)
            self._tell(packet, time_ns, count - step, number)
            return
        copies = 0 if rng.random() < link.loss else 1
        if not copies:
            self.lost.setdefault(packet.uid, number)
        elif rng.random() < link.duplicate:
            copies = 2
        for copy in range(copies):
            way = (
                link.delay_ns[packet.side ^ 1]
                + rng.randint(0, link.jitter_ns)
                + copy * rng.randint(1000, 300_000)
            )
            if rng.random() < link.reorder:
                way += rng.randint(50_000, 2_000_000)
            then = time_ns + way
            if step == count - 1:
                self.at(then, arrive)
                continue
            point = number - 1 if packet.side == 0 else number
            self.at(then, lambda then=then, point=point: self._pass(packet, then, (point, step), arrive))  # type: ignore[misc]

    def _tell(self, packet: Sent, time_ns: int, step: int, number: int) -> None:
        """The router before link `number` tells the sender that it did not pass its packet on."""
        error = Sent(
            uid=len(self.sent), talk=packet.talk, side=1 - packet.side, time_ns=time_ns, quoted=packet.uid,
            router=number, identification=self.rng.randrange(1, 65536),
        )  # fmt: skip
        self.sent.append(error)
        self._hop(error, time_ns, step, lambda: None)

    def _pass(self, packet: Sent, then: int, where: tuple[int, int], arrive: Callable[[], None]) -> None:
        point, step = where
        self.passed[point].append((then, packet.uid))
        self._hop(packet, then, step + 1, arrive)


def _identification(talk: Talk, counter: list[int], rng: random.Random, *, bare: bool) -> int:
    """What the sender's stack writes: a counter, a random number, or 0 (Linux for packets with DF and no socket)."""
    if talk.identifications == "zero" or (bare and talk.identifications == "zero for bare"):
        return 0
    if talk.identifications == "random":
        return rng.randrange(1, 65536)
    counter[0] = counter[0] % 65535 + 1
    return counter[0]


class _TCP:
    """Both ends of one connection."""

    def __init__(self, network: Network, number: int, talk: Talk) -> None:
        self.net, self.number, self.talk = network, number, talk
        self.ids = [[network.rng.randrange(65536)], [network.rng.randrange(65536)]]
        self.una, self.nxt, self.rcv = [0, 0], [0, 0], [0, 0]
        self.limit = [1, 1]
        """How far each side may send, counted from its initial number; the SYN is number 0."""
        self.fin_at: list[int | None] = [None, None]
        self.held: list[set[tuple[int, int]]] = [set(), set()]
        self.open, self.dead, self.dups, self.repeats = [False, False], False, [0, 0], [0, 0]
        self.timer = [0, 0]
        self.exchange, self.owed = 0, [0, 0]
        network.at(talk.start_ns, self._begin)

    def _begin(self) -> None:
        self._segment(0, 0, 1, "S")
        self.nxt[0] = 1
        self._arm(0)

    # ---- sending ----
    def _segment(self, side: int, seq: int, span: int, flags: str) -> None:
        """Send the octets [seq, seq + span) of a side; SYN and FIN take one each."""
        length = span - ("S" in flags) - ("F" in flags)
        net, isn = self.net, self.talk.isn
        ack = (isn[1 - side] + self.rcv[side]) % 2**32 if "A" in flags else 0
        packet = Sent(
            uid=len(net.sent), talk=self.number, side=side, time_ns=net.now, seq=(isn[side] + seq) % 2**32, ack=ack,
            flags=flags, length=length, stamp=net.now // 1_000_000 % 2**32,
            identification=_identification(self.talk, self.ids[side], net.rng, bare="R" in flags),
        )  # fmt: skip
        acked = self.rcv[side] if "A" in flags else -1
        net.send(packet, lambda: self._arrived(1 - side, seq, span, flags, acked))

    def _push(self, side: int) -> None:
        """Send what the window allows."""
        mss, top = self.talk.mss, self.una[side] + WINDOW_SEGMENTS * self.talk.mss
        while not self.dead and self.nxt[side] < self.limit[side] and self.nxt[side] < top:
            at = self.nxt[side]
            self.nxt[side] = self._one(side, at, mss)
        if self.nxt[side] > self.una[side]:
            self._arm(side)

    def _one(self, side: int, at: int, mss: int) -> int:
        """Send the segment that begins at `at`; where the next one begins."""
        if at == 0:
            self._segment(side, 0, 1, "S" if side == 0 else "SA")
            return 1
        fin = self.fin_at[side]
        end = min(at + mss, self.limit[side])
        if fin is not None and at == fin:
            self._segment(side, at, 1, "FA")
            return at + 1
        stop = end if fin is None else min(end, fin)
        self._segment(side, at, stop - at, "PA" if stop >= self.limit[side] - 1 else "A")
        return stop

    def _arm(self, side: int) -> None:
        self.timer[side] += 1
        number, wait = self.timer[side], FIRST_TIMEOUT_NS << self.repeats[side]
        self.net.at(self.net.now + wait, lambda: self._timeout(side, number))

    def _timeout(self, side: int, number: int) -> None:
        if self.dead or number != self.timer[side] or self.una[side] >= self.nxt[side]:
            return
        self.repeats[side] += 1
        if self.repeats[side] > MOST_REPEATS:
            self.dead = True
            if self.open[side]:
                self._segment(side, self.nxt[side], 0, "RA")
            return
        self._one(side, self.una[side], self.talk.mss)
        self._arm(side)

    # ---- receiving ----
    def _arrived(self, side: int, seq: int, span: int, flags: str, acked: int) -> None:
        if self.dead:
            return
        if "R" in flags:
            self.dead = True
            return
        if "S" in flags:
            self.open[side] = True
        if acked >= 0:
            self._acknowledged(side, acked, bare=not span)
        if span:
            self._take(side, seq, span)

    def _take(self, side: int, seq: int, span: int) -> None:
        """Take octets of the other side, answer with an acknowledgment, and let the program go on."""
        before = self.rcv[side]
        self.held[side].add((seq, seq + span))
        for start, end in sorted(self.held[side]):
            if start <= self.rcv[side] < end:
                self.rcv[side] = end
        self.held[side] = {(a, b) for a, b in self.held[side] if b > self.rcv[side]}
        if before == 0 and self.rcv[side] and side == 1:
            self._segment(1, 0, 1, "SA")
            self.nxt[1] = max(self.nxt[1], 1)
            self._arm(1)
            return
        every_second = self.net.rng.random() < 0.5 and self.rcv[side] > before and not self.held[side]
        if not every_second or before == 0 or self.rcv[side] - before != self.talk.mss:
            self._segment(side, self.nxt[side], 0, "A")
        else:
            self.net.at(self.net.now + 40_000_000, lambda: self._late_ack(side, self.rcv[side]))
        if self.rcv[side] > before:
            self._program(side)

    def _late_ack(self, side: int, number: int) -> None:
        if not self.dead and self.rcv[side] == number:
            self._segment(side, self.nxt[side], 0, "A")

    def _acknowledged(self, side: int, acked: int, *, bare: bool) -> None:
        if acked > self.una[side]:
            self.una[side], self.dups[side], self.repeats[side] = acked, 0, 0
            self.timer[side] += 1
            self._push(side)
        elif bare and acked == self.una[side] and self.nxt[side] > acked:
            self.dups[side] += 1
            if self.dups[side] == 3:
                self._one(side, self.una[side], self.talk.mss)

    # ---- the programs ----
    def _program(self, side: int) -> None:
        """What the program of a side does once more octets are there."""
        if side == 0 and self.rcv[0] == 1 and self.exchange == 0 and self.limit[0] == 1:
            self._ask()
        elif side == 1 and self.rcv[1] >= self.owed[0] > 0:
            self._answer()
        elif side == 0 and self.rcv[0] >= self.owed[1] > 0:
            self.exchange += 1
            self.owed[1] = 0
            wait = self.net.rng.randint(0, self.talk.pauses_ns)
            self.net.at(self.net.now + wait, self._ask)
        if self.fin_at[1 - side] is not None and self.rcv[side] > (self.fin_at[1 - side] or 0):
            self._close(side)

    def _ask(self) -> None:
        if self.dead:
            return
        if self.exchange >= len(self.talk.exchanges):
            if self.talk.closer == "client":
                self._close(0)
            elif self.talk.closer == "reset":
                self.dead = True
                self._segment(0, self.nxt[0], 0, "RA")
            return
        self.limit[0] += self.talk.exchanges[self.exchange][0]
        self.owed[0] = self.limit[0]
        self._push(0)

    def _answer(self) -> None:
        self.owed[0] = 0
        self.limit[1] += self.talk.exchanges[min(self.exchange, len(self.talk.exchanges) - 1)][1]
        self.owed[1] = self.limit[1]
        if self.talk.closer == "server" and self.exchange + 1 >= len(self.talk.exchanges):
            self._close(1)
        self._push(1)

    def _close(self, side: int) -> None:
        if self.fin_at[side] is None:
            self.fin_at[side] = self.limit[side]
            self.limit[side] += 1
            self._push(side)


class _Datagrams:
    """Requests and answers over UDP or SCTP, or ICMP echoes; a request without an answer is repeated with the same payload."""

    def __init__(self, network: Network, number: int, talk: Talk) -> None:
        self.net, self.number, self.talk = network, number, talk
        self.ids = [[network.rng.randrange(65536)], [network.rng.randrange(65536)]]
        self.answered: set[int] = set()
        for index in range(len(talk.exchanges)):
            network.at(
                talk.start_ns + index * (talk.pauses_ns or 1_000_000), lambda index=index: self._ask(index, 0)
            )  # type: ignore[misc]

    def _ask(self, index: int, attempt: int) -> None:
        if index in self.answered or attempt > 2:
            return
        self._datagram(0, index, lambda: self._heard(index))
        self.net.at(self.net.now + SECOND, lambda: self._ask(index, attempt + 1))

    def _heard(self, index: int) -> None:
        self._datagram(1, index, lambda: self.answered.add(index))

    def _datagram(self, side: int, index: int, arrive: Callable[[], None]) -> None:
        size = self.talk.exchanges[index][side]
        seed = f"{self.number} {index} {side if self.talk.kind != 'icmp' else 0}"
        payload = random.Random(seed).randbytes(size)
        kind = (8, 0)[side] if self.talk.kind == "icmp" else 0
        packet = Sent(
            uid=len(self.net.sent), talk=self.number, side=side, time_ns=self.net.now, payload=payload, length=size,
            icmp_kind=kind, seq=index,
            identification=_identification(self.talk, self.ids[side], self.net.rng, bare=False),
        )  # fmt: skip
        self.net.send(packet, arrive)
