"""Rewritten short packets: which ones, what came of it, and where nothing is proven."""

import importlib.util
from pathlib import Path

import packet_writer as w
import pytest
from written_cases import (
    TUNNEL,
    Sent,
    Talk,
    View,
    diagnosed,
    judgement,
    nothing,
    padded,
    seed_talk,
    seen,
    write_case,
)

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "dataplane_padding"
SCRIPT = Path(__file__).parents[1] / "scripts" / f"{SLUG}.py"


def _summed(sent: Sent) -> bytes:
    spec = importlib.util.spec_from_file_location("script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result: bytes = module.summed(sent)
    return result


def _longer(sent: Sent) -> bytes:
    """With the padding as data. A receiver would verify the checksum; this rule need not."""
    if sent.from_client or not sent.short:
        return sent.packet
    ip, segment = sent.packet[:20], sent.packet[20:].ljust(26, b"\0")
    head = ip[:2] + (46).to_bytes(2, "big") + ip[4:10] + bytes(2) + ip[12:]
    return head[:10] + (~w.ones_sum(head) & 0xFFFF).to_bytes(2, "big") + head[12:] + segment


def _closes(sent: Sent) -> bytes:
    return _longer(sent) if "F" in sent.flags else sent.packet


def _talk(*, heard: int = 0, until_ms: float = 30) -> Talk:
    """An exchange; the client acknowledges `heard` bytes more than were sent, and the end comes at `until_ms`."""
    talk = Talk()
    talk.opening()
    talk.send(10, "PA", client=True, size=200)
    talk.send(11, "A")
    talk.send(11.5, "A", client=True, unheard=-heard)
    for part in range(3):
        talk.send(12 + part, "PA", size=1200)
        talk.send(12.5 + part, "A", client=True)
    talk.send(until_ms, "FA")
    talk.send(until_ms + 1, "FA", client=True)
    talk.send(until_ms + 2, "A")
    return talk


def _judged(folder: Path, talks: list[Talk], down: View, up: View = TUNNEL) -> Judgement:
    files: dict[str, bytes | str] = {"1_uplink.pcap": seen(talks, up), "2_guest.pcap": seen(talks, down)}
    return judgement(diagnosed(write_case(folder, files)), SLUG)


@pytest.mark.parametrize(
    ("talk", "kind"),
    [
        (_talk(heard=6), Supported),
        (_talk(until_ms=5000), Supported),
        (_talk(), Untestable),
    ],
    ids=["acknowledged", "waited", "no harm"],
)
def test_longer_packets_are_a_fault_where_they_did_harm(
    tmp_path: Path, talk: Talk, kind: type[Judgement]
) -> None:
    assert isinstance(_judged(tmp_path, [talk], View(delay_ms=0.1, change=_longer)), kind)


def test_several_acknowledgments_of_nothing_are_counted(tmp_path: Path) -> None:
    talk = _talk(heard=6)
    talk.send(31.5, "A", client=True, unheard=-6)
    judged = _judged(tmp_path, [talk], View(delay_ms=0.1, change=_longer))
    assert any("2 times bytes are acknowledged" in reason.text for reason in judged.reasons)


def test_padded_packets_that_pass_unchanged_refute(tmp_path: Path) -> None:
    """Who makes some of them longer does not do it by their padding."""
    judged = _judged(tmp_path, [_talk(heard=6)], View(delay_ms=0.1, change=_closes))
    assert isinstance(judged, Refuted)


def test_other_connections_of_the_hop_are_left_alone(tmp_path: Path) -> None:
    """One has timestamps and nothing to pad, one is seen before the hop only."""
    stamped = Talk(client=("10.0.0.6", 40001), timestamps=True)
    stamped.opening()
    stamped.exchange(10)
    before = Talk(client=("10.0.0.7", 40002))
    before.opening()
    before.exchange(10)
    files: dict[str, bytes | str] = {
        "1_uplink.pcap": seen([_talk(heard=6), stamped, before], View(pad_to=padded)),
        "2_guest.pcap": seen([_talk(heard=6), stamped], View(delay_ms=0.1, change=_longer)),
    }
    assert isinstance(judgement(diagnosed(write_case(tmp_path, files)), SLUG), Supported)


@pytest.mark.parametrize("keeps", [True, False], ids=["padding kept", "padding cut"])
def test_a_checksum_over_padding_is_recognised_with_and_without_it(tmp_path: Path, keeps: bool) -> None:
    down = View(delay_ms=0.1, change=_summed, pad_to=padded if keeps else (lambda _: 0))
    assert isinstance(_judged(tmp_path, [seed_talk()], down), Supported)


def test_a_hop_that_verifies_loses_them(tmp_path: Path) -> None:
    """The checksum is over the padding where they are last seen."""
    up = View(change=_summed)
    down = View(delay_ms=0.1, drop=lambda sent: sent.from_server and sent.short)
    assert isinstance(_judged(tmp_path, [seed_talk()], down, up), Supported)


def test_padding_that_is_cut_is_healthy(tmp_path: Path) -> None:
    assert isinstance(_judged(tmp_path, [_talk()], View(delay_ms=0.1, drop=nothing)), Refuted)
