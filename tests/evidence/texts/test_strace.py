"""`strace`: every prefix, every time, halves joined, and only what may be a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import strace
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Syscall
from lastseen.tables.sources import Weird

NS = 1_000_000_000
LOCAL = Endpoint(address="10.0.0.5", port=46518)
PEER = Endpoint(address="203.0.113.9", port=443)
POLL = "poll([{fd=3<TCP:[10.0.0.5:46518->203.0.113.9:443]>, events=POLLIN|POLLPRI}], 1, 60000) = 0 (Timeout)"
PLAIN_CONNECT = (
    'connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.80")}, 16)'
    " = -1 EINPROGRESS (Operation now in progress)"
)


def rows(trace: str) -> list[Syscall | Weird]:
    return list(strace.read(Text("s.txt", enumerate(trace.split("\n"), 1), node="vm", snapshot="mid")))


def calls(trace: str) -> list[Syscall]:
    found = rows(trace)
    assert all(isinstance(row, Syscall) for row in found), found
    return [row for row in found if isinstance(row, Syscall)]


@pytest.mark.parametrize(
    ("prefix", "pid", "at_ns"),
    [
        ("", 0, None),
        ("1700000000.123456 ", 0, 1_700_000_000_123_456_000),
        ("399   1700000000.123456 ", 399, 1_700_000_000_123_456_000),
        ("399   ", 399, None),
        ("[pid   399] ", 399, None),
        ("[pid 1399<php>] 1700000000.123456789 ", 1399, 1_700_000_000_123_456_789),
        ("[pid   399] 10:02:03.500000 ", 399, 36_123_500_000_000),
        ("10:02:03 ", 0, 36_123 * NS),
        ("     0.000123 ", 0, None),
        ("399        0.000123 ", 399, None),
        ("10:02:03 (+     0.000123) ", 0, 36_123 * NS),
        ("399 [00007f5f5f506050] ", 399, None),
        ("1700000000 ", 0, 1_700_000_000 * NS),
    ],
)
@pytest.mark.parametrize(("suffix", "duration_ns"), [("", None), (" <60.060123>", 60_060_123_000)])
def test_every_prefix_and_time(
    prefix: str, pid: int, at_ns: int | None, suffix: str, duration_ns: int | None
) -> None:
    (row,) = calls(prefix + POLL + suffix)
    assert (row.pid, row.at_ns, row.duration_ns) == (pid, at_ns, duration_ns)
    assert (row.name, row.fd, row.result, row.result_text) == ("poll", 3, 0, "Timeout")
    assert (row.socket, row.local, row.peer, row.timeout_ns) == ("TCP", LOCAL, PEER, 60 * NS)
    assert (row.node, row.snapshot, row.source.line) == ("vm", "mid", 1)


def test_a_line_cut_off_at_the_end_is_an_unfinished_call() -> None:
    """The number may have lost digits with the rest of the line, so no timeout is told."""
    (row,) = calls("poll([{fd=3, events=POLLIN|POLLPRI}], 1, 6000")
    assert (row.name, row.fd, row.result, row.duration_ns, row.timeout_ns) == ("poll", 3, None, None, None)
    assert row.args == "[{fd=3, events=POLLIN|POLLPRI}], 1, 6000"


def test_a_line_cut_off_in_the_middle_is_a_weird() -> None:
    found = rows("poll([{fd=3, events=POLLIN}], 1, 6000\n\n" + POLL)
    assert [type(row) for row in found] == [Weird, Syscall]


@pytest.mark.parametrize("resumed", ["<... poll resumed>)", "<... poll resumed> )"])
def test_halves_are_joined(resumed: str) -> None:
    first, second = calls(
        "489 1700000001.000000 poll([{fd=5<TCP:[10.0.0.5:46518->203.0.113.9:443]>, events=POLLIN}], 1, 9000 <unfinished ...>\n"
        '490 1700000001.500000 sendto(6<UNIX-STREAM:[3->2]>, "\\1", 1, MSG_NOSIGNAL, NULL, 0) = 1 <0.000100>\n'
        f"489 1700000003.000000 {resumed} = 1 ([{{fd=5, revents=POLLIN}}])"
    )
    assert (first.pid, first.socket, first.result) == (490, "UNIX-STREAM", 1)
    assert (second.pid, second.at_ns, second.duration_ns) == (489, 1_700_000_001 * NS, 2 * NS)
    assert (second.result, second.result_text, second.timeout_ns) == (1, "[{fd=5, revents=POLLIN}]", 9 * NS)
    assert second.source.line == 1


def test_a_second_half_alone_is_a_weird_only_for_calls_on_descriptors() -> None:
    found = rows('489 <... recvfrom resumed>"x", 5, 0, NULL, NULL) = 1\n489 <... futex resumed>) = 0')
    assert [type(row) for row in found] == [Weird]


@pytest.mark.parametrize(
    ("call", "timeout_ns"),
    [
        ("poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])", -1),
        ("poll_time64([{fd=3, events=POLLIN}], 1, 250) = 0 (Timeout)", 250_000_000),
        ("ppoll([{fd=3, events=POLLIN}], 1, {tv_sec=59, tv_nsec=5}, NULL, 8) = 0 (Timeout)", 59 * NS + 5),
        ("ppoll([{fd=3, events=POLLIN}], 1, {59, 5}, NULL, 8) = 0 (Timeout)", 59 * NS + 5),
        (
            (
                "ppoll_time64([{fd=3, events=POLLIN}], 1, {tv_sec=9, tv_nsec=0}, NULL, 8) = 1"
                " ([{fd=3, revents=POLLIN|POLLHUP}], left {tv_sec=4, tv_nsec=0})"
            ),
            9 * NS,
        ),
        ("ppoll([{fd=3, events=POLLIN}], 1, NULL, NULL, 8) = 1 ([{fd=3, revents=POLLIN}])", -1),
        ("select(4, [3], [], NULL, {tv_sec=5, tv_usec=2}) = 0 (Timeout)", 5 * NS + 2000),
        ("select(4, [3], NULL, NULL, {5, 2}) = 1 (in [3], left {4, 1})", 5 * NS + 2000),
        ("_newselect(4, [3<socket:[17]>], NULL, NULL, NULL) = 1 (in [3])", -1),
        ("pselect6(4, NULL, [3], NULL, {tv_sec=5, tv_nsec=2}, NULL) = 1 (out [3])", 5 * NS + 2),
        ("pselect6_time64(4, [3], NULL, NULL, NULL, {[], 8}) = 1 (in [3])", -1),
    ],
)
def test_what_a_wait_was_asked_to_wait(call: str, timeout_ns: int) -> None:
    (row,) = calls(call)
    assert (row.fd, row.timeout_ns) == (3, timeout_ns)


def test_a_wait_is_about_the_tcp_socket_among_others() -> None:
    (row,) = calls(
        "poll([{fd=3<UNIX-STREAM:[1->2]>, events=POLLIN}, {fd=4</dev/pts/0<char 136:0>>, events=POLLIN},"
        " {fd=5<TCP:[10.0.0.5:46518->203.0.113.9:443]>, events=POLLIN}], 3, 1000) = 0 (Timeout)"
    )
    assert (row.fd, row.peer) == (5, PEER)
    (ready,) = calls(
        "poll([{fd=5<TCP:[10.0.0.5:1->203.0.113.9:443]>, events=POLLIN},"
        " {fd=6<TCP:[10.0.0.5:2->203.0.113.9:443]>, events=POLLIN}], 2, 1000) = 1 ([{fd=6, revents=POLLIN}])"
    )
    assert ready.fd == 6


def test_epoll_waits_for_what_epoll_ctl_added() -> None:
    found = calls(
        "epoll_create1(EPOLL_CLOEXEC) = 4\n"
        "socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 5\n"
        + PLAIN_CONNECT.replace("connect(3", "connect(5")
        + "\nepoll_ctl(4, EPOLL_CTL_ADD, 7, {events=EPOLLIN, data={u32=7, u64=7}}) = 0\n"
        "epoll_ctl(4, EPOLL_CTL_ADD, 5, {events=EPOLLIN|EPOLLOUT, data={u32=5, u64=5}}) = 0\n"
        "epoll_wait(4, [{events=EPOLLIN, data={u32=5, u64=5}}], 64, 60000) = 1\n"
        "epoll_ctl(4, EPOLL_CTL_DEL, 5, NULL) = 0\n"
        "epoll_pwait(4, [], 64, -1, NULL, 8) = 0\n"
        "epoll_pwait2(4, [], 64, {tv_sec=1, tv_nsec=0}, NULL, 8) = 0\n"
    )
    waits = [row for row in found if row.name.startswith("epoll")]
    assert [(row.name, row.fd, row.timeout_ns) for row in waits] == [
        ("epoll_wait", 5, 60 * NS),
        ("epoll_pwait", 7, -1),
        ("epoll_pwait2", 7, NS),
    ]
    assert waits[0].peer == Endpoint(address="203.0.113.80", port=443)


def test_an_epoll_nobody_saw_filled_is_its_own_subject() -> None:
    (row,) = calls("epoll_wait(9<anon_inode:[eventpoll]>, [], 64, 1000) = 0 <1.001>")
    assert (row.fd, row.socket, row.timeout_ns) == (9, "", NS)


@pytest.mark.parametrize(
    ("shown", "socket", "local", "peer"),
    [
        ("TCP:[10.0.0.5:46518->203.0.113.9:443]", "TCP", LOCAL, PEER),
        (
            "TCPv6:[[::1]:22->[2001:db8::2]:5000]",
            "TCPv6",
            Endpoint(address="::1", port=22),
            Endpoint(address="2001:db8::2", port=5000),
        ),
        ("TCPv6:[[::ffff:10.0.0.5]:46518->[::ffff:203.0.113.9]:443]", "TCPv6", LOCAL, PEER),
        ("TCP:[0.0.0.0:22]", "TCP", Endpoint(address="0.0.0.0", port=22), None),
        ("TCP:[13476]", "TCP", None, None),
        ("socket:[13476]", "socket", None, None),
        ("UDP:[10.0.0.5:46518->203.0.113.9:443]", "UDP", LOCAL, PEER),
        ("UNIX-STREAM:[17584->17585]", "UNIX-STREAM", None, None),
        ('UNIX:[17584,"/run/a,b"]', "UNIX", None, None),
    ],
)
def test_descriptor_texts(shown: str, socket: str, local: Endpoint | None, peer: Endpoint | None) -> None:
    (row,) = calls(f'recvfrom(3<{shown}>, "", 8192, 0, NULL, NULL) = 0 <0.000021>')
    assert (row.socket, row.local, row.peer, row.result) == (socket, local, peer, 0)


def test_what_is_no_socket_is_dropped() -> None:
    trace = (
        'read(3</share/ca.pem>, "-----BEGIN", 8192) = 10\n'
        'write(1</dev/pts/0<char 136:0>>, "x", 1) = 1\n'
        "poll([{fd=4<pipe:[77]>, events=POLLIN}, {fd=5<anon_inode:[eventfd]>, events=POLLIN}], 2, 9000) = 0 (Timeout)\n"
        'openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 7\nread(7, "127.0.0.1", 4096) = 9\nclose(7) = 0\n'
        'pipe2([8, 9], O_CLOEXEC) = 0\nread(8, "x", 1) = 1\n'
        "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f303ece6000\n"
        "--- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---\n"
        " > /usr/lib/libc.so.6(read+0x4f) [0x10]\nstrace: Process 490 attached\nexit_group(0) = ?\n"
    )
    assert rows(trace) == []


def test_a_descriptor_is_a_socket_again_after_close() -> None:
    found = calls('openat(AT_FDCWD, "/x", O_RDONLY) = 3\nclose(3) = 0\n' + PLAIN_CONNECT)
    assert [row.name for row in found] == ["connect"]


def test_connect_tells_the_peer_until_close() -> None:
    found = calls(
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3\n" + PLAIN_CONNECT + "\n"
        "poll([{fd=3, events=POLLIN}], 1, 60000) = 0 (Timeout)\n"
        "clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FILES|CLONE_THREAD) = 400\n"
        '[pid   400] recvfrom(3, "x", 5, 0, NULL, NULL) = 1\n'
        'getsockname(3, {sa_family=AF_INET, sin_port=htons(46518), sin_addr=inet_addr("10.0.0.5")}, [16]) = 0\n'
        "dup(3) = 9\nclose(3) = 0\n"
        'read(9, "", 1) = 0\nread(3, "", 1) = 0\n'
    )
    peer = Endpoint(address="203.0.113.80", port=443)
    assert [row.peer for row in found] == [None, peer, peer, peer, peer, peer, peer, peer, None]
    assert [row.socket for row in found] == ["TCP"] * 8 + [""]
    assert found[-2].local == LOCAL


def test_connect_to_ipv6() -> None:
    (row,) = calls(
        "connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0),"
        ' inet_pton(AF_INET6, "2001:db8::80", &sin6_addr), sin6_scope_id=0}, 28) = 0'
    )
    assert row.peer == Endpoint(address="2001:db8::80", port=443)


def test_an_accepted_socket_has_the_peer_of_its_address() -> None:
    found = calls(
        'accept4(3<TCP:[0.0.0.0:22]>, {sa_family=AF_INET, sin_port=htons(5000), sin_addr=inet_addr("10.0.0.9")}, [16], 0) = 4\n'
        'read(4, "SSH", 3) = 3'
    )
    assert (found[0].fd, found[1].fd, found[1].peer) == (3, 4, Endpoint(address="10.0.0.9", port=5000))


def test_a_fork_copies_the_descriptors() -> None:
    found = calls(PLAIN_CONNECT + '\nfork() = 500\n[pid   500] close(3) = 0\n[pid   399] read(3, "a", 1) = 1')
    assert [row.peer is not None for row in found] == [True, True, True]


def test_a_killed_process_ends_its_calls() -> None:
    found = calls(
        "399 1700000000.000000 recvfrom(3<TCP:[10.0.0.5:46518->203.0.113.9:443]>,  <unfinished ...>\n"
        "399 1700000042.000000 +++ killed by SIGKILL +++"
    )
    assert [(row.name, row.result, row.result_text) for row in found] == [
        ("recvfrom", None, "killed by SIGKILL"),
        ("exit", None, "killed by SIGKILL"),
    ]
    assert found[1].at_ns == 1_700_000_042 * NS


def test_an_unfinished_call_at_the_end_keeps_its_timeout() -> None:
    (row,) = calls("poll([{fd=3, events=POLLIN}], 1, 60000 <unfinished ...>")
    assert (row.result, row.timeout_ns) == (None, 60 * NS)
    (detached,) = calls("poll([{fd=3, events=POLLIN}], 1, 60000 <detached ...>")
    assert detached.timeout_ns == 60 * NS


def test_a_restarted_wait_is_a_second_wait_on_the_same_descriptor() -> None:
    found = calls(
        "poll([{fd=3, events=POLLIN}], 1, 60000) = ? ERESTART_RESTARTBLOCK (Interrupted by signal) <12.5>\n"
        "--- SIGWINCH {si_signo=SIGWINCH} ---\n"
        "restart_syscall(<... resuming interrupted poll ...>) = 0 <47.5>"
    )
    assert [(row.name, row.fd, row.result, row.duration_ns) for row in found] == [
        ("poll", 3, None, 12_500_000_000),
        ("poll", 3, 0, 47_500_000_000),
    ]


def test_errors_and_results() -> None:
    found = calls(
        "read(3, 0x556f333c6423, 5)              = -1 EAGAIN (Resource temporarily unavailable) <0.000208>\n"
        "recvmsg(3, {msg_namelen=0}, 0) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n"
        "io_uring_enter(8<anon_inode:[io_uring]>, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1\n"
        "shutdown(3, SHUT_WR) = 0"
    )
    assert [(row.name, row.result) for row in found] == [
        ("read", -1), ("recvmsg", None), ("io_uring_enter", 1), ("shutdown", 0),
    ]  # fmt: skip
    assert found[0].result_text == "EAGAIN (Resource temporarily unavailable)"


def test_a_string_cannot_fake_a_result() -> None:
    (row,) = calls(r'write(3, "a) = 7 <9.9>\") = 8", 19) = 19 <0.000100>')
    assert (row.result, row.duration_ns) == (19, 100_000)


def test_arguments_keep_their_beginning_and_end() -> None:
    (row,) = calls('read(3, "HTTP/1.1 200 OK' + "x" * 5000 + '0\\r\\n\\r\\n", 8192) = 5025')
    assert len(row.args) <= strace.MAX_ARGS_CHARS
    assert row.args.startswith('3, "HTTP/1.1')
    assert row.args.endswith('0\\r\\n\\r\\n", 8192')


def test_what_is_under_way_is_bounded() -> None:
    many = "\n".join(f"{pid} read(3,  <unfinished ...>" for pid in range(1, strace.MAX_TRACKED + 3))
    found = rows(many)
    assert sum(isinstance(row, Weird) for row in found) == 2
    assert sum(isinstance(row, Syscall) for row in found) == strace.MAX_TRACKED


def test_other_text_is_a_weird() -> None:
    assert [type(row) for row in rows("Hello, world\n* segmentation fault")] == [Weird, Weird]


@pytest.mark.parametrize(
    "text",
    [
        POLL,
        (
            '399   1795385092.456364 execve("/usr/bin/php", ["php"], 0x7ffe /* 8 vars */) = 0 <0.000399>\n'
            "399   1795385092.459 brk(NULL)         = 0x556f <0.0001>"
        ),
        "strace: Process 399 attached\n[pid 399] epoll_wait(4,  <unfinished ...>",
        "poll([{fd=3, events=POLLIN|POLLPRI}], 1, 6000",
    ],
)
def test_recognised_without_a_command_line(text: str) -> None:
    assert strace.recognise(Head(tuple(text.split("\n"))))


@pytest.mark.parametrize(
    "text",
    [
        "", "hello (world) = 5", "net.ipv4.tcp_fin_timeout = 60", "malloc(32) = 0x5555", "int main(void)\n{\n  read(3, x, 4);\n}",
        "--- a/file\n+++ b/file\n@@ -1 +1 @@", "The poll() call = 3 times",
    ],
)  # fmt: skip
def test_not_recognised(text: str) -> None:
    assert not strace.recognise(Head(tuple(text.split("\n"))))


def test_empty_output_is_recognised_by_its_command() -> None:
    assert strace.recognise(Head(("",), "ip netns exec vm strace -f true"))


TRACE = f"{POLL}\n{PLAIN_CONNECT}\n489 poll([{{fd=5}}], 1, 9 <unfinished ...>\n489 <... poll resumed>) = 1"


@given(
    st.text()
    | st.text(alphabet='0123456789 ()[]{}<>=".,\\->poltcnsre\n')
    | st.permutations(TRACE).map("".join)
)
def test_no_text_raises(text: str) -> None:
    rows(text)
    strace.recognise(Head(tuple(text.split("\n"))))


@given(st.integers(0, len(TRACE)), st.permutations(TRACE.split("\n")))
def test_a_cut_or_shuffled_trace_gives_rows_or_weirds(length: int, lines: list[str]) -> None:
    rows(TRACE[:length])
    rows("\n".join(lines))


@pytest.mark.parametrize(
    "line",
    ['read(3, "' + '\\"' * 30_000, "poll(" + "{fd=3<" * 10_000, "select(4, [3" + " " * 60_000 + "x", "read(3) " + " " * 60_000,
     "read(3" + ")  " * 20_000, "select(4, [" + "3<" * 30_000, "9 " * 30_000, "read(3) = 0" + " <1" * 20_000],
)  # fmt: skip
def test_a_hostile_line_is_read_in_passing(line: str) -> None:
    """Each of these takes minutes with a pattern that backtracks."""
    rows(line)
    strace.recognise(Head((line,)))
