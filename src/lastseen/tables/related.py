"""Connections that have no packet in common and yet belong together: one goes on with what another one asks."""

from dataclasses import dataclass

__all__ = ["Related", "Timed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Something between two points ends the connection `front` and asks the same on a connection `back` of its own.

    That is what a proxy, a load balancer or a TLS terminator's plain side does. `front` and `back`: numbers of
    conversations; `front_point` and `back_point`: the point nearest the other connection that saw each, and
    `front_row`, `back_row` the packets there with which the request begins that took longest to be answered;
    `front_wait_ns` and `back_wait_ns`: how long, None: no answer was seen there. `exchanges`: requests of `front` that
    were seen on `back`; `same_bytes`: of how many of them request and answer are as long on both.
    `clock_ahead_ns`: what the clock of `back_point` is taken to be ahead of that of `front_point`.
    """

    front: int
    back: int
    front_point: int
    back_point: int
    front_row: int
    back_row: int
    front_wait_ns: int | None
    back_wait_ns: int | None
    exchanges: int
    same_bytes: int
    clock_ahead_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Two connections without a packet or a payload in common whose bytes come and go together: related by timing.

    So it is with a proxy that ends TLS. Numbers of conversations, points and rows as in `Related`; `front_row`: the
    packet behind which the first request came, `back_row`: that request. `exchanges`: requests on `back`; each came
    `forward_ns` at the most after bytes of the client on `front`, and answer bytes on `front` followed each answer
    within `return_ns`. `chance`: the probability that exchanges placed at random do so, to be held against `tried`, how
    many pairs of connections could have.
    """

    front: int
    back: int
    front_point: int
    back_point: int
    front_row: int
    back_row: int
    exchanges: int
    forward_ns: int
    return_ns: int
    chance: float
    tried: int
