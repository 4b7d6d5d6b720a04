"""What `lastseen losses --json` is made of; `diagnose` shows points, hops, losses and related connections, too."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

__all__ = [
    "DelayJson",
    "Direction",
    "HopJson",
    "IcmpErrorJson",
    "LossJson",
    "LossesJson",
    "PointJson",
    "RelatedJson",
    "TimedJson",
    "UnprovenJson",
    "WeirdJson",
]

Direction = Literal["to_client", "to_remote"]
"""Which way a packet goes: to the connection's originator, or away from it."""


class PointJson(Struct, kw_only=True, frozen=True):
    """An observation point. `order`: its place on the path from 1, the remote end first; null: unknown.

    `clock_offset_ns`: add it to this point's times to get the first point's. `node` and `interface` are "" where
    unknown.
    """

    name: str
    file: str
    order: int | None
    packets: int
    clock_offset_ns: int
    node: str
    interface: str


class IcmpErrorJson(Struct, kw_only=True, frozen=True):
    """An ICMP error that quotes a lost packet, the one with number `frame` in the file of `from`.

    `by`: the address that sent the error; `point` and `point_frame`: where it was captured, at the point nearest
    `from`. `protocol`: icmp or icmpv6, with its `type` and `code`; `text`: these in words. `mtu`: null where none is
    told.
    """

    frame: int
    by: str
    point: str
    point_frame: int
    protocol: Literal["icmp", "icmpv6"]
    type: int
    code: int
    mtu: int | None
    text: str


class LossJson(Struct, kw_only=True, frozen=True):
    """The packets one connection certainly lost in one direction between two points, at least one.

    `connection`: "ip:port > ip:port" as seen at `from`, the client first. `unproven`: further packets not seen at
    `to`, of which nothing says whether `to` was still watching. `bytes`: payload of the lost packets. `frames`:
    numbers of the lost packets in the file of `from`, from 1. `icmp_errors`: those that quote one of them, one a
    packet, where one packet only can be meant.
    """

    from_: str = field(name="from")
    to: str
    connection: str
    direction: Direction
    packets: int
    unproven: int
    bytes: int
    frames: list[int]
    icmp_errors: list[IcmpErrorJson] = field(default_factory=list)


class UnprovenJson(Struct, kw_only=True, frozen=True):
    """ICMP errors that quote packets of one connection whose fate between two points is unproven.

    Somebody threw these packets away; whether `to` would have seen them before is not known. Names as in a loss;
    `frame` of an error is that of the unproven packet.
    """

    from_: str = field(name="from")
    to: str
    connection: str
    direction: Direction
    icmp_errors: list[IcmpErrorJson]


class DelayJson(Struct, kw_only=True, frozen=True):
    """Median and 99th percentile of the delivered packets' delay, ns, clocks aligned; null: nothing was delivered."""

    p50: int | None
    p99: int | None


class HopJson(Struct, kw_only=True, frozen=True):
    """What became of all packets of one direction between two points; each counts under one fate of `sent`.

    `sent` = delivered + lost + unproven + outside + merged + split + duplicated. `rewritten`: delivered with a
    changed header field (beyond TTL), by field in `rewritten_fields`. `reordered` and `injected` count packets at `to`.
    """

    from_: str = field(name="from")
    to: str
    direction: Direction
    sent: int
    delivered: int
    lost: int
    unproven: int
    outside: int
    rewritten: int
    merged: int
    split: int
    reordered: int
    duplicated: int
    delay_ns: DelayJson
    injected: int
    rewritten_fields: dict[str, int]


class WeirdJson(Struct, kw_only=True, frozen=True):
    """Evidence that could not be read as expected, `count` times: a byte `offset` in a capture, or a `line` from 1."""

    file: str
    offset: int | UnsetType = UNSET
    line: int | UnsetType = UNSET
    reason: str
    count: int


class RelatedJson(Struct, kw_only=True, frozen=True):
    """Two connections without a packet in common: what one asked went on as the other (a proxy, a load balancer).

    `front`, the client's, and `back`, opened by what lies between: "ip:port > ip:port", the originator first, as seen
    at `front_point` and `back_point`, the points nearest each other. `exchanges`: requests that went on; `same_bytes`:
    how many of them, with their answers, are as long on both. Waits from a request to its answer, ns, of the exchange
    that took longest at the front; null: no answer was seen there. `front_frame` and `back_frame`: where its request
    begins, in the points' files, from 1. `clock_ahead_ns`: what the clock of `back_point` is taken to be ahead.
    """

    front: str
    back: str
    front_point: str
    back_point: str
    exchanges: int
    same_bytes: int
    front_wait_ns: int | None
    back_wait_ns: int | None
    front_frame: int
    back_frame: int
    clock_ahead_ns: int


class TimedJson(Struct, kw_only=True, frozen=True):
    """Two connections without a packet or payload in common that are related by timing: a proxy that ends TLS?

    Names as in a related pair. `exchanges`: requests on `back`; each came `forward_ns` at the most after bytes of the
    client on `front`, and each answer was followed there by bytes for the client within `return_ns`. `chance`: the
    probability that exchanges placed at random do so, to be held against `tried`, the pairs that could have. It is a
    hint, no proof. `front_frame`: the packet behind which the first request came; `back_frame`: that request.
    """

    front: str
    back: str
    front_point: str
    back_point: str
    exchanges: int
    forward_ns: int
    return_ns: int
    chance: float
    tried: int
    front_frame: int
    back_frame: int


class LossesJson(Struct, kw_only=True, frozen=True):
    """What `lastseen losses --json` prints. `order_reason`: what the order of the points rests on, in words.

    `partial`: time ran out before everything was read. `related`: connections that others go on with.
    `unproven_errors`: ICMP errors about packets whose fate is unproven, one row a connection, direction and hop.
    `related_by_timing`: connections that speak together, a hint at what goes on with what.
    """

    schema: Literal["lastseen.losses/1"]
    points: list[PointJson]
    losses: list[LossJson]
    hops: list[HopJson]
    order_reason: str
    weirds: list[WeirdJson] = field(default_factory=list)
    partial: bool = False
    related: list[RelatedJson] = field(default_factory=list)
    unproven_errors: list[UnprovenJson] = field(default_factory=list)
    related_by_timing: list[TimedJson] = field(default_factory=list)
