"""Sockets as lsof tells them: in columns, as fields, with and without their queues."""

import pytest
from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import lsof as reader
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Socket

HEADER = "COMMAND   PID USER   FD   TYPE   DEVICE SIZE/OFF NODE NAME\n"
ROW = "curl     4242 root    5u  IPv4 11039342      0t0  TCP {}\n"


def sockets(text: str) -> list[Socket]:
    return [row for row in rows(reader, text) if isinstance(row, Socket)]


def named(name: str) -> list[Socket]:
    return sockets(sample(f"lsof/v4_95_{name}"))


def test_columns_tell_ends_state_and_user() -> None:
    found = named("columns")
    assert [(s.state, s.peer.port, s.info["netid"]) for s in found] == [
        ("LISTEN", 0, "tcp"), ("ESTAB", 19090, "tcp"), ("ESTAB", 37564, "tcp"), ("CLOSE-WAIT", 19090, "tcp"),
        ("UNCONN", 0, "udp"), ("UNCONN", 53, "udp"), ("LISTEN", 0, "tcp"),
    ]  # fmt: skip
    assert found[1].local == Endpoint(address="127.0.0.1", port=37564)
    assert found[1].info["users"] == '(("python3",pid=24139,fd=4))'
    assert (found[1].source.line, found[1].recv_q_bytes, found[1].send_q_bytes) == (4, None, None)
    assert found[-1].local == Endpoint(address="::", port=19091)


def test_queues_where_they_were_asked_for_and_other_files_beside() -> None:
    found = named("queues")
    assert [(s.state, s.recv_q_bytes, s.send_q_bytes) for s in found] == [
        ("LISTEN", 0, 0), ("ESTAB", 0, 0), ("ESTAB", 100, 0), ("UNCONN", 0, 0), ("LISTEN", 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["fields", "chosen_fields"])
def test_fields_tell_the_same_and_the_queues(name: str) -> None:
    found, columns = named(name), named("columns")
    assert [(s.state, s.local, s.peer, s.info) for s in found] == [
        (s.state, s.local, s.peer, s.info) for s in columns
    ]
    assert found[2].recv_q_bytes == 100
    assert found[0].source.line is not None


def test_two_processes_of_fields() -> None:
    text = "p1\nca\nf3\ntIPv4\nPTCP\nn10.0.0.1:1->10.0.0.2:2\nTST=SYN_SENT\np2\ncb\nf4\ntREG\nn/x\nf5\ntIPv6\nPTCP\nn[::1]:1->[::1]:2\n"
    found = sockets(text)
    assert [(s.state, s.local.address, s.info["users"]) for s in found] == [
        ("SYN-SENT", "10.0.0.1", '(("a",pid=1,fd=3))'), ("", "::1", '(("b",pid=2,fd=5))'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "state"),
    [("FIN_WAIT1", "FIN-WAIT-1"), ("FIN_WAIT2", "FIN-WAIT-2"), ("LAST_ACK", "LAST-ACK"), ("SYN_SENT", "SYN-SENT"),
     ("TIME_WAIT", "TIME-WAIT"), ("CLOSE", "UNCONN"), ("CLOSING", "CLOSING")],
)  # fmt: skip
def test_states_have_the_names_of_ss(name: str, state: str) -> None:
    (found,) = sockets(HEADER + ROW.format(f"[2001:db8::1]:40000->[2001:db8::2]:443 ({name})"))
    assert (found.state, found.peer) == (state, Endpoint(address="2001:db8::2", port=443))


def test_names_are_no_addresses() -> None:
    """lsof without -nP: which address was meant nobody can tell."""
    text = HEADER + ROW.format("vm:40000->www.example.com:https (ESTABLISHED)") + ROW.format("*:443 (LISTEN)")
    assert weirds(reader, text) == [2]
    assert len(sockets(text)) == 1


def test_tasks_have_columns_of_their_own() -> None:
    text = (
        "COMMAND PID TID TASKCMD USER FD TYPE DEVICE SIZE/OFF NODE NAME\n"
        "php 71 72 worker-1 root 5u IPv4 11039342 0t0 TCP 10.0.0.5:40000->192.0.2.80:443 (ESTABLISHED)\n"
    )
    (found,) = sockets(text)
    assert (found.peer.port, found.info["users"]) == (443, '(("php",pid=71,fd=5))')


def test_other_lines_are_weird() -> None:
    assert weirds(reader, HEADER + "nonsense\n") == [2]
    assert weirds(reader, "p1\nca\nf3\n?\n") == [4]
    assert rows(reader, "") == []


def test_only_lsof_is_recognised() -> None:
    assert recognised(reader, HEADER)
    assert recognised(
        reader, "lsof: WARNING: can't stat() fuse\n      Output information may be incomplete.\n" + HEADER
    )
    assert recognised(reader, "p71\ncphp\nf3\n")
    assert recognised(reader, "", "lsof -nP -i")
    assert not recognised(reader, "p71\nhello\n")
    assert not recognised(reader, "COMMAND ran\n")
