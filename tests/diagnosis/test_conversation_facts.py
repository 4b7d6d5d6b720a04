"""What each connection did, over all points: who waited, who closed, whose FIN was seen where."""

from pathlib import Path

from written_cases import TAP, TUNNEL, Talk, View, seed_talk, seen, two_points, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.conversation_facts import conversation_facts, rank
from lastseen.faults.facts import ConversationFacts
from lastseen.faults.tracks import RowsOfGroups
from lastseen.tables.points import Matching


def matching_of(folder: Path, files: dict[str, bytes | str]) -> Matching:
    with Progress() as progress, opened([write_case(folder, files)], progress) as case:
        return matched(case, progress)


def facts_of(folder: Path, files: dict[str, bytes | str]) -> list[ConversationFacts]:
    matching = matching_of(folder, files)
    return list(conversation_facts(matching, rank(matching), RowsOfGroups(matching.points)))


def closing_talk(port: int = 40000, *, wait_ms: float = 20) -> Talk:
    talk = Talk(client=("10.0.0.5", port), timestamps=True)
    talk.opening()
    talk.exchange(10)
    talk.send(wait_ms, "FA", client=True)
    talk.send(wait_ms + 1, "FA")
    talk.send(wait_ms + 2, "A", client=True)
    return talk


def test_a_lost_fin_is_seen_where_it_was(tmp_path: Path) -> None:
    """FINs by point; the stall and the close as the point nearest the client saw them."""
    (facts,) = facts_of(tmp_path, two_points([seed_talk()]))
    assert facts.text == "10.0.0.5:40000 > 192.0.2.80:443"
    assert [len(frames) for frames in facts.fins] == [5, 0]
    assert facts.fin_source is not None
    assert (facts.fin_source.file, facts.fin_source.frame) == ("1_tunnel.pcap", facts.fins[0][0])
    assert (facts.stall, facts.remote_answered_close, facts.answered) == ("waiting_for_fin", False, True)
    assert facts.client_fin_ns is not None
    assert facts.remote_fin_ns is None
    assert (facts.lost_packets, facts.unproven_packets, facts.seen_at) == (6, 1, (0, 1))


def test_an_answered_close_is_told_from_one_that_is_not(tmp_path: Path) -> None:
    (facts,) = facts_of(tmp_path, two_points([closing_talk()], View(), View(delay_ms=0.1)))
    assert facts.remote_answered_close
    assert facts.remote_fin_ns is not None
    assert facts.client_fin_ns is not None
    assert facts.remote_fin_ns > facts.client_fin_ns
    assert (facts.stall, facts.stall_source, facts.stall_from_ns) == ("", None, 0)


def test_a_client_that_never_closes_has_no_close(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    (facts,) = facts_of(tmp_path, {"tap.pcap": seen([talk], View())})
    assert (facts.client_fin_ns, facts.client_fin_source, facts.remote_answered_close) == (None, None, False)
    assert facts.fin_source is None


def test_an_unanswered_connection_says_so(tmp_path: Path) -> None:
    talk = Talk()
    talk.send(0, "S", client=True)
    (facts,) = facts_of(tmp_path, {"tap.pcap": seen([talk], View())})
    assert not facts.answered


def test_a_capture_that_begins_in_the_middle_has_the_same_client(tmp_path: Path) -> None:
    """The point without the handshake follows the one that has it."""
    talk = seed_talk()
    files = {
        "1_tunnel.pcap": seen([talk], TUNNEL),
        "2_tap.pcap": seen([talk], View(delay_ms=0.1, drop=lambda s: TAP.drop(s) or s.at_ms < 11)),
    }
    (facts,) = facts_of(tmp_path, files)
    assert facts.text == "10.0.0.5:40000 > 192.0.2.80:443"
    assert [len(frames) for frames in facts.fins] == [5, 0]


def test_every_address_of_a_connection_is_kept(tmp_path: Path) -> None:
    """NAT gives it two."""
    outside, inside = seed_talk(), Talk(client=("172.16.0.9", 51000))
    inside.opening()
    inside.exchange(10)
    inside.unheard_close(20)
    files = {"1_out.pcap": seen([outside], TUNNEL), "2_in.pcap": seen([inside], TAP)}
    (facts,) = facts_of(tmp_path, files)
    assert facts.endpoints == {("10.0.0.5", 40000), ("172.16.0.9", 51000), ("192.0.2.80", 443)}


def test_the_worst_connection_comes_first(tmp_path: Path) -> None:
    """By packets lost, then by silence, then in order of appearance."""
    talks = [closing_talk(41000), closing_talk(41001, wait_ms=5000), seed_talk()]
    facts = facts_of(tmp_path, two_points(talks))
    assert [c.text.partition(" ")[0] for c in facts] == ["10.0.0.5:40000", "10.0.0.5:41001", "10.0.0.5:41000"]


def test_other_protocols_are_no_connections(tmp_path: Path) -> None:
    talk = Talk()
    packet = bytearray(seed_talk().sent[0].packet)
    packet[9] = 47
    talk.raw(0, bytes(packet))
    matching = matching_of(tmp_path, {"tap.pcap": seen([talk], View())})
    assert rank(matching) == []
