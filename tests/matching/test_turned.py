"""Packets that a router sends back by the interface they came in by, and answers that take the short way."""

from collections.abc import Callable
from pathlib import Path

import packet_writer as w
import pytest
from written_cases import MS, START_NS, Sent, Talk, View, diagnosed, judgement, packets, write_case

from lastseen.tables.judgements import Supported

FLOATING, SERVER = ("203.0.113.50", 443), ("10.0.0.7", 443)
TIMES_MS = (0, 1000, 3000)


def never(_: Sent) -> bool:
    return False


def talks() -> tuple[Talk, Talk]:
    """A client asks by the floating address; the server answers by its own, which the client resets."""
    asked, turned = Talk(server=FLOATING), Talk(server=SERVER)
    for number, at_ms in enumerate(TIMES_MS):
        again = 0 if number else None
        asked.send(at_ms, "S", client=True, again=again)
        turned.identification = 100 + number
        turned.send(at_ms + 0.02, "S", client=True, again=again, ttl=63)
        for later_ms, flags in ((0.05, "SA"), (0.1, "R")):
            turned.identification = 0
            turned.send(at_ms + later_ms, flags, client=flags == "R")
    return asked, turned


def hairpin(
    folder: Path, *, lost: tuple[str, Callable[[Sent], bool]] = ("", never), points: str = "server gateway vm"
) -> Path:
    """What the server, the router and the client see of it, on clocks seconds apart; `lost`: not seen where."""
    asked, turned = talks()
    beside = Talk(client=("10.0.0.5", 40001), server=("10.0.0.7", 443), next_seq=[7_000_001, 8_000_001])
    beside.identification = 900
    for at_ms, flags, client in ((0, "S", True), (1, "SA", False), (2, "A", True)):
        beside.send(at_ms, flags, client=client)

    def view(point: str, unseen: Callable[[Sent], bool] = never) -> View:
        return View(drop=lambda s: unseen(s) or (point in lost[0].split() and lost[1](s)))

    seen = {
        "server": packets([turned, beside], view("server")),
        "gateway": packets([asked], view("gateway"))
        + packets([turned], view("gateway", lambda s: s.flags != "S")),
        "vm": packets([asked, beside], View()) + packets([turned], view("vm", lambda s: s.flags == "S")),
    }
    end = [(START_NS + 9_000 * MS, w.ethernet(w.ipv4("10.0.0.9", "10.0.0.10", w.udp(1, 2, b"x"))))]
    files = {
        f"{name}.pcap": w.pcap([(at + 3_000 * MS * place, frame) for at, frame in sorted(seen[name] + end)])
        for place, name in enumerate(points.split())
    }
    return write_case(folder, dict(files))


@pytest.mark.parametrize("points", ["server gateway vm", "gateway vm", "gateway server"])
def test_what_is_turned_round_and_answered_the_short_way_is_not_lost(tmp_path: Path, points: str) -> None:
    diagnosis = diagnosed(hairpin(tmp_path, points=points))
    assert diagnosis.verdict.last_seen is None
    assert not [j for j in diagnosis.judgements if isinstance(j, Supported)]
    assert not isinstance(judgement(diagnosis, "reset_injected"), Supported)


def test_what_the_router_did_send_on_and_the_server_never_got_is_lost(tmp_path: Path) -> None:
    later = hairpin(tmp_path, lost=("server", lambda s: s.from_client and s.number != 0))
    assert diagnosed(later).verdict.missing_at == "server"


def test_what_the_router_never_got_is_lost_before_it(tmp_path: Path) -> None:
    folder = hairpin(
        tmp_path, lost=("gateway server", lambda s: s.at_ms >= TIMES_MS[1] and s.at_ms < TIMES_MS[2])
    )
    assert diagnosed(folder).verdict.last_seen == "vm"
