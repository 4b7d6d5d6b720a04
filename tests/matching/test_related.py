"""A proxy in between: no packet in common, and what goes on as what is said; never that everything vanished."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
import packet_writer as w
import pytest
from captured import details_of, losses, matched, points_of
from hypothesis import given, settings
from hypothesis import strategies as st
from written_cases import Talk, View, packets

from lastseen.matching import match
from lastseen.matching.related import related_connections, related_text, texts_of
from lastseen.tables.details import DetailRows
from lastseen.tables.packets import Capture
from lastseen.tables.points import Matching
from lastseen.tables.related import Related

pytestmark = pytest.mark.kernel

MS = 1_000_000
HOUR_MS = 3_600_000
CLIENT, PROXY = ("10.0.0.5", 40000), ("10.0.0.1", 80)
INSIDE, SERVER = ("198.51.100.1", 50000), ("198.51.100.9", 80)
GET, PAGE = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + b"p" * 900

Exchange = tuple[float, bytes, float | None, bytes]
"""(ms of the request, it, ms of the answer, None: never, it)."""
Found = tuple[Matching, tuple[Related, ...]]


def talk(
    client: tuple[str, int], server: tuple[str, int], exchanges: Sequence[Exchange], *, isn: int, close: bool = True
) -> Talk:  # fmt: skip
    """A connection that opens a millisecond before its first request; requests are acknowledged at once."""
    made = Talk(client=client, server=server, next_seq=[isn, 3 * isn], identification=isn % 60_000)
    begin = exchanges[0][0] - 1 if exchanges else 0
    made.send(begin - 0.3, "S", client=True)
    made.send(begin - 0.2, "SA")
    made.send(begin - 0.1, "A", client=True)
    last = begin
    for asked, request, answered, answer in exchanges:
        made.send(asked, "PA", client=True, data=request)
        made.send(asked + 0.05, "A")
        last = asked + 0.05
        if answered is not None:
            made.send(answered, "PA", data=answer)
            made.send(answered + 0.05, "A", client=True)
            last = answered + 0.05
    if close:
        made.send(last + 1, "FA", client=True)
        made.send(last + 1.05, "FA")
    return made


def front(*exchanges: Exchange, port: int = 40000, **more: bool) -> Talk:
    return talk((CLIENT[0], port), PROXY, exchanges, isn=91_000_000 + 1000 * port, **more)


def back(*exchanges: Exchange, port: int = 50000, **more: bool) -> Talk:
    return talk((INSIDE[0], port), SERVER, exchanges, isn=77_000_000 + 1001 * port, **more)


def found(captures: Mapping[str, Sequence[w.Packet]], *, snap: int = 262144, shift_ms: float = 0) -> Found:
    """The matching and what is related; the clock of the points whose names begin with `in` is `shift_ms` ahead."""
    files = {
        name: w.pcap(
            [(at + int(shift_ms * MS) * name.startswith("in"), data) for at, data in frames],
            nanoseconds=True,
            snap_length=snap,
        )
        for name, frames in captures.items()
    }

    matching = match(points_of(files))
    return matching, related_connections(matching, details_of(files))


def two_sides(fronts: Sequence[Talk], backs: Sequence[Talk], **more: float) -> Found:
    """Two points on the client's side of a proxy, two behind it."""
    return found(
        {
            "inside": packets(backs, View()),
            "in_proxy": packets(backs, View(delay_ms=0.02)),
            "out_proxy": packets(fronts, View()),
            "tap": packets(fronts, View(delay_ms=0.02)),
        },
        **more,  # type: ignore[arg-type]
    )


def pairs(result: Found) -> list[tuple[str, str]]:
    return [texts_of(result[0], related) for related in result[1]]


ONE = ("10.0.0.5:40000 > 10.0.0.1:80", "198.51.100.1:50000 > 198.51.100.9:80")


def test_a_request_that_goes_on_behind_a_proxy() -> None:
    """Nothing is lost; both waits, the points nearest the proxy and the first packets of the request are told."""
    result = two_sides([front((10, GET, 2510, PAGE))], [back((12, GET, 2508, PAGE))])
    matching, (related,) = result
    assert losses(matching) == {}
    assert pairs(result) == [ONE]
    names = [matching.points[p].name for p in (related.front_point, related.back_point)]
    assert names == ["out_proxy", "in_proxy"]
    assert (related.front_wait_ns, related.back_wait_ns) == (2_500 * MS, 2_496 * MS + 40_000)
    assert (related.front_row, related.back_row, related.exchanges, related.same_bytes) == (3, 3, 1, 1)
    assert related_text(matching, related) == (
        f"{ONE[0]} ends behind out_proxy and goes on as {ONE[1]} at in_proxy (a proxy or load balancer, no packet in"
        " common): its request was asked there again; the answer came after 2,500.0 ms, there after 2,496.0 ms"
    )


@settings(max_examples=15)
@given(
    times=st.lists(st.tuples(*[st.integers(1, 400)] * 4), min_size=2, max_size=5),
    shift_ms=st.sampled_from([0, 0.4, -5 * HOUR_MS, 7 * HOUR_MS]),
    changed=st.booleans(),
    names=st.permutations(["inside", "in_proxy", "out_proxy", "tap"]),
)
def test_clocks_header_lines_and_the_order_of_arguments_do_not_matter(
    times: list[tuple[int, int, int, int]], shift_ms: float, changed: bool, names: list[str]
) -> None:
    """Each request has a line of its own; the proxy speaks another version of HTTP and adds headers."""
    at, outer, inner = 10, list[Exchange](), list[Exchange]()
    for number, (before, wait, after, pause) in enumerate(times):
        asked = b"GET /%d HTTP/1.1\r\n\r\n" % number
        passed = b"GET /%d HTTP/1.0\r\nVia: proxy\r\n\r\n" % number if changed else asked
        outer.append((at, asked, at + before + wait + after, PAGE))
        inner.append((at + before, passed, at + before + wait, PAGE))
        at += before + wait + after + pause
    views = {
        "inside": View(),
        "in_proxy": View(delay_ms=0.02),
        "out_proxy": View(),
        "tap": View(delay_ms=0.02),
    }
    sides = {name: [back(*inner)] if name.startswith("in") else [front(*outer)] for name in names}
    matching, related = found({n: packets(sides[n], views[n]) for n in names}, shift_ms=shift_ms)
    assert [texts_of(matching, one) for one in related] == [ONE]
    assert related[0].exchanges == len(times)
    assert related[0].same_bytes == (0 if changed else len(times))
    assert losses(matching) == {}


@pytest.mark.parametrize(
    "inner",
    [
        back((12, b"GET /other HTTP/1.1\r\n\r\n", 2508, PAGE)),
        back((9, GET, 2508, PAGE + b"!")),
        back((12, GET, 2513, PAGE + b"!")),
        back((2600, GET, 2700, PAGE)),
        back((12, b"\n" + GET, 2508, PAGE)),
        talk((CLIENT[0], 41000), PROXY, [(12, GET, 2508, PAGE)], isn=5_000_777),
        talk((CLIENT[0], 41000), SERVER, [(12, GET, 2508, PAGE + b"!")], isn=5_000_777),
    ],
    ids=["another", "earlier", "answered later", "after the answer", "another line", "two of one client", "two servers"],
)  # fmt: skip
def test_what_is_not_passed_on(inner: Talk) -> None:
    """Another request, one that was made before or answered after; two connections of one client."""
    assert two_sides([front((10, GET, 2510, PAGE))], [inner])[1] == ()


@pytest.mark.parametrize("server", [PROXY, SERVER])
def test_a_proxy_that_keeps_addresses(server: tuple[str, int]) -> None:
    """The client's with all else alike; or both with the ports."""
    inner = talk(CLIENT, server, [(12, GET, 2508, PAGE)], isn=5_000_777)
    assert len(two_sides([front((10, GET, 2510, PAGE))], [inner])[1]) == 1


def test_connections_that_are_kept_and_shared() -> None:
    """One connection to the server carries the requests of two clients."""
    fronts = [front((10, GET, 30, PAGE)), front((40, GET, 60, PAGE), port=40001)]
    result = two_sides(fronts, [back((12, GET, 28, PAGE), (42, GET, 58, PAGE))])
    assert pairs(result) == [ONE, ("10.0.0.5:40001 > 10.0.0.1:80", ONE[1])]


def test_a_server_that_never_answered_was_tried_before() -> None:
    fronts = [front((10, GET, 60, PAGE))]
    backs = [back((12, GET, None, b"")), back((30, GET, 50, PAGE), port=50001)]
    result = two_sides(fronts, backs)
    assert pairs(result) == [(ONE[0], "198.51.100.1:50001 > 198.51.100.9:80")]
    assert [r.back_wait_ns for r in result[1]] == [20 * MS + 40_000]


def test_what_a_quick_proxy_passes_on_never_goes_back() -> None:
    """Whose of two clients it is cannot be told; that one of them goes on with what took longer there is wrong."""
    outer = [front((10, GET, 2510, PAGE)), front((10.01, GET, 2600, PAGE), port=40001)]
    inner = [back((10.02, GET, 2509.99, PAGE))]
    assert pairs(found({"inside": packets(inner, View()), "out": packets(outer, View())})) == []


def test_what_more_requests_deny_of_the_same_proxy_is_not_said() -> None:
    """Another client's exchange fits by chance into one behind the proxy; whose that one is cannot be told."""
    outer = [
        front((10, GET, 60, PAGE)),
        front((10, GET, 60, PAGE), port=40001),
        front((20, GET, 50, PAGE), port=40002),
        front((500, b"GET /other HTTP/1.1\r\n\r\n", 600, PAGE), port=40003),
        front((501, b"GET /third HTTP/1.1\r\n\r\n", 601, PAGE), port=40004),
    ]
    inner = [
        back((12, GET, 58, PAGE)),
        back((502, b"GET /other HTTP/1.1\r\n\r\n", 598, PAGE), port=50003),
        back((503, b"GET /third HTTP/1.1\r\n\r\n", 599, PAGE), port=50004),
    ]
    told = pairs(found({"inside": packets(inner, View()), "out": packets(outer, View())}))
    assert [(one[8:14], other[12:18]) for one, other in told] == [(":40003", ":50003"), (":40004", ":50004")]


@pytest.mark.parametrize("answered", [2510.0, None])
def test_what_a_quick_proxy_passes_on_goes_one_way(answered: float | None) -> None:
    """Within less time than stamps of one clock may be out of order, either could be the proxy's client."""
    again = None if answered is None else answered - 0.01
    outer, inner = [front((10, GET, answered, PAGE))], [back((10.02, GET, again, PAGE))]
    assert pairs(found({"inside": packets(inner, View()), "out": packets(outer, View())})) == [ONE]


@pytest.mark.parametrize("close", [True, False])
def test_what_nobody_answered(close: bool) -> None:
    """The client gave up, or the captures end."""
    result = two_sides(
        [front((10, GET, None, b""), close=close)], [back((10.04, GET, None, b""), close=close)]
    )
    assert pairs(result) == [ONE]
    assert (result[1][0].front_wait_ns, result[1][0].back_wait_ns) == (None, None)
    assert related_text(result[0], result[1][0]).endswith("the answer came never, there never")


def test_the_same_request_at_the_same_time_is_told_apart_by_lengths_or_not_at_all() -> None:
    fronts = [front((10, GET, 60, PAGE)), front((11, GET, 61, PAGE + b"more"), port=40001)]
    backs = [back((12, GET, 50, PAGE)), back((13, GET, 51, PAGE + b"more"), port=50001)]
    assert len(two_sides(fronts, backs)[1]) == 2
    alike = [front((10, GET, 60, PAGE)), front((11, GET, 61, PAGE), port=40001)]
    assert two_sides(alike, [back((12, GET, 50, PAGE)), back((13, GET, 51, PAGE), port=50001)])[1] == ()
    assert two_sides(alike[:1], [back((12, GET, 50, PAGE)), back((13, GET, 51, PAGE), port=50001)])[1] == ()


def test_requests_that_all_begin_alike_do_not_tell_clocks() -> None:
    fronts = [front((10, GET, 60, PAGE)), front((110, GET, 160, PAGE), port=40001)]
    backs = [back((12, GET, 50, PAGE)), back((112, GET, 151, PAGE), port=50001)]
    assert two_sides(fronts, backs, shift_ms=HOUR_MS)[1] == ()


def asked_alike(clients: int, seed: int = 7) -> tuple[list[Talk], list[Talk]]:
    """Clients that all ask the same at random times, and their connections behind the proxy."""
    rng = random.Random(seed)
    fronts, backs = [], []
    for k in range(clients):
        at, took = rng.uniform(0, 2000), 20 + rng.random()
        fronts.append(front((at, GET, at + took, PAGE), port=40100 + k))
        backs.append(back((at + 0.3, GET, at + took - 0.3, PAGE), port=50100 + k))
    return fronts, backs


@pytest.mark.parametrize("shift_ms", [0.0, 40.0, 300.0])
def test_what_fits_by_chance_where_clocks_are_wrong_is_not_said(shift_ms: float) -> None:
    """Of many that ask the same few fit then; a request that is made once tells itself, if it still fits."""
    fronts, backs = asked_alike(60)
    fronts.append(front((10, b"GET /slow HTTP/1.1\r\n\r\n", 910, PAGE)))
    backs.append(back((60, b"GET /slow HTTP/1.1\r\n\r\n", 860, PAGE)))
    result = found({"inside": packets(backs, View()), "out": packets(fronts, View())}, shift_ms=shift_ms)
    told = [(one.split()[0][-4:], other.split()[0][-4:]) for one, other in pairs(result)]
    assert all(one[1:] == other[1:] for one, other in told)
    assert len(told) > 50 if not shift_ms else told == [("0000", "0000")] * (shift_ms < 50)


def test_one_request_tells_clocks_that_are_nearly_one() -> None:
    """If all is as long as well; otherwise it would fit any other that took longer."""
    sides = [front((10, GET, 60, PAGE))], [back((12, GET, 50, PAGE))]
    (related,) = two_sides(*sides, shift_ms=-60)[1]
    assert related.clock_ahead_ns == -58 * MS - 20_000
    assert two_sides(sides[0], [back((12, GET, 50, PAGE + b"!"))], shift_ms=-60)[1] == ()
    assert two_sides(*sides, shift_ms=-HOUR_MS)[1] == ()


def test_no_clock_fits_requests_that_took_longer_behind() -> None:
    assert two_sides([front((10, GET, 60, PAGE))], [back((12, GET, 80, PAGE))], shift_ms=HOUR_MS)[1] == ()
    several = [(10, GET, 60, PAGE), (70, b"\n" + GET, 80, PAGE)]
    later = [(12, GET, 50, PAGE), (90, b"\n" + GET, 95, PAGE)]
    assert two_sides([front(*several)], [back(*later)], shift_ms=HOUR_MS)[1] == ()
    unanswered = two_sides([front((10, GET, 60, PAGE))], [back((12, GET, None, b""))], shift_ms=HOUR_MS)
    assert unanswered[1] == ()


def test_clocks_of_points_on_one_path_are_known() -> None:
    """A connection that is routed past the proxy tells; the fronts' clock is ten minutes behind."""
    routed = talk(("10.0.0.7", 7), SERVER, [(20, b"routed", 40, b"answer")], isn=123_456_789)
    captures = {
        "inside": packets([back((12, GET, 50, PAGE)), routed], View()),
        "tap": packets([front((10, GET, 60, PAGE)), routed], View(delay_ms=0.3)),
    }
    matching, (related,) = found(captures, shift_ms=10 * 60_000)
    assert texts_of(matching, related) == ONE
    assert abs(abs(related.clock_ahead_ns) - 600_000 * MS) < MS


def test_a_greeting_a_repetition_and_what_is_no_payload_ask_nothing() -> None:
    """The server speaks first; the request is sent twice and counts once."""
    talks = []
    for make, at in ((front, 10.0), (back, 12.0)):
        made = make()
        made.send(at - 2, "PA", data=b"220 ready\r\n")
        made.send(at, "PA", client=True, data=b"EHLO x\r\n")
        made.send(at + 0.4, "PA", client=True, data=b"EHLO x\r\n", again=len(made.sent) - 1)
        made.send(80 - at, "PA", data=b"250 ok\r\n")
        made.send(90, "A", client=True)
        talks.append(made)
    matching, (related,) = two_sides(talks[:1], talks[1:])
    assert (related.exchanges, related.same_bytes) == (1, 1)
    assert matching.points[related.front_point].connections["retransmitted"].tolist() == [[1, 0]]


def test_a_request_in_two_segments_of_a_connection_whose_syn_was_not_seen() -> None:
    """The SYN-ACK comes first; the wait begins with the last segment. A transparent proxy keeps all four ends."""
    sides = []
    for isn, at in ((91_000_000, 10.0), (5_000_777, 14.0)):
        made = talk(CLIENT, PROXY, [], isn=isn)
        made.sent[:] = made.sent[1:3]
        made.send(at, "A", client=True, data=GET)
        made.send(at + 1, "PA", client=True, data=b"and a body")
        made.send(70 - at, "PA", data=PAGE)
        sides.append(made)
    _, (related,) = two_sides(sides[:1], sides[1:])
    assert (related.front_wait_ns, related.same_bytes) == (49 * MS, 1)


def test_where_the_request_was_not_captured_nothing_is_said() -> None:
    """The snap length cut it."""
    assert two_sides([front((10, GET, 60, PAGE))], [back((12, GET, 50, PAGE))], snap=60)[1] == ()


def test_what_all_points_saw_or_nobody_asked_is_not_looked_at() -> None:
    def never(_: Capture, __: np.ndarray) -> DetailRows:
        raise AssertionError

    both = (
        packets([front((10, GET, 60, PAGE))], View()),
        packets([front((10, GET, 60, PAGE))], View(delay_ms=1)),
    )
    assert related_connections(matched({"a": both[0], "b": both[1]}), never) == ()
    silent = matched({"a": packets([front()], View()), "b": packets([back()], View())})
    assert related_connections(silent, never) == ()
    assert related_connections(match([]), never) == ()


def test_paths_that_split_have_a_point_in_common() -> None:
    """Two connections of one page over two ways."""
    one, other = front((10, GET, 60, PAGE)), back((12, GET, 50, PAGE))
    captures = {
        "client": packets([one, other], View(delay_ms=0.1)),
        "left": packets([one], View()),
        "right": packets([other], View()),
    }
    assert found(captures)[1] == ()
