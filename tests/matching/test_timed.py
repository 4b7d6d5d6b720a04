"""A proxy that ends TLS: connections that speak together are related by timing, where nothing else fits as well."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO

import packet_writer as w
import pytest
from captured import details_of, losses, matched
from hypothesis import given, settings
from hypothesis import strategies as st
from written_cases import Sent, Talk, View, packets

from lastseen.matching.related import texts_of
from lastseen.matching.timed import timed_connections, timed_text
from lastseen.report.jsons import losses_json
from lastseen.report.losses_text import print_losses
from lastseen.tables.points import Matching
from lastseen.tables.related import Related, Timed

pytestmark = pytest.mark.kernel

CLIENT, PROXY = ("10.0.0.5", 40000), ("10.0.0.1", 443)
INSIDE, SERVER = ("198.51.100.1", 50000), ("198.51.100.9", 80)
HELLO = bytes([22, 3, 1, 1, 0x2C, 1])
Exchange = tuple[float, float | None]
"""(ms of the request, ms of its answer, None: never)."""
Found = tuple[Matching, tuple[Timed, ...]]
TIMES: tuple[Exchange, ...] = ((10, 60), (140, 150), (333, 460), (790, 811))


EVERY_SECOND = tuple((at, at + 30.0) for at in range(10, 20_000, 1000))


def payload(seed: int, size: int = 60) -> bytes:
    """Nothing that any other connection says."""
    return random.Random(seed).randbytes(size)


def spoken(
    ends: tuple[tuple[str, int], tuple[str, int]], exchanges: Sequence[Exchange], *, hello: bool = False
) -> Talk:
    """A connection; `hello`: a TLS handshake comes first, and a farewell last, as far as their times and lengths go."""
    isn = 1_000_000 + 10_007 * ends[0][1]
    made = Talk(client=ends[0], server=ends[1], next_seq=[isn, 3 * isn], identification=isn % 50_000)
    begin = exchanges[0][0] - (8 if hello else 0.5)
    for after, flags, client in ((0, "S", True), (0.1, "SA", False), (0.2, "A", True)):
        made.send(begin + after, flags, client=client)
    if hello:
        made.send(begin + 1, "PA", client=True, data=HELLO + payload(isn, 300))
        made.send(begin + 2, "PA", data=payload(isn + 1, 900))
        made.send(begin + 3, "PA", client=True, data=payload(isn + 2, 80))
        made.send(begin + 3.5, "PA", data=payload(isn + 3, 400))
    last = begin
    for number, (asked, answered) in enumerate(exchanges):
        made.send(asked, "PA", client=True, data=payload(isn + 10 * number + 5))
        last = asked
        if answered is not None:
            made.send(answered, "PA", data=payload(isn + 10 * number + 6, 700))
            last = answered
    if hello:
        made.send(last + 1, "PA", client=True, data=payload(isn + 4, 24))
    made.send(last + 2, "FA", client=True)
    made.send(last + 2.1, "FA")
    return made


def front(exchanges: Sequence[Exchange] = TIMES, *, port: int = 40000) -> Talk:
    return spoken(((CLIENT[0], port), PROXY), exchanges, hello=True)


def back(exchanges: Sequence[Exchange], *, port: int = 50000) -> Talk:
    return spoken(((INSIDE[0], port), SERVER), exchanges)


def passed_on(
    exchanges: Sequence[Exchange] = TIMES, *, there: float = 1, again: float = 0.8
) -> list[Exchange]:
    """What goes on behind the proxy: later by `there`, answered earlier by `again`."""
    return [(asked + there, None if answered is None else answered - again) for asked, answered in exchanges]


def found(
    fronts: Sequence[Talk], backs: Sequence[Talk], known: Sequence[Related] = (), **views: View
) -> Found:
    """The captures last a minute, as somebody else says something at its end."""
    other = (
        spoken((("10.0.0.77", 7), PROXY), [(60_000, None)]),
        spoken((("198.51.100.77", 8), SERVER), [(60_000, None)]),
    )
    return related(
        {
            "inside": packets([*backs, other[1]], views.get("inside", View())),
            "out_proxy": packets([*fronts, other[0]], views.get("out", View())),
        },
        known,
    )


def related(captures: Mapping[str, Sequence[w.Packet]], known: Sequence[Related] = ()) -> Found:
    files = {name: w.pcap(frames, nanoseconds=True) for name, frames in captures.items()}
    matching = matched(files)
    return matching, timed_connections(matching, details_of(files), known)


def pairs(result: Found) -> list[tuple[str, str]]:
    return [texts_of(result[0], one) for one in result[1]]


ONE = ("10.0.0.5:40000 > 10.0.0.1:443", "198.51.100.1:50000 > 198.51.100.9:80")


def test_a_connection_that_goes_on_behind_what_ends_tls() -> None:
    """Related with its evidence; nothing is lost, nothing is the same."""
    matching, (one,) = result = found([front()], [back(passed_on())])
    assert pairs(result) == [ONE]
    assert losses(matching) == {}
    assert (one.exchanges, one.forward_ns, one.return_ns, one.tried) == (4, 1_000_000, 800_000, 4)
    assert 0 < one.chance < 1e-9
    assert (one.front_row, one.back_row) == (7, 3)
    assert timed_text(matching, one) == (
        f"{ONE[0]} at out_proxy and {ONE[1]} at inside are related by timing (no packet in common: a proxy that ends"
        " TLS?): each of 4 requests came within 1.0 ms of the client's bytes, bytes for the client within 0.8 ms of each"
        " answer; by chance at most once in 1,000,000,000, of 4 pairs tried"
    )


def test_json_and_text_tell_it_and_never_as_the_same() -> None:
    matching, timed = found([front()], [back(passed_on())])
    said = losses_json(matching, timed=timed)
    (row,) = said.related_by_timing
    assert (row.front, row.back, row.front_point, row.back_point) == (*ONE, "out_proxy", "inside")
    assert (row.front_frame, row.back_frame, row.exchanges, row.tried) == (8, 4, 4, 4)
    assert (said.related, said.losses) == ([], [])
    written = StringIO()
    print_losses(matching, timed=timed, stream=written)
    assert "Connections related by timing" in written.getvalue()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 5, 20]), st.booleans())
def test_clients_at_the_same_time_are_never_confused(seed: int, clients: int, withheld: bool) -> None:
    """Of as many as 20, at random times; `withheld`: of each client only one side was captured."""
    rng = random.Random(seed)
    fronts, backs, truth = [], [], set()
    for k in range(clients):
        at, exchanges = rng.uniform(10, 3000), list[Exchange]()
        for _ in range(rng.randint(1, 6)):
            wait = rng.choice([2, 30, 200]) * (0.5 + rng.random())
            exchanges.append((at, at + wait))
            at += wait + 3 + rng.expovariate(1 / 200)
        fronts.append(front(exchanges, port=40000 + k))
        backs.append(back(passed_on(exchanges, there=0.3 + rng.random() / 2, again=0.3), port=50000 + k))
        truth.add((f"10.0.0.5:{40000 + k} > 10.0.0.1:443", f"198.51.100.1:{50000 + k} > 198.51.100.9:80"))
    if withheld:
        fronts, backs, truth = fronts[::2], backs[1::2], set()
    assert set(pairs(found(fronts, backs))) <= truth


@pytest.mark.parametrize(
    ("fronts", "backs"),
    [
        ([front(TIMES[:2])], [back(passed_on(TIMES[:2]))]),
        ([front()], [back(passed_on(there=60))]),
        ([front()], [back(passed_on(again=-1))]),
        ([front()], [back(passed_on(again=-60))]),
        ([front()], [back([(asked - 30, answered) for asked, answered in passed_on()])]),
        ([front()], [back(passed_on()[:3])]),
        ([front([*TIMES[:3], (700, 705), TIMES[3], (900, 910)])], [back(passed_on())]),
        ([front()], [back([*passed_on()[:3], (500, 505)])]),
        ([front()], [back([(11, 59.2), (59.5, 59.6), *passed_on()[1:]])]),
        ([front(), front(port=40001)], [back(passed_on())]),
        ([front()], [back(passed_on()), back(passed_on(there=1.2), port=50001)]),
        ([front(EVERY_SECOND)], [back(passed_on(EVERY_SECOND))]),
    ],
    ids=[
        "two exchanges", "late", "answered after", "no answer then", "before the client's bytes", "one did not go on",
        "two did not", "nothing came before", "out of turn", "two clients", "two behind", "regular",
    ],
)  # fmt: skip
def test_what_is_not_related(fronts: list[Talk], backs: list[Talk]) -> None:
    assert pairs(found(fronts, backs)) == []


@pytest.mark.parametrize(("ms", "told"), [(8, True), (10, False)])
def test_a_connection_that_was_open_before_the_client_came(ms: int, told: bool) -> None:
    """It is kept and shared, and whose requests are whose cannot be told; not so what is opened when a client comes."""
    early = back(passed_on())
    early.sent[:] = [replace(sent, at_ms=sent.at_ms - ms * (sent.number < 3)) for sent in early.sent]
    assert pairs(found([front()], [early])) == [ONE] * told


def secured(exchanges: Sequence[Exchange], *, farewell: bool = True) -> Talk:
    """Behind the proxy in TLS, too: its hello, and with what ends the handshake the first request; tickets come at once.

    `farewell`: the server answers it.
    """
    (asked, answered), *others = exchanges
    made = spoken(((INSIDE[0], 50000), (SERVER[0], 443)), [(asked, asked + 0.4), *others])
    hello, last = payload(8, 300), exchanges[-1][1]
    assert answered is not None
    assert last is not None
    made.sent.clear()
    made.next_seq[:] = [7_000_000, 9_000_000]
    for at, flags, client, data in (
        (asked - 4, "S", True, b""),
        (asked - 3.9, "SA", False, b""),
        (asked - 3.8, "A", True, b""),
        (asked - 3, "PA", True, HELLO + hello),
        (asked - 1, "PA", False, payload(9, 900)),
        (asked, "PA", True, payload(10, 150)),
        (asked + 0.4, "PA", False, payload(11, 400)),
        (answered, "PA", False, payload(12, 700)),
    ):
        made.send(at, flags, client=client, data=data)
    for number, (at, then) in enumerate(others):
        assert then is not None
        made.send(at, "PA", client=True, data=payload(20 + number))
        made.send(then, "PA", data=payload(40 + number, 700))
    if farewell:
        made.send(last + 2, "PA", client=True, data=payload(13, 24))
        made.send(last + 2.3, "PA", data=payload(14, 24))
    made.send(last + 2.5, "FA", client=True)
    return made


@pytest.mark.parametrize("farewell", [True, False])
def test_a_proxy_that_speaks_tls_to_the_server_too(farewell: bool) -> None:
    """What TLS itself says there, and the request that goes along with it, are none of the client's requests."""
    matching, (one,) = result = found([front()], [secured(passed_on(), farewell=farewell)])
    assert pairs(result) == [(ONE[0], ONE[1].replace(":80", ":443"))]
    assert (one.exchanges, one.back_row, losses(matching)) == (3, 8, {})


def test_a_handshake_and_too_few_requests() -> None:
    assert pairs(found([front()], [secured(passed_on()[:2])])) == []


def test_a_point_that_saw_the_server_only() -> None:
    """Whether the client began with a hello is not known there."""
    deaf = View(drop=lambda sent: sent.from_client and sent.size > 40, delay_ms=0.01)
    one, other = front(), back(passed_on())
    captures = {
        "a_inside": packets([other], deaf),
        "out": packets([one], View()),
        "tap": packets([one], View(delay_ms=0.01)),
        "z_inside": packets([other], View()),
    }
    assert len(related(captures)[1]) == (related(captures)[0].points[-1].name == "z_inside")


@pytest.mark.parametrize(("size", "told"), [(48, True), (70, False)])
def test_what_http_2_says_of_itself_while_an_answer_comes(size: int, told: bool) -> None:
    """As short a thing may be no request; a longer one went nowhere."""
    one = front()
    one.sent = [sent for sent in one.sent if sent.at_ms < 812]
    one.send(812, "PA", client=True, data=payload(1, size))
    one.send(813, "PA", data=payload(2, 700))
    one.send(814, "PA", client=True, data=payload(3, size))
    one.send(815, "PA", data=payload(4, 700))
    assert pairs(found([one], [back(passed_on())])) == [ONE] * told


def test_what_fits_with_too_few_requests_makes_nothing_doubtful() -> None:
    short = back(passed_on()[1:3], port=50001)
    assert pairs(found([front()], [back(passed_on()), short])) == [ONE]


def test_a_request_that_nobody_answers_is_the_last() -> None:
    times = [*TIMES, (1000.0, None)]
    matching, (one,) = result = found([front(times)], [back(passed_on(times))])
    assert pairs(result) == [ONE]
    assert (one.exchanges, one.return_ns) == (5, 800_000)
    assert losses(matching) == {}


def test_what_is_related_by_content_is_not_looked_at() -> None:
    _, (one,) = found([front()], [back(passed_on())])
    known = Related(
        front=one.front, back=one.back, front_point=one.front_point, back_point=one.back_point, front_row=0, back_row=0,
        front_wait_ns=None, back_wait_ns=None, exchanges=1, same_bytes=0, clock_ahead_ns=0,
    )  # fmt: skip
    assert pairs(found([front()], [back(passed_on())], [known])) == []


def never(_: Sent) -> bool:
    return False


def later(ms: float) -> Callable[[Sequence[tuple[int, bytes]]], list[tuple[int, bytes]]]:
    return lambda frames: [(at + int(ms * 1_000_000), data) for at, data in frames]


def test_clocks_of_points_on_one_path_are_known() -> None:
    """A connection routed past the proxy tells; without it nothing fits."""
    routed = spoken((("10.0.0.7", 9), SERVER), [(20, 40), (1000, 1010)])
    behind = later(600_000)
    captures: Mapping[str, list[tuple[int, bytes]]] = {
        "inside": behind(packets([back(passed_on()), routed], View())),
        "tap": packets(
            [front(), routed, spoken((("10.0.0.77", 7), PROXY), [(60_000, None)])], View(delay_ms=0.3)
        ),
    }
    assert pairs(related(captures)) == [ONE]
    alone = {**captures, "inside": behind(packets([back(passed_on())], View()))}
    assert pairs(related(alone)) == []


def test_paths_that_split_have_a_point_in_common() -> None:
    one, other = front(), back(passed_on())
    captures = {
        "client": packets([one, other], View(delay_ms=0.1)),
        "left": packets([one], View()),
        "right": packets([other], View()),
    }
    assert pairs(related(captures)) == []


def test_two_that_fit_seen_at_different_points_make_each_other_doubtful() -> None:
    captures = {
        "inside": packets([back(passed_on())], View()),
        "elsewhere": packets([back(passed_on(there=1.2), port=50001)], View()),
        "out": packets([front(), spoken((("10.0.0.77", 7), PROXY), [(60_000, None)])], View()),
    }
    assert pairs(related(captures)) == []
