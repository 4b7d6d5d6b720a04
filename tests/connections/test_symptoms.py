"""System calls to symptoms. The traces are strace text: what a user has, and the shortest way to write calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.connections.symptoms import MAX_SOURCES, symptoms
from lastseen.evidence.texts import strace
from lastseen.evidence.texts.text import Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.symptoms import Symptom

NS = 1_000_000_000
LOCAL = Endpoint(address="10.20.0.15", port=50184)
PEER = Endpoint(address="203.0.113.80", port=443)
FD = "3<TCP:[10.20.0.15:50184->203.0.113.80:443]>"
EAGAIN = "-1 EAGAIN (Resource temporarily unavailable) <0.0001>"
CLIENT_HELLO = f'write({FD}, "\\26\\3\\1\\2\\0\\1\\0\\1\\374"..., 517) = 517 <0.0001>'
HANDSHAKE = f'read({FD}, "\\26\\3\\3\\0\\4", 5) = 5 <0.0001>\nread({FD}, "\\16\\0\\0\\0", 4) = 4 <0.0001>'
REQUEST = f'write({FD}, "\\27\\3\\3\\0c\\16?"..., 104) = 104 <0.0001>'
RECORD = f'read({FD}, "\\27\\3\\3\\4\\0", 5) = 5 <0.0001>\nread({FD}, "\\275@\\371"..., 1024) = 1024 <0.0001>'
NO_RECORD = f"read({FD}, 0x556f333c0ec3, 5) = {EAGAIN}"
WAIT = f"poll([{{fd={FD}, events=POLLIN|POLLPRI}}], 1, 59999) = 0 (Timeout) <60.060066>"
READY = f"poll([{{fd={FD}, events=POLLIN|POLLPRI}}], 1, 59999) = 1 ([{{fd=3, revents=POLLIN}}]) <20.5>"
CLOSE = f"close({FD}) = 0 <0.0001>"
RESPONSE = (CLIENT_HELLO, HANDSHAKE, REQUEST, RECORD)


def found(*lines: str) -> tuple[Symptom, ...]:
    trace = "\n".join(lines).split("\n")
    rows = list(strace.read(Text("s.txt", enumerate(trace, 1))))
    calls = [row for row in rows if isinstance(row, Syscall)]
    assert calls == rows, rows
    return symptoms(calls)


def only(*lines: str) -> Symptom:
    (symptom,) = found(*lines)
    return symptom


def test_the_missing_fin_over_tls() -> None:
    """PHP read the whole response and waits for an end that does not come."""
    symptom = only(*RESPONSE, NO_RECORD, "399 1795385094.891107 " + WAIT, CLOSE)
    assert (symptom.kind, symptom.call, symptom.ended_by) == ("waited_for_eof", "poll", "timeout")
    assert (symptom.waited_ns, symptom.waits) == (60_060_066_000, 1)
    assert (symptom.local, symptom.peer, symptom.fd, symptom.pid) == (LOCAL, PEER, 3, 399)
    assert (symptom.response_bytes, symptom.after_complete_response) == (1038, True)
    assert symptom.started_ns == 1_795_385_094_891_107_000
    assert [source.line for source in symptom.sources] == [8]


def test_two_waits_are_one_symptom() -> None:
    symptom = only(*RESPONSE, NO_RECORD, WAIT, NO_RECORD, WAIT, CLOSE)
    assert (symptom.waits, symptom.waited_ns, symptom.kind) == (2, 120_120_132_000, "waited_for_eof")
    assert len(symptom.sources) == 2


def test_a_client_that_closes_after_the_response_felt_nothing() -> None:
    assert (
        found(
            *RESPONSE, NO_RECORD, f'sendto({FD}, "\\25\\3\\3\\0\\32"..., 31, 0, NULL, 0) = 31 <0.0001>', CLOSE
        )
        == ()
    )


def test_a_record_not_yet_whole_means_data() -> None:
    half = f'read({FD}, "\\27\\3\\3\\4\\0", 5) = 5 <0.0001>\nread({FD}, "\\275@"..., 1024) = 1000 <0.0001>'
    symptom = only(CLIENT_HELLO, HANDSHAKE, REQUEST, half, f"read({FD}, 0x55, 24) = {EAGAIN}", WAIT, CLOSE)
    assert (symptom.kind, symptom.after_complete_response) == ("waited_for_data", False)


def test_no_response_at_all_means_data() -> None:
    symptom = only(CLIENT_HELLO, HANDSHAKE, REQUEST, NO_RECORD, WAIT, CLOSE)
    assert (symptom.kind, symptom.after_complete_response) == ("waited_for_data", False)


def test_more_data_after_the_wait_proves_the_response_was_not_complete() -> None:
    symptom = only(*RESPONSE, NO_RECORD, READY, RECORD, CLOSE)
    assert (symptom.kind, symptom.ended_by, symptom.waited_ns) == ("waited_for_data", "data", 20_500_000_000)
    assert symptom.after_complete_response is False


def test_a_late_eof_ends_the_wait() -> None:
    symptom = only(*RESPONSE, NO_RECORD, READY, f'read({FD}, "", 5) = 0 <0.0001>', CLOSE)
    assert (symptom.kind, symptom.ended_by, symptom.after_complete_response) == (
        "waited_for_eof",
        "eof",
        True,
    )


def test_a_reset_ends_the_wait() -> None:
    symptom = only(
        *RESPONSE, READY, f"read({FD}, 0x55, 5) = -1 ECONNRESET (Connection reset by peer) <0.0001>"
    )
    assert symptom.ended_by == "reset"


@pytest.mark.parametrize(
    ("revents", "ended_by"), [("POLLIN", "data"), ("POLLIN|POLLRDHUP", "eof"), ("POLLERR|POLLHUP", "reset")]
)
def test_a_close_without_a_read_leaves_what_poll_told(revents: str, ended_by: str) -> None:
    assert only(*RESPONSE, READY.replace("revents=POLLIN", f"revents={revents}"), CLOSE).ended_by == ended_by


def test_a_second_wait_after_a_ready_one_is_its_own() -> None:
    assert [symptom.ended_by for symptom in found(*RESPONSE, READY, WAIT, CLOSE)] == ["timeout", "data"]


def test_tickets_of_tls13_are_no_response() -> None:
    """The server's encrypted handshake comes before the client's first data: TLS 1.3. Tickets look like data."""
    early = f'read({FD}, "\\27\\3\\3\\0\\2", 5) = 5 <0.0001>\nread({FD}, "xx", 2) = 2 <0.0001>'
    ticket = f'read({FD}, "\\27\\3\\3\\0\\372", 5) = 5 <0.0001>\nread({FD}, "xx"..., 250) = 250 <0.0001>'
    symptom = only(CLIENT_HELLO, HANDSHAKE, early, REQUEST, ticket, ticket, NO_RECORD, WAIT, CLOSE)
    assert (symptom.kind, symptom.after_complete_response) == ("waited", None)
    symptom = only(CLIENT_HELLO, HANDSHAKE, early, REQUEST, ticket, ticket, RECORD, NO_RECORD, WAIT, CLOSE)
    assert (symptom.kind, symptom.after_complete_response) == ("waited_for_eof", True)


def test_records_read_in_one_piece_are_followed_as_far_as_shown() -> None:
    whole = f'read({FD}, "\\27\\3\\3\\0\\4abcd\\27\\3\\3\\0\\1x", 16384) = 15 <0.0001>'
    assert only(CLIENT_HELLO, HANDSHAKE, REQUEST, whole, WAIT).after_complete_response is True
    hidden = f'read({FD}, "\\27\\3\\3\\0\\4abcd"..., 16384) = 15 <0.0001>'
    symptom = only(CLIENT_HELLO, HANDSHAKE, REQUEST, hidden, WAIT)
    assert (symptom.kind, symptom.after_complete_response) == ("waited", None)
    assert only(CLIENT_HELLO, HANDSHAKE, REQUEST, hidden, RECORD, WAIT).after_complete_response is True


GET = f'write({FD}, "GET / HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n", 40) = 40 <0.0001>'


@pytest.mark.parametrize(
    ("request_line", "pieces", "complete", "kind"),
    [
        (GET, ["HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nabc"], True, "waited_for_eof"),
        (GET, ["HTTP/1.1 200 OK\\r\\ncontent-length:3\\r\\n", "\\r\\n", "abc"], True, "waited_for_eof"),
        (GET, ["HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nabc"], False, "waited_for_data"),
        (GET, ["HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n", "3\\r\\nabc\\r\\n0\\r\\n\\r\\n"], True, "waited_for_eof"),
        (GET, ["HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n", "0\\r\\n\\r\\n"], True, "waited_for_eof"),
        (GET, ["HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n"], False, "waited_for_data"),
        (GET, ["HTTP/1.1 304 Not Modified\\r\\nContent-Length: 9\\r\\n\\r\\n"], True, "waited_for_eof"),
        (GET.replace("GET", "HEAD"), ["HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n"], True, "waited_for_eof"),
        (GET, ["HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\nabc"], None, "waited"),
        (GET, ["220 mail.example ESMTP"], None, "waited"),
    ],
)  # fmt: skip
def test_the_length_of_an_http_response(
    request_line: str, pieces: list[str], complete: bool | None, kind: str
) -> None:
    sizes = [len(piece.replace("\\r", "r").replace("\\n", "n")) for piece in pieces]
    reads = [
        f'read({FD}, "{piece}", 8192) = {size} <0.0001>' for piece, size in zip(pieces, sizes, strict=True)
    ]
    symptom = only(request_line, *reads, WAIT, CLOSE)
    assert (symptom.after_complete_response, symptom.kind) == (complete, kind)
    assert symptom.response_bytes == sum(sizes)


def test_a_long_body_is_counted_though_not_shown() -> None:
    head = "HTTP/1.1 200 OK\\r\\nContent-Length: 5000\\r\\n\\r\\n"
    size = len(head) - head.count("\\")
    body = f'read({FD}, "{head}' + "x" * 5000 + f'", 8192) = {size + 5000} <0.0001>'
    assert only(GET, body, WAIT).after_complete_response is True
    abbreviated = f'read({FD}, "{head}"..., 8192) = {size + 4000} <0.0001>'
    assert only(GET, abbreviated, WAIT).after_complete_response is False
    hidden = f'read({FD}, "HTTP/1.1 200 OK\\r\\nServer: x"..., 8192) = 5000 <0.0001>'
    assert only(GET, hidden, WAIT).after_complete_response is None


def test_the_end_of_a_long_chunked_body_is_found() -> None:
    head = "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
    body = f'read({FD}, "{head}1000\\r\\n' + "x" * 4096 + '\\r\\n0\\r\\n\\r\\n", 8192) = 4166 <0.0001>'
    assert only(GET, body, WAIT).kind == "waited_for_eof"
    hidden = f'read({FD}, "{head}1000\\r\\n' + "x" * 400 + '"..., 8192) = 4166 <0.0001>'
    assert only(GET, hidden, WAIT).after_complete_response is None


def test_a_new_request_starts_anew() -> None:
    """What the server sent before says nothing of the answer to the next request."""
    symptom = only(*RESPONSE, REQUEST, NO_RECORD, WAIT, CLOSE)
    assert (symptom.kind, symptom.after_complete_response, symptom.response_bytes) == (
        "waited_for_data",
        False,
        1038,
    )
    assert [one.waits for one in found(*RESPONSE, WAIT, REQUEST, WAIT)] == [1, 1]


CONNECT = 'connect(3<TCP:[13476]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.80")}, 16)'


@pytest.mark.parametrize(
    ("lines", "ended_by"),
    [
        ([CONNECT + " = -1 ETIMEDOUT (Connection timed out) <130.5>"], "timeout"),
        ([CONNECT + " = 0 <3.2>"], "data"),
        ([CONNECT + " = -1 ECONNREFUSED (Connection refused) <3.2>"], "reset"),
        ([CONNECT + " = -1 EINPROGRESS (Operation now in progress) <0.01>",
          "poll([{fd=3<TCP:[13476]>, events=POLLIN|POLLOUT|POLLERR|POLLHUP}], 1, 60000) = 0 (Timeout) <60.06>"], "timeout"),
        ([CONNECT + " = -1 EINPROGRESS (Operation now in progress) <0.01>",
          "poll([{fd=3<TCP:[13476]>, events=POLLOUT}], 1, 60000) = 1 ([{fd=3, revents=POLLOUT}]) <3.1>",
          f"getsockopt({FD}, SOL_SOCKET, SO_ERROR, [0], [4]) = 0 <0.0001>"], "data"),
        ([CONNECT + " = -1 EINPROGRESS (Operation now in progress) <0.01>",
          "poll([{fd=3<TCP:[13476]>, events=POLLOUT}], 1, 200000) = 1 ([{fd=3, revents=POLLOUT|POLLERR|POLLHUP}]) <131.1>",
          "getsockopt(3<TCP:[13476]>, SOL_SOCKET, SO_ERROR, [ETIMEDOUT], [4]) = 0 <0.0001>"], "timeout"),
    ],
)  # fmt: skip
def test_waiting_for_a_connection(lines: list[str], ended_by: str) -> None:
    symptom = only("socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3<TCP:[13476]>", *lines)
    assert (symptom.kind, symptom.ended_by, symptom.peer) == ("waited_for_connect", ended_by, PEER)
    assert symptom.after_complete_response is None


def test_a_read_that_never_returned_was_killed() -> None:
    symptom = only(
        f"399 1700000000.000000 {REQUEST}",
        f"399 1700000001.000000 recvfrom({FD},  <unfinished ...>",
        "399 1700000043.500000 +++ killed by SIGINT +++",
    )
    assert (symptom.kind, symptom.call, symptom.ended_by) == ("waited_for_data", "recvfrom", "killed")
    assert (symptom.waited_ns, symptom.peer) == (42_500_000_000, PEER)


def test_a_wait_without_any_later_time_has_no_length() -> None:
    symptom = only("poll([{fd=3, events=POLLIN|POLLPRI}], 1, 6000")
    assert (symptom.kind, symptom.waited_ns, symptom.ended_by, symptom.fd) == ("waited", None, "killed", 3)
    assert found("poll([{fd=3, events=POLLIN|POLLPRI}], 1, 600 <unfinished ...>") == ()
    assert found(WAIT, "400 recvfrom(7,  <unfinished ...>")[1].waited_ns is None


@pytest.mark.parametrize(
    ("result", "ended_by", "kind"),
    [
        ('"abc"..., 8192, 0, NULL, NULL) = 500', "data", "waited_for_data"),
        ('"", 8192, 0, NULL, NULL) = 0', "eof", "waited_for_data"),
        (
            "0x55, 8192, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)",
            "timeout",
            "waited_for_data",
        ),
        ("0x55, 8192, 0, NULL, NULL) = -1 ETIMEDOUT (Connection timed out)", "timeout", "waited_for_data"),
        ("0x55, 8192, 0, NULL, NULL) = -1 ECONNRESET (Connection reset by peer)", "reset", "waited_for_data"),
    ],
)
def test_a_blocking_read_is_a_wait(result: str, ended_by: str, kind: str) -> None:
    symptom = only(GET, f"recvfrom({FD}, {result} <42.0>")
    assert (symptom.ended_by, symptom.kind, symptom.waited_ns, symptom.waits) == (ended_by, kind, 42 * NS, 1)


def test_a_peek_is_no_response() -> None:
    peek = f'recvfrom({FD}, "\\27", 1, MSG_PEEK|MSG_DONTWAIT, NULL, NULL) = 1 <0.0001>'
    assert only(*RESPONSE, peek, WAIT).response_bytes == 1038


def test_waiting_to_write() -> None:
    refused = f'write({FD}, "abc"..., 65536) = {EAGAIN}'
    poll = f"poll([{{fd={FD}, events=POLLOUT}}], 1, 30000) = 0 (Timeout) <30.01>"
    assert only(refused, poll).kind == "waited_for_writable"
    assert only(f'write({FD}, "abc"..., 65536) = 65536 <12.5>').kind == "waited_for_writable"
    ready = poll.replace("= 0 (Timeout)", "= 1 ([{fd=3, revents=POLLOUT}])")
    assert only(refused, ready, f'write({FD}, "abc"..., 65536) = 65536 <0.1>').ended_by == "data"


@pytest.mark.parametrize(
    ("wait", "kind"),
    [
        ("select(4, [3<TCP:[10.20.0.15:50184->203.0.113.80:443]>], NULL, NULL, {tv_sec=5, tv_usec=0}) = 0 (Timeout) <5.1>", "waited_for_eof"),
        ("pselect6(4, NULL, [3], NULL, {tv_sec=5, tv_nsec=0}, NULL) = 0 (Timeout) <5.1>", "waited_for_writable"),
        (f"ppoll([{{fd={FD}, events=POLLIN}}], 1, {{tv_sec=5, tv_nsec=0}}, NULL, 8) = 0 (Timeout) <5.1>", "waited_for_eof"),
        (f"poll([{{fd={FD}, events=POLLIN|POLLOUT}}], 1, 5000) = 0 (Timeout) <5.1>", "waited"),
    ],
)  # fmt: skip
def test_what_a_wait_is_for(wait: str, kind: str) -> None:
    assert only(*RESPONSE, wait).kind == kind


def test_an_epoll_wait_is_for_what_was_refused() -> None:
    added = f"epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, {FD}, {{events=EPOLLIN, data={{u32=3, u64=3}}}}) = 0"
    symptom = only(
        added, *RESPONSE, NO_RECORD, "epoll_wait(4<anon_inode:[eventpoll]>, [], 64, 60000) = 0 <60.1>"
    )
    assert (symptom.kind, symptom.fd, symptom.peer) == ("waited_for_eof", 3, PEER)


def test_many_short_waits_add_up() -> None:
    """An event loop that looks once a second for a minute made its user wait a minute."""
    tick = f"poll([{{fd={FD}, events=POLLIN}}], 1, 500) = 0 (Timeout) <0.500500>"
    symptom = only(*RESPONSE, *[tick] * 40, RECORD)
    assert (symptom.waits, symptom.waited_ns, len(symptom.sources)) == (40, 20_020_000_000, MAX_SOURCES)


def test_waits_that_data_ends_do_not_add_up() -> None:
    quick = READY.replace("<20.5>", "<0.9>")
    assert found(CLIENT_HELLO, HANDSHAKE, REQUEST, *[quick, RECORD] * 40) == ()


def test_another_descriptor_that_became_ready_does_not_end_the_wait() -> None:
    poll = f"poll([{{fd={FD}, events=POLLIN}}, {{fd=5<UNIX-STREAM:[1->2]>, events=POLLIN}}], 2, 60000) = 1 ([{{fd=5, revents=POLLIN}}]) <0.7>"
    symptom = only(*RESPONSE, poll, poll, CLOSE)
    assert (symptom.waits, symptom.ended_by) == (2, "timeout")


@pytest.mark.parametrize(
    "lines",
    [
        ["poll([{fd=4<pipe:[77]>, events=POLLIN}], 1, 60000) = 0 (Timeout) <60.1>"],
        ["accept4(3<TCP:[0.0.0.0:80]>, NULL, NULL, 0) = 4<TCP:[1]> <600.0>"],
        ["listen(3<TCP:[0.0.0.0:80]>, 128) = 0", "poll([{fd=3<TCP:[0.0.0.0:80]>, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}]) <90.1>"],
        ['read(0, "y\\n", 1024) = 2 <12.5>'],
        [f"poll([{{fd={FD}, events=POLLIN}}], 1, 0) = 0 (Timeout) <0.0001>"],
        [f'read({FD}, "abc'],
        [f"getsockopt({FD}, SOL_SOCKET, SO_ERROR, [0], [4]) = 0 <2.0>"],
    ],
)  # fmt: skip
def test_what_is_no_symptom(lines: list[str]) -> None:
    assert found(*lines) == ()


def test_io_uring_is_noted_as_a_plain_wait() -> None:
    symptom = only(
        "io_uring_enter(8<anon_inode:[io_uring]>, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1 <30.1>"
    )
    assert (symptom.kind, symptom.call, symptom.waited_ns) == ("waited", "io_uring_enter", 30_100_000_000)


def test_known_connections_come_first_then_the_longest() -> None:
    other = WAIT.replace("50184", "50185").replace("fd=3", "fd=6").replace("60.060066", "90.5")
    local = "poll([{fd=9<UNIX-STREAM:[1->2]>, events=POLLIN}], 1, 100000) = 0 (Timeout) <100.1>"
    assert [symptom.fd for symptom in found(*RESPONSE, local, WAIT, other)] == [6, 3, 9]


def test_threads_share_a_connection() -> None:
    """What one thread read counts for the wait of another."""
    symptom = only(*(f"400 {line}" for part in RESPONSE for line in part.split("\n")), f"401 {WAIT}")
    assert (symptom.response_bytes, symptom.pid, symptom.kind) == (1038, 401, "waited_for_eof")


def test_without_durations_a_timeout_is_its_own_proof() -> None:
    bare = WAIT.replace(" <60.060066>", "")
    assert only(*RESPONSE, bare).waited_ns == 59_999_000_000
    ready = READY.replace(" <20.5>", "")
    symptom = only(*RESPONSE, f"399 1700000000.0 {ready}", f'399 1700000020.5 read({FD}, "", 5) = 0')
    assert (symptom.waited_ns, symptom.ended_by) == (20_500_000_000, "eof")
    assert found(f'399 1700000000.0 read({FD}, "x", 5) = 1', f"399 1700000009.0 {CLOSE}") == ()


def test_no_calls_no_symptoms() -> None:
    assert symptoms(()) == ()


LINES = [
    *RESPONSE,
    NO_RECORD,
    WAIT,
    READY,
    CLOSE,
    CONNECT + " = 0 <3.2>",
    GET,
    f"recvfrom({FD},  <unfinished ...>",
]


@given(st.lists(st.sampled_from(LINES)))
def test_any_order_of_calls_is_read(lines: list[str]) -> None:
    """Nothing is certain of such a trace but that no wait is told twice, and that the longest comes first."""
    told = found(*lines)
    waits = sum(line in {WAIT, READY} or line == LINES[-3] or line == LINES[-1] for line in lines)
    assert sum(symptom.waits for symptom in told) <= waits
    known = [symptom.waited_ns or 0 for symptom in told if symptom.peer]
    assert known == sorted(known, reverse=True)


@given(st.text(alphabet='"\\0123456789abHTP/1. rnx:[].'), st.integers(-2, 9999))
def test_no_string_raises(shown: str, result: int) -> None:
    place = Text("s.txt", ()).at(1)
    rows = [
        Syscall(**place, pid=1, at_ns=None, name=name, fd=3, args=f'3, "{shown}', result=result, result_text="",
                duration_ns=2 * NS)
        for name in ("write", "read", "read", "poll", "close")
    ]  # fmt: skip
    assert isinstance(symptoms(rows), tuple)
