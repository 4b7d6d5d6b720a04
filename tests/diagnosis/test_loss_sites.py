"""Sites of loss: what was lost where, whether it mattered, and on which host."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from written_cases import TAP, Talk, View, diagnosed, lost_short, seed_talk, seen, two_points, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis import loss_sites as module
from lastseen.diagnosis.loss_sites import conversation_of, loss_sites
from lastseen.faults.facts import LossSite
from lastseen.tables.points import Conversations, Hop, Matching

HARMLESS = "but nobody waited for it"


def sites_of(
    folder: Path, files: dict[str, bytes | str], focus: frozenset[int] = frozenset({0})
) -> list[LossSite]:
    with Progress() as progress, opened([write_case(folder, files)], progress) as case:
        return list(loss_sites(matched(case, progress), case.details, focus))


def test_a_site_knows_its_packets(tmp_path: Path) -> None:
    (site,) = sites_of(tmp_path, two_points([seed_talk()]))
    assert (site.upstream.name, site.downstream.name, site.to_client, site.node) == (
        "tunnel",
        "tap",
        True,
        None,
    )
    assert len(site.lost_rows) == len(site.lost) == 6
    assert len(site.unproven_rows) == 1
    assert len(site.delivered_rows) == len(site.delivered) == 5
    assert site.conversations == {0}
    assert site.source(7).frame == 8
    assert site.contrasts[0].separates


def test_what_is_not_in_focus_is_not_counted(tmp_path: Path) -> None:
    assert sites_of(tmp_path, two_points([seed_talk()]), frozenset({7})) == []


def test_a_few_packets_stand_for_very_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Details are read of an even sample; the rows are all there."""
    monkeypatch.setattr(module, "SAMPLE", 3)
    (site,) = sites_of(tmp_path, two_points([seed_talk()]))
    assert (len(site.lost_rows), len(site.lost), len(site.delivered_rows), len(site.delivered)) == (
        6,
        3,
        5,
        3,
    )


def repaired(again_ms: float, *, before: bool = False) -> tuple[Talk, int]:
    """A data packet lost and repeated; `before`: what is lost is the repetition of one that had arrived."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(20, "PA", size=700)
    first = talk.sent[-1].number
    talk.send(20 + again_ms, "PA", size=700, again=first)
    second = talk.sent[-1].number
    talk.send(21 + again_ms, "A", client=True)
    talk.send(22 + again_ms, "FA")
    talk.send(23 + again_ms, "FA", client=True)
    talk.send(24 + again_ms, "A")
    return talk, second if before else first


@pytest.mark.parametrize("before", [False, True])
def test_loss_that_was_repaired_in_time_is_not_material(tmp_path: Path, *, before: bool) -> None:
    talk, lost = repaired(220, before=before)
    files = two_points([talk], View(), View(delay_ms=0.1, drop=lambda s: s.number == lost))
    (site,) = sites_of(tmp_path / "sites", files)
    assert not site.material
    diagnosis = diagnosed(write_case(tmp_path / "whole", files))
    assert diagnosis.verdict.grade == "healthy"
    assert diagnosis.verdict.summary.startswith(
        "nobody waited in 1 connection; 1 packet of it was lost on the way and repaired"
    )
    assert any(HARMLESS in note.text for note in diagnosis.notes)


def test_loss_that_was_never_repaired_is_material(tmp_path: Path) -> None:
    """No second of silence, but the last data is gone."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(20, "PA", size=700)
    lost = talk.sent[-1].number
    talk.send(21, "RA", client=True, unheard=700)
    talk.send(22, "A")
    files = two_points([talk], View(), View(delay_ms=0.1, drop=lambda s: s.number == lost))
    (site,) = sites_of(tmp_path, files)
    assert site.material


def smaller(*, last_at_ms: float = 70) -> tuple[Talk, int]:
    """A large segment lost, and its bytes sent again in two smaller ones, as after "fragmentation needed"."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(20, "PA", size=1400)
    lost = talk.sent[-1].number
    talk.next_seq[1] -= 1400
    talk.send(60, "A", size=800)
    talk.send(last_at_ms, "PA", size=600)
    talk.send(last_at_ms + 1, "A", client=True)
    return talk, lost


@pytest.mark.parametrize("lost_first_byte_at", [60, 1500])
def test_bytes_sent_again_in_smaller_segments_repair_a_loss(
    tmp_path: Path, lost_first_byte_at: float
) -> None:
    talk, lost = smaller()
    late = lost_first_byte_at > 1000
    if late:
        talk.sent = [replace(s, at_ms=s.at_ms + 1500) if s.number > lost else s for s in talk.sent]
    files = two_points([talk], View(), View(delay_ms=0.1, drop=lambda s: s.number == lost))
    (site,) = sites_of(tmp_path, files)
    assert site.material is late


def often_repaired(losses: int, *, whole: int) -> tuple[Talk, set[int]]:
    """So many of twenty data packets lost, each repeated after a tenth of a second; `whole`: bytes of a lost one."""
    talk, lost = Talk(timestamps=True), set[int]()
    talk.opening()
    talk.exchange(10)
    for at in range(20):
        start = 20 + 150 * at
        if at < losses:
            talk.send(start, "PA", size=whole)
            lost.add(talk.sent[-1].number)
            talk.next_seq[1] -= whole
        talk.send(start + 100, "PA", size=700)
        talk.send(start + 101, "A", client=True)
    return talk, lost


@pytest.mark.parametrize(
    ("losses", "whole", "heavy"), [(5, 700, True), (4, 700, False), (5, 1400, False)], ids=str
)
def test_so_much_repaired_loss_that_tcp_creeps_is_material(
    tmp_path: Path, losses: int, whole: int, *, heavy: bool
) -> None:
    """Five of twenty-five, but neither four of them nor those a path's MTU stopped."""
    talk, lost = often_repaired(losses, whole=whole)
    files = two_points([talk], View(), View(delay_ms=0.1, drop=lambda s: s.number in lost))
    (site,) = sites_of(tmp_path / "sites", files)
    assert site.material is heavy
    healthy = diagnosed(write_case(tmp_path / "whole", files)).verdict.grade == "healthy"
    assert healthy is not heavy


def test_lost_acknowledgments_alone_do_no_harm(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.exchange(30, acknowledged=False)
    (site,) = sites_of(tmp_path, two_points([talk]))
    assert len(site.lost_rows) == 1
    assert not site.material


def test_two_points_on_one_host_place_the_loss_there(tmp_path: Path) -> None:
    addresses = "2: tunnel: <UP> mtu 1500\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n3: tap: <UP> mtu 1500\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
    (site,) = sites_of(
        tmp_path / "named", {**two_points([seed_talk()]), "before/compute/ip_addr.txt": addresses}
    )
    assert site.node == "compute"
    (site,) = sites_of(tmp_path / "unnamed", {**two_points([seed_talk()]), "ip_addr.txt": addresses})
    assert site.node == ""


def test_points_on_two_hosts_place_it_on_neither(tmp_path: Path) -> None:
    toml = '[[point]]\nname = "a"\nfile = "1_tunnel.pcap"\nnode = "one"\n[[point]]\nname = "b"\nfile = "2_tap.pcap"\nnode = "two"\n'
    (site,) = sites_of(tmp_path, {**two_points([seed_talk()]), "case.toml": toml})
    assert site.node is None


def test_the_worst_site_comes_first(tmp_path: Path) -> None:
    talk, lost = repaired(220)
    stalled = seed_talk()
    other = replace_port(talk, 40010)
    files = {
        "1_a.pcap": seen([stalled, other], View(pad_to=lambda s: 60 if s.from_server else 0)),
        "2_b.pcap": seen([stalled, other], View(delay_ms=0.05, pad_to=lambda s: 60 if s.from_server else 0, drop=lambda s: s.number == lost and s.size > 700)),
        "3_c.pcap": seen([stalled, other], replace(TAP, drop=lambda s: lost_short(s) or (s.number == lost and s.size > 700))),
    }  # fmt: skip
    sites = sites_of(tmp_path, files, frozenset({0, 1}))
    assert [(s.upstream.name, s.material) for s in sites] == [("b", True), ("a", False)]


def replace_port(_: Talk, port: int) -> Talk:
    """The repaired conversation from another port."""
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    for sent in repaired(220)[0].sent:
        packet = sent.packet
        at = 20 if sent.from_client else 22
        fixed = packet[:at] + port.to_bytes(2, "big") + packet[at + 2 :]
        talk.sent.append(replace(sent, packet=fixed))
    return talk


def test_groups_are_turned_into_conversations() -> None:
    """One entry more than groups: the last is what -1 points at."""
    group = np.array([[1, -1], [0, 0], [-1, 1]], np.int32)
    conversations = Conversations(group=group, flipped=np.zeros((3, 2), np.bool_))
    hops: tuple[Hop, ...] = ()
    matching = Matching(points=(), order=(), offsets_ns=(), conversations=conversations, hops=hops)
    assert conversation_of(matching, 0).tolist() == [1, 0, -1]
    assert conversation_of(matching, 1).tolist() == [1, 2, -1]
    empty = replace(
        matching,
        conversations=Conversations(group=np.zeros((0, 1), np.int32), flipped=np.zeros((0, 1), np.bool_)),
    )
    assert conversation_of(empty, 0).tolist() == [-1]
