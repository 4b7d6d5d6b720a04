"""curl's words on stderr: what it had reached, when, and what ended it. The servers of the samples stall on purpose."""

import pytest
from reading import recognised, rows, sample, weirds

from lastseen.evidence.curl_dumps import MOST_ROWS, as_verbose
from lastseen.evidence.texts import curl_verbose as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.transfers import Transfer

HERE = Endpoint(address="127.0.0.1", port=18080)
ASKED = "*   Trying 192.0.2.80:80...\n* Connected to h (192.0.2.80) port 80 (#0)\n> GET / HTTP/1.1\n> \n"


def transfers(text: str) -> list[Transfer]:
    return [row for row in rows(reader, text) if isinstance(row, Transfer)]


def one(name: str) -> Transfer:
    (found,) = transfers(sample(f"curl_verbose/{name}"))
    return found


def reached(transfer: Transfer) -> list[str]:
    return [stone.what for stone in transfer.milestones]


def after_s(transfer: Transfer, what: str) -> float | None:
    return next(
        (
            stone.after_ns / 1e9
            for stone in transfer.milestones
            if stone.what == what and stone.after_ns is not None
        ),
        None,
    )


def test_a_transfer_that_went_well() -> None:
    found = one("v7_88_ok")
    assert reached(found) == ["begun", "named", "connected", "asked", "answered", "ended"]
    assert (found.peer, found.ended_by, found.framing, found.received_bytes) == (HERE, "done", "length", 5)
    assert {stone.after_ns for stone in found.milestones} == {None}
    assert found.began_ns is None
    assert found.milestones[2].source.line == 3


def test_times_of_the_lines() -> None:
    found = one("v7_88_silent_time")
    assert found.began_ns == ((21 * 60 + 31) * 60 + 12) * 10**9 + 327_685_000
    assert (after_s(found, "connected"), after_s(found, "asked")) == (0.000114, 0.000158)
    assert (after_s(found, "ended"), found.took_ns, found.resolution_ns) == (3.004379, 3_004_000_000, 1000)
    assert (found.ended_by, found.received_bytes) == ("timeout", 0)


def test_without_times_a_timeout_tells_the_whole() -> None:
    found = one("v7_88_silent")
    assert (found.took_ns, found.ended_by, reached(found)[-2:]) == (
        3_003_000_000,
        "timeout",
        ["asked", "ended"],
    )


def test_the_meter_counts_seconds() -> None:
    """It stands before curl's words on their line; the end is told better by the failure."""
    found = one("v7_88_reset_meter")
    assert (after_s(found, "asked"), after_s(found, "ended"), found.resolution_ns) == (0, 2, 10**9)
    assert found.ended_by == "reset"
    assert after_s(one("v7_88_close_meter"), "ended") == 3.001


def test_the_meter_does_not_hide_the_time_behind_it() -> None:
    found = one("v7_88_slow_time")
    assert (after_s(found, "answered"), found.ended_by, found.framing) == (2.540949, "done", "length")


@pytest.mark.parametrize(
    ("name", "ended_by", "framing"),
    [
        ("part_time", "timeout", "length"), ("cutshort_time", "eof", "length"), ("chunk", "timeout", "chunks"),
        ("close_meter", "timeout", "close"), ("empty", "eof", ""), ("refused", "failed", ""), ("noname", "failed", ""),
        ("h2_time", "done", "frames"), ("h2_silent", "eof", ""), ("closing_line", "timeout", ""),
    ],
)  # fmt: skip
def test_what_ended_it_and_how_its_end_is_told(name: str, ended_by: str, framing: str) -> None:
    found = one(f"v7_88_{name}")
    assert (found.ended_by, found.framing) == (ended_by, framing)


def test_a_handshake_that_hangs_is_not_connecting() -> None:
    assert reached(one("v7_88_tls_hang")) == ["begun", "named", "connected", "securing", "ended"]
    assert reached(one("v7_88_tls_silent"))[3:5] == ["securing", "secured"]


def test_a_redirection_is_a_transfer_of_its_own() -> None:
    first, second = transfers(sample("curl_verbose/v7_88_redir"))
    assert (first.ended_by, after_s(first, "ended")) == ("done", 0.031626)
    assert (second.source.line, after_s(second, "answered")) == (15, 2.505539)


def test_a_failure_that_took_longer_than_its_lines_began_with_the_name() -> None:
    """curl says nothing while it looks a name up."""
    text = (
        "10:00:05.000000 *   Trying 192.0.2.80:80...\n"
        "10:00:06.000000 * Connection timed out after 6000 milliseconds\n"
    )
    (found,) = transfers(text)
    assert (after_s(found, "named"), after_s(found, "ended")) == (5, 6)
    assert found.began_ns == 36_000 * 10**9


def test_midnight_passes() -> None:
    (found,) = transfers(
        "23:59:59.500000 *   Trying 192.0.2.80:80...\n00:00:01.500000 * Empty reply from server\n"
    )
    assert after_s(found, "ended") == 2


@pytest.mark.parametrize(
    ("name", "peer", "local"),
    [
        ("v7_29_written", Endpoint(address="192.0.2.80", port=443), None),
        ("v7_58_written", Endpoint(address="192.0.2.80", port=80), None),
        (
            "v8_14_trace_ids_written",
            Endpoint(address="192.0.2.80", port=443),
            Endpoint(address="10.0.0.5", port=40000),
        ),
    ],
)
def test_generations_name_the_ends(name: str, peer: Endpoint, local: Endpoint | None) -> None:
    found = one(name)
    assert (found.peer, found.local) == (peer, local)


@pytest.mark.parametrize(
    ("line", "peer"),
    [
        ("Trying 192.0.2.1:443...", ("192.0.2.1", 443)),
        ("Trying [2001:db8::1]:443...", ("2001:db8::1", 443)),
        ("Trying 2001:db8::1:18080...", ("2001:db8::1", 18080)),
        ("Trying 192.0.2.1...", ("192.0.2.1", 0)),
        ("Trying ::1... connected", ("::1", 8080)),
    ],
)
def test_the_address_that_is_tried(line: str, peer: tuple[str, int]) -> None:
    before = "* About to connect() to localhost port 8080 (#0)\n" if "connected" in line else ""
    (found,) = transfers(f"{before}*   {line}\n")
    assert found.peer is not None
    assert (found.peer.address, found.peer.port) == peer
    assert ("connected" in reached(found)) == ("connected" in line)


def test_what_is_no_address_is_no_peer() -> None:
    (found,) = transfers("*   Trying nonsense...\n")
    assert found.peer is None


def test_a_connection_used_again_needs_no_connecting() -> None:
    text = ASKED + "< HTTP/1.1 200 OK\n< Content-Length: 0\n< \n* Connection #0 to host h left intact\n"
    again = (
        "* Re-using existing connection! (#0) with host h\n> GET /2 HTTP/1.1\n> \n* Empty reply from server\n"
    )
    first, second = transfers(text + again)
    assert (first.ended_by, first.received_bytes) == ("done", 0)
    assert (reached(second), second.ended_by) == (["begun", "connected", "asked", "ended"], "eof")


def test_an_upload_is_asked_when_it_is_sent() -> None:
    text = ASKED.replace("GET", "POST") + "} [65536 bytes data]\n* We are completely uploaded and fine\n"
    (found,) = transfers(text)
    assert [(stone.what, stone.source.line) for stone in found.milestones][-1] == ("asked", 6)


def test_an_interim_answer_is_none() -> None:
    (found,) = transfers(ASKED + "< HTTP/1.1 100 Continue\n< \n")
    assert reached(found)[-1] == "asked"
    (found,) = transfers(ASKED + "< HTTP/1.1 204 No Content\n< \n* Closing connection 0\n")
    assert (reached(found)[-2:], found.ended_by) == (["answered", "ended"], "done")


def test_an_address_that_fails_before_another_is_not_the_end() -> None:
    text = (
        "*   Trying [2001:db8::1]:80...\n* connect to 2001:db8::1 port 80 failed: Connection timed out\n"
        "*   Trying 192.0.2.80:80...\n* Connected to h (192.0.2.80) port 80 (#0)\n> GET / HTTP/1.1\n> \n"
        "< HTTP/1.1 200 OK\n< Content-Length: 5\n< \n* Connection #0 to host h left intact\n"
    )
    (found,) = transfers(text)
    assert (found.ended_by, found.peer) == ("done", Endpoint(address="192.0.2.80", port=80))
    assert reached(found) == ["begun", "named", "connected", "asked", "answered", "ended"]


def test_times_of_w_in_the_same_file() -> None:
    """Both streams of `curl -sv -w` in one file, the body among them."""
    text = ASKED + (
        "< HTTP/1.1 200 OK\n< Content-Length: 6\n< \n{ [6 bytes data]\n* Connection #0 to host h left intact\n"
        "hello\ntime_connect: 0.010000\ntime_starttransfer: 2.500000\ntime_total: 2.600000\n"
    )
    (found,) = transfers(text)
    assert (after_s(found, "answered"), found.took_ns, found.ended_by) == (2.5, 2_600_000_000, "done")
    assert found.peer == Endpoint(address="192.0.2.80", port=80)
    assert weirds(reader, text) == []


def test_other_lines_are_weird_before_the_answer_and_its_body_behind() -> None:
    assert weirds(reader, ASKED + "what is this\n") == [5]
    assert weirds(reader, ASKED + "< HTTP/1.1 200 OK\n< \nwhat is this\n") == []


def test_only_curl_speaks_so() -> None:
    assert recognised(reader, ASKED)
    assert recognised(reader, "", "curl -sv http://h/")
    assert not recognised(reader, "* a list\n* of things\n> a quotation\n< b\n")
    assert not recognised(reader, "", "curl http://h/")
    assert not recognised(reader, "71 connect(3, NULL, 16) = 0 <0.000010>\n" * 9 + ASKED)


@pytest.mark.parametrize("name", ["trace_7_88_hex", "trace_7_88_ascii"])
def test_a_trace_tells_what_the_words_tell(name: str) -> None:
    found = one(name)
    assert reached(found) == ["begun", "named", "connected", "asked", "answered", "ended"]
    assert (found.peer, found.ended_by, found.framing, found.received_bytes) == (HERE, "done", "length", 12)
    assert found.milestones[3].text == "GET /a HTTP/1.1"
    assert found.milestones[3].source.line == 3


@pytest.mark.parametrize("name", ["trace_7_88_hex_time_hang", "trace_7_88_ascii_time_hang"])
def test_a_trace_with_times(name: str) -> None:
    """Recorded: 12 of 500 bytes, then nothing for two seconds."""
    found = one(name)
    assert (found.ended_by, found.received_bytes, found.framing) == ("timeout", 12, "length")
    answered, ended = after_s(found, "answered"), after_s(found, "ended")
    assert answered is not None
    assert ended is not None
    assert 1.9 < ended - answered < 2.1
    assert found.resolution_ns == 1000


def test_a_trace_with_ids_of_a_server_that_is_silent_behind_tls() -> None:
    found = one("trace_8_14_ids_tls_written")
    assert reached(found)[-2:] == ["asked", "ended"]
    assert (found.ended_by, found.peer) == ("timeout", Endpoint(address="192.0.2.80", port=443))
    assert after_s(found, "asked") == 0.0329


def test_a_long_header_goes_on_in_the_next_row() -> None:
    """64 characters a row as text; the row that begins just behind another is the same line."""
    head = sample("curl_verbose/trace_7_88_ascii")
    lines = [line for _, line in as_verbose(enumerate(head.splitlines()))]
    assert "> X-Long: " + "a" * 100 in lines
    assert "{ [12 bytes data]" in lines
    assert not any("hello world" in line for line in lines)


def test_a_trace_that_is_cut_off_in_a_head() -> None:
    cut = (
        "== Info:   Trying 192.0.2.80:80...\n=> Send header, 83 bytes (0x53)\n0000: GET /hang HTTP/1.1\n0014:"
    )
    assert [line for _, line in as_verbose(enumerate(cut.splitlines()))][1:] == ["> GET /hang HTTP/1.1", "> "]
    (found,) = transfers(cut)
    assert reached(found)[-1] == "asked"


def test_a_head_without_end_is_read_to_a_bound() -> None:
    rows_of_it = "".join(f"{64 * number:04x}: {'a' * 64}\n" for number in range(3000))
    text = "<= Recv header, 192000 bytes (0x2ee00)\n" + rows_of_it
    (line,) = (line for _, line in as_verbose(enumerate(text.splitlines())))
    assert len(line) == MOST_ROWS * 64 + 2
