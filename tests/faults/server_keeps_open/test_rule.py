"""The server that keeps the connection open: silence that is nobody's loss, and what only looks like it."""

from dataclasses import replace
from pathlib import Path

import pytest
from written_cases import (
    TAP,
    Sent,
    Talk,
    View,
    diagnosed,
    judgement,
    log_line,
    seed_talk,
    seen,
    two_points,
    write_case,
)

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "server_keeps_open"
NEAR_SERVER, NEAR_CLIENT = View(), View(delay_ms=0.1)


def kept_open(*, timestamps: bool = False, closing: str = "FA", wait_ms: float = 6000) -> Talk:
    """A whole answer, silence, the client's close, and what the server says to it."""
    talk = Talk(timestamps=timestamps)
    talk.opening()
    talk.exchange(10)
    talk.send(wait_ms, "FA", client=True)
    talk.send(wait_ms + 1, closing)
    if "F" in closing:
        talk.send(wait_ms + 2, "A", client=True)
    return talk


def judged_of(folder: Path, files: dict[str, bytes | str]) -> Judgement:
    return judgement(diagnosed(write_case(folder, files)), SLUG)


def strace(local_port: int = 40000, *, seconds: int = 6) -> str:
    """A client that reads the answer and then waits for the end of the connection."""
    socket = f"3<TCP:[10.0.0.5:{local_port}->192.0.2.80:443]>"
    return (
        f'1700000000.001000 write({socket}, "GET / HTTP/1.0\\r\\n\\r\\n", 18) = 18 <0.000020>\n'
        f'1700000000.012000 read({socket}, "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok", 8192) = 40 <0.000020>\n'
        f"1700000000.020000 read({socket}, 0x55d0, 8192) = -1 EAGAIN (Resource temporarily unavailable) <0.000010>\n"
        f"1700000000.020100 poll([{{fd={socket}, events=POLLIN|POLLPRI|POLLERR|POLLHUP}}], 1, {seconds}000)"
        f" = 0 (Timeout) <{seconds}.006000>\n"
        f"1700000006.027000 close({socket}) = 0 <0.000020>\n"
    )


@pytest.mark.parametrize("timestamps", [True, False])
def test_a_close_that_waits_for_the_clients_is_the_servers_choice(
    tmp_path: Path, *, timestamps: bool
) -> None:
    judged = judged_of(tmp_path, two_points([kept_open(timestamps=timestamps)], NEAR_SERVER, NEAR_CLIENT))
    assert isinstance(judged, Supported)
    assert not judged.confirmed
    assert "waited 5.98 s for an end-of-file" in judged.summary
    assert judged.reasons[-1].text == "no packet of this connection was lost between the points"
    assert judged.next


def test_one_capture_is_enough_where_the_server_closes_at_once(tmp_path: Path) -> None:
    judged = judged_of(tmp_path, {"tap.pcap": seen([kept_open()], NEAR_CLIENT)})
    assert isinstance(judged, Supported)
    assert "seen at tap before" in judged.reasons[1].text


def test_the_clients_system_calls_confirm_it(tmp_path: Path) -> None:
    files = {**two_points([kept_open()], NEAR_SERVER, NEAR_CLIENT), "strace.txt": strace()}
    judged = judged_of(tmp_path, files)
    assert isinstance(judged, Supported)
    assert judged.confirmed
    assert judged.missing == ()


def test_system_calls_on_another_connection_confirm_nothing(tmp_path: Path) -> None:
    files = {**two_points([kept_open()], NEAR_SERVER, NEAR_CLIENT), "strace.txt": strace(40999)}
    judged = judged_of(tmp_path, files)
    assert isinstance(judged, Supported)
    assert not judged.confirmed


def test_a_repaired_loss_is_no_objection(tmp_path: Path) -> None:
    """A data packet is lost and repeated; the silence has another cause."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(20, "PA", size=500)
    lost = talk.sent[-1].number
    talk.send(230, "PA", size=500, again=lost)
    talk.send(231, "A", client=True)
    talk.send(6000, "FA", client=True)
    talk.send(6001, "FA")
    talk.send(6002, "A", client=True)
    down = replace(NEAR_CLIENT, drop=lambda s: s.number == lost)
    judged = judged_of(tmp_path, two_points([talk], NEAR_SERVER, down))
    assert isinstance(judged, Supported)
    assert (
        judged.reasons[-1].text
        == "1 packet of it was lost between the points, but it was no FIN of the server"
    )


# ---- refuted ----
def test_a_lost_fin_is_another_matter(tmp_path: Path) -> None:
    judged = judged_of(tmp_path, two_points([seed_talk()]))
    assert isinstance(judged, Refuted)
    assert [reason.text for reason in judged.against] == [
        "the server did send a FIN before the client closed",
        "a FIN of the server was lost between tunnel and tap",
    ]


def test_unrepaired_loss_without_an_answer_is_another_matter(tmp_path: Path) -> None:
    """Acknowledgments to the client vanish; whether there was a FIN need not be asked."""
    talk = kept_open(closing="A")
    last = talk.sent[-1].number
    down = replace(NEAR_CLIENT, drop=lambda s: s.number == last or (s.from_server and s.flags == "A"))
    talk.send(6100, "A", client=True, unheard=1)
    judged = judged_of(tmp_path, two_points([talk], NEAR_SERVER, down))
    assert isinstance(judged, Refuted)
    assert "the server did not close when asked" in judged.against[0].text


def test_a_logged_fin_of_the_server_is_one(tmp_path: Path) -> None:
    """The capture lies behind the loss; the log names what it does not see."""
    talk = seed_talk()
    fins = [s for s in talk.sent if s.from_server and "F" in s.flags]
    files = {"tap.pcap": seen([talk], TAP), "dmesg.txt": "".join(map(log_line, fins))}
    judged = judged_of(tmp_path, files)
    assert isinstance(judged, Refuted)
    assert judged.against[0].text == "the kernel log names FINs of the server"


def test_a_logged_fin_of_the_client_or_of_another_connection_is_none(tmp_path: Path) -> None:
    talk, other = kept_open(), Talk(client=("10.0.0.5", 41111))
    other.send(1, "FA")
    mine = next(s for s in talk.sent if s.from_client and "F" in s.flags)
    files = {"tap.pcap": seen([talk], NEAR_CLIENT), "dmesg.txt": log_line(mine) + log_line(other.sent[0])}
    assert isinstance(judged_of(tmp_path, files), Supported)


def test_another_kind_of_stall_is_another_matter(tmp_path: Path) -> None:
    """The answer itself took long."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=100)
    talk.send(11, "A")
    talk.send(4000, "PA", size=100)
    talk.send(4001, "FA", client=True)
    talk.send(4002, "FA")
    judged = judged_of(tmp_path, {"tap.pcap": seen([talk], NEAR_CLIENT)})
    assert isinstance(judged, Refuted)
    assert "waiting for data" in judged.against[0].text


def test_without_a_stall_nobody_was_kept_waiting(tmp_path: Path) -> None:
    judged = judged_of(tmp_path, {"tap.pcap": seen([kept_open(wait_ms=50)], NEAR_CLIENT)})
    assert isinstance(judged, Refuted)
    assert judged.against[0].text == "no client was kept waiting for an end-of-file"


# ---- left open ----
@pytest.mark.parametrize("closing", ["A", "RA"])
def test_an_answer_without_a_fin_proves_nothing(tmp_path: Path, closing: str) -> None:
    """A server whose FINs a firewall drops before every point acknowledges or resets as well."""
    talk = seed_talk(timestamps=True)
    hidden = lambda s: s.from_server and "F" in s.flags  # noqa: E731
    if closing == "RA":
        talk.sent.pop()
        talk.send(6001, "RA")
    judged = judged_of(tmp_path, two_points([talk], View(drop=hidden), replace(NEAR_CLIENT, drop=hidden)))
    assert isinstance(judged, Untestable)
    assert judged.reasons == ()


def test_a_fin_that_comes_much_later_is_no_answer(tmp_path: Path) -> None:
    talk = kept_open(closing="A")
    talk.send(9000, "FA")
    judged = judged_of(tmp_path, {"tap.pcap": seen([talk], NEAR_CLIENT)})
    assert isinstance(judged, Untestable)


def test_the_trace_alone_cannot_tell(tmp_path: Path) -> None:
    judged = judged_of(tmp_path, {"strace.txt": strace()})
    assert isinstance(judged, Untestable)


def test_a_trace_that_waited_beside_a_capture_that_did_not_is_left_open(tmp_path: Path) -> None:
    files = {"tap.pcap": seen([kept_open(wait_ms=50)], NEAR_CLIENT), "strace.txt": strace(40999)}
    assert isinstance(judged_of(tmp_path, files), Untestable)


def test_a_log_alone_that_names_fins_says_that_a_server_closed(tmp_path: Path) -> None:
    fins: list[Sent] = [s for s in seed_talk().sent if s.from_server and "F" in s.flags]
    judged = judged_of(tmp_path, {"dmesg.txt": "".join(map(log_line, fins))})
    assert isinstance(judged, Refuted)
    assert judged.against[0].text == "the kernel log names FINs: a server did close"


def test_the_worst_of_several_connections_does_not_hide_another(tmp_path: Path) -> None:
    """One lost its FIN, one was kept open: the rule speaks of the second."""
    other = kept_open(timestamps=True)
    first = seed_from(40002)
    judged = judged_of(tmp_path, two_points([first, other]))
    assert isinstance(judged, Supported)
    assert "10.0.0.5:40000" in judged.summary


def seed_from(port: int) -> Talk:
    """The seed's conversation from another port."""
    talk = Talk(client=("10.0.0.5", port))
    talk.opening()
    talk.exchange(10)
    talk.unheard_close(20)
    return talk
