"""Who was slow where a proxy ends the client's connection: the server behind it, the proxy, or neither."""

from collections.abc import Callable
from pathlib import Path

import pytest
from written_cases import Sent, Talk, View, diagnosed, nothing, seen, write_case

from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Refuted, Supported, Untestable

GET, PAGE = b"GET /page HTTP/1.1\r\n\r\n", b"p" * 900


def side(*, front: bool, asked: float, answered: float | None, again: tuple[float, ...] = ()) -> Talk:
    """The client's connection or the proxy's own; `again`: when the request is repeated."""
    made = Talk(next_seq=[91_000_001, 92_000_001])
    if not front:
        made = Talk(
            client=("198.51.100.1", 50000),
            server=("198.51.100.9", 80),
            next_seq=[77_000_001, 78_000_001],
            identification=9000,
        )
    made.opening()
    made.send(asked, "PA", client=True, data=GET)
    number = made.sent[-1].number
    for at_ms in again:
        made.send(at_ms, "PA", client=True, data=GET, again=number)
    if answered is not None:
        made.send((again or (asked,))[-1] + 0.5, "A")
        made.send(answered, "PA", data=PAGE)
        made.send(answered + 0.5, "A", client=True)
    made.send((answered or 9000) + 5, "FA", client=True)
    return made


def verdict(
    folder: Path,
    front: Talk,
    back: Talk,
    drop: Callable[[Sent], bool] = nothing,
    wanted: tuple[str, ...] = (),
) -> Diagnosis:
    files = {
        "1_server.pcap": seen([back], View(drop=drop)),
        "2_behind.pcap": seen([back], View(delay_ms=0.1)),
        "3_before.pcap": seen([front], View()),
        "4_client.pcap": seen([front], View(delay_ms=0.1)),
    }
    return diagnosed(write_case(folder, files), wanted=wanted)


def judgement(found: Diagnosis) -> Supported | Refuted | Untestable:
    return next(j for j in found.judgements if j.fault == "slow_server")


@pytest.mark.parametrize("wanted", [(), ("10.0.0.5:40000",)])
def test_the_server_behind_was_slow(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    """Whoever asks for the client's connection gets the answer of the other one."""
    front = side(front=True, asked=10, answered=3010)
    found = verdict(tmp_path, front, side(front=False, asked=12, answered=3008), wanted=wanted)
    assert found.verdict.fault == "slow_server"
    assert found.verdict.summary.startswith("the request on 198.51.100.1:50000 > 198.51.100.9:80 arrived")
    assert found.verdict.summary.endswith("the client waited for it on 10.0.0.5:40000 > 192.0.2.80:443")
    assert any("goes on as 198.51.100.1:50000" in note.text for note in found.notes)
    assert [(r.exchanges, r.same_bytes) for r in found.related] == [(1, 1)]


def test_the_proxy_held_the_answer_back(tmp_path: Path) -> None:
    found = verdict(
        tmp_path, side(front=True, asked=10, answered=3010), side(front=False, asked=12, answered=20)
    )
    assert found.verdict.fault == "slow_server"
    assert found.verdict.component == "what lies between before and behind: it had the server's answer"
    assert "the server answered after 0.01 s" in found.verdict.summary


def test_the_request_was_lost_behind(tmp_path: Path) -> None:
    """Neither server nor proxy was slow: what the proxy sent had to be repeated."""
    back = side(front=False, asked=12, answered=3008, again=(212, 612, 1412, 3006))
    lost = {s.number for s in back.sent if s.from_client and s.size > 60 and s.at_ms < 3000}
    found = verdict(
        tmp_path, side(front=True, asked=10, answered=3010), back, drop=lambda sent: sent.number in lost
    )
    assert isinstance(judgement(found), Refuted)
    assert (found.verdict.last_seen, found.verdict.missing_at) == ("behind", "server")


def test_the_server_behind_never_answered(tmp_path: Path) -> None:
    """A proxy that answers in the end says nothing of how long the server takes."""
    found = verdict(
        tmp_path, side(front=True, asked=10, answered=6010), side(front=False, asked=12, answered=None)
    )
    assert not isinstance(judgement(found), Supported)
