"""The variables of `curl -w` in the layouts people use."""

import pytest
from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import curl_times as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.transfers import Transfer

BLOCK = "time_namelookup: 0.001\ntime_connect: 0.002\ntime_starttransfer: 0.500\ntime_total: 0.600\n"


def transfers(text: str) -> list[Transfer]:
    return [row for row in rows(reader, text) if isinstance(row, Transfer)]


def one(name: str) -> Transfer:
    (found,) = transfers(sample(f"curl_times/{name}"))
    return found


def reached(transfer: Transfer) -> dict[str, int | None]:
    return {stone.what: stone.after_ns for stone in transfer.milestones}


def test_a_line_each() -> None:
    found = one("v7_88_lines")
    assert reached(found) == {
        "begun": 0, "named": 18_000, "connected": 27_013_000, "asked": 27_082_000, "answered": 2_535_244_000,
        "ended": 2_535_303_000,
    }  # fmt: skip
    assert [stone.source.line for stone in found.milestones] == [2, 2, 3, 5, 7, 9]
    assert (found.ended_by, found.peer, found.resolution_ns) == ("", None, 1000)


def test_names_without_their_prefix() -> None:
    assert reached(one("v7_88_short_names"))["answered"] == 17_322_000


def test_all_on_one_line() -> None:
    found = one("v7_88_one_line")
    assert (found.peer, found.local) == (
        Endpoint(address="127.0.0.1", port=18080),
        Endpoint(address="127.0.0.1", port=47334),
    )
    assert (found.ended_by, found.received_bytes, found.took_ns) == ("timeout", 5, 3_000_112_000)


@pytest.mark.parametrize(
    ("name", "ended_by", "last"),
    [("slow", "done", "answered"), ("silent", "timeout", "asked"), ("part", "timeout", "answered"),
     ("hang", "timeout", "securing"), ("refused", "failed", "named")],
)  # fmt: skip
def test_json_says_what_ended_it(name: str, ended_by: str, last: str) -> None:
    """A handshake that hangs has no time_connect, yet a port of its own: it did connect."""
    found = one(f"v7_88_json_{name}")
    assert (found.ended_by, found.milestones[-2].what, found.resolution_ns) == (ended_by, last, 1000)


def test_three_decimals_and_no_end() -> None:
    found = one("v7_29_written")
    assert (found.resolution_ns, found.ended_by, found.milestones[-2].what) == (1_000_000, "", "asked")


def test_whether_it_connected_is_not_always_told() -> None:
    text = "time_namelookup: 0.001\ntime_connect: 0.000\ntime_appconnect: 0.000\ntime_total: 60.000\n"
    (found,) = transfers(text)
    assert found.milestones[-2].what == "reaching"
    (found,) = transfers(text + "url_effective: http://h/\n")
    assert found.milestones[-2].what == "named"


def test_redirections_and_connections_used_again_are_not_one_requests_times() -> None:
    assert transfers(BLOCK)[0].is_one
    assert not transfers(BLOCK + "time_redirect: 0.2\n")[0].is_one
    assert not transfers(BLOCK + "num_connects: 0\n")[0].is_one


def test_the_exit_code_tells_how_it_ended() -> None:
    assert [transfers(f"{BLOCK}exitcode: {code}\n")[0].ended_by for code in (0, 28, 56, 3)] == [
        "done", "timeout", "reset", "failed",
    ]  # fmt: skip


def test_a_variable_that_comes_again_begins_the_next() -> None:
    assert [found.source.line for found in transfers(BLOCK + BLOCK)] == [1, 5]


def test_what_is_none_of_it_is_weird() -> None:
    assert weirds(reader, BLOCK + "hello\n") == [5]
    assert weirds(reader, "time_connect: 0.002\n") == [1]
    assert weirds(reader, '{"time_total":1.0,"time_conn') == [1]
    assert weirds(reader, '{"http_code":200}\n{"time_total":1.0,"time_connect":0.5}\n') == [1]
    assert weirds(reader, "{[1]\n") == [1]


def test_only_curls_times_are_recognised() -> None:
    assert recognised(reader, BLOCK)
    assert recognised(reader, "", "curl -s -w '%{time_total}' http://h/")
    assert not recognised(reader, "connect: 3\ntotal: 4\n")
    assert not recognised(reader, "time_connect: 1\ntime_total: 2\n")
    assert not recognised(reader, "")
