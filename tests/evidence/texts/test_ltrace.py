"""Library calls as ltrace prints them: pointers where strace shows what they point at."""

import pytest
from reading import recognised, rows, sample, weirds

from lastseen.connections.symptoms import symptoms
from lastseen.evidence.texts import ltrace as reader
from lastseen.evidence.texts import strace
from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.symptoms import Symptom

NS = 1_000_000_000
MADE = "[pid 7] 10:00:00.000000 socket(2, 1, 0) = 3 <0.000100>\n"


def calls(text: str) -> list[Syscall]:
    return [row for row in rows(reader, text) if isinstance(row, Syscall)]


def only(text: str) -> Symptom:
    (found,) = symptoms(calls(text))
    return found


@pytest.mark.parametrize("name", ["tt_T_f", "o", "with_S"])
def test_a_poll_is_about_the_one_socket_there_is(name: str) -> None:
    """With -S each wait stands there twice, and counts once."""
    found = only(sample(f"ltrace/v0_7_3_{name}"))
    assert (found.call, found.fd, found.ended_by, found.waits) == ("poll", 3, "timeout", 1)
    assert found.waited_ns is not None
    assert 2.5 <= found.waited_ns / NS < 2.52


def test_tls_is_about_the_socket_it_was_given() -> None:
    found = only(sample("ltrace/v0_7_3_tls"))
    assert (found.call, found.fd, found.kind, found.ended_by) == ("SSL_read", 3, "waited_for_data", "data")
    names = [row.name for row in calls(sample("ltrace/v0_7_3_tls"))]
    assert names == [
        "getaddrinfo",
        "socket",
        "connect",
        "SSL_connect",
        "SSL_write",
        "SSL_read",
        "SSL_read",
        "close",
        "exit",
    ]


def test_times_and_results() -> None:
    first, second = calls(
        MADE + '[pid 7] 10:00:01.500000 recv(3, "HTTP/1.1 200"..., 4096, 0) = 54 <0.250000>\n'
    )
    assert (first.fd, first.socket, first.pid) == (3, "TCP", 7)
    assert (second.at_ns, second.duration_ns, second.result) == (36_001_500_000_000, 250_000_000, 54)
    assert second.args.startswith('3, "HTTP/1.1 200"')
    assert [calls(f"7 1700000000.5 recv(3, 0x7ffe, 1, 0) = {shown}\n")[0].result for shown in ("0xffffffff", "nil", "-1")] == [
        -1, 0, -1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "kind"),
    [("2, 1, 0", "TCP"), ("10, 2049, 6", "TCPv6"), ("2, 2, 17", "UDP"), ("1, 1, 0", "UNIX"), ("x", "UNIX")],
)
def test_kinds_of_sockets_are_numbers(made: str, kind: str) -> None:
    assert calls(f"7 10:00:00 socket({made}) = 3 <0.1>\n")[0].socket == kind


def test_which_of_two_sockets_a_poll_is_about_is_not_told() -> None:
    """Nor is a file one of them."""
    other = MADE.replace("= 3", "= 4")
    text = (
        MADE
        + other
        + '7 read(9, "x", 1) = 1 <5.0>\n7 poll(0x7ffe, 1, 60000, 0) = 0 <60.0>\n'.replace("7 ", "[pid 7] ")
    )
    assert [(row.name, row.fd) for row in calls(text)] == [("socket", 3), ("socket", 4), ("poll", -1)]
    assert symptoms(calls(text)) == ()


def test_a_wait_that_never_returned() -> None:
    text = (
        MADE
        + "[pid 7] 10:00:01.000000 recv(3 <unfinished ...>\n[pid 7] 10:00:31.000000 +++ killed by SIGKILL +++\n"
    )
    found = only(text)
    assert (found.call, found.waited_ns, found.ended_by) == ("recv", 30 * NS, "killed")
    assert [row.name for row in calls(MADE + "[pid 7] 10:00:01.000000 poll(0x7ff <unfinished ...>\n")] == [
        "socket",
        "poll",
    ]


def test_a_name_that_took_long() -> None:
    found = only('[pid 7] 10:00:00.000000 getaddrinfo("h", "443", 0x7ffe, 0x7ffe) = 0 <5.004000>\n')
    assert (found.kind, found.call, found.ended_by, found.waited_ns) == (
        "waited_for_name",
        "getaddrinfo",
        "data",
        5_004_000_000,
    )
    assert (
        only('[pid 7] 10:00:00.000000 getaddrinfo("h", "443", 0, 0) = 0xfffffffd <10.0>\n').ended_by
        == "reset"
    )


def test_a_handshake_that_hangs() -> None:
    start = MADE + "[pid 7] 10:00:00.100000 SSL_set_fd(0x55, 3, 3, 0) = 1 <0.000100>\n"
    text = start + "[pid 7] 10:00:00.200000 SSL_connect(0x55, 0, 0, 0) = {} <30.000000>\n"
    assert [(only(text.format(result)).call, only(text.format(result)).ended_by) for result in ("1", "0xffffffff")] == [
        ("SSL_connect", "data"), ("SSL_connect", "timeout"),
    ]  # fmt: skip


def test_an_error_without_a_name_ends_a_wait_that_was_ready_only() -> None:
    ready = (
        MADE
        + "[pid 7] 10:00:01.000000 poll(0x7f, 1, 60000, 0) = 1 <20.0>\n[pid 7] 10:00:21.000000 recv(3, 0x7f, 9, 0) = -1 <0.1>\n"
    )
    assert only(ready).ended_by == "reset"
    late = (
        MADE
        + "[pid 7] 10:00:01.000000 poll(0x7f, 1, 60000, 0) = 0 <60.0>\n[pid 7] 10:01:01.000000 recv(3, 0x7f, 9, 0) = -1 <0.1>\n"
    )
    assert only(late).ended_by == "timeout"


def test_the_library_and_the_indentation_are_passed_over() -> None:
    text = "[pid 7] 10:00:00.000000 [0x4011f4]   curl->recv(3, 0x7ffe, 1, 0) = 1 <2.0>\n"
    assert [row.name for row in calls(text)] == ["recv"]


def test_other_lines_are_weird() -> None:
    assert weirds(reader, MADE + "nonsense here\n" + "[pid 7] 10:00:00.000000 recv(3, 0x7ffe\n") == [2, 3]
    assert weirds(reader, "[pid 7] 10:00:00.000000 --- SIGCHLD (Child exited) ---\n") == []


def test_what_is_ltraces_is_not_straces_and_the_other_way_round() -> None:
    text = sample("ltrace/v0_7_3_tt_T_f")
    assert recognised(reader, text)
    assert not recognised(strace, text)
    system = "71 1.0 poll([{fd=3, events=POLLIN}], 1, 6000) = 0 (Timeout) <6.0>\n71 7.0 close(3) = 0 <0.1>\n"
    assert recognised(strace, system)
    assert not recognised(reader, system)
    six = '71 0.5 connect(3, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2001:db8::80", &sin6_addr)}, 28) = 0 <0.1>\n'
    assert recognised(strace, six + system)
    assert not recognised(reader, six + system)
    own = "71 0.5 inet_pton(10, 0x7ffe10, 0x7ffe20, 0) = 1 <0.1>\n"
    assert recognised(reader, own + own)
    assert not recognised(strace, own + own)
    assert recognised(reader, "", "ltrace -f ./fetch")
    assert not recognised(reader, "", "strace -f ./fetch")
