"""Drops of a trace without packets: joined where rhythm and number leave no other, and otherwise not at all."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from gathered_cases import Files, gathered
from written_cases import TAP, TUNNEL, Talk, lost_short, two_points

from lastseen.faults.facts import Facts

UPTIME_MS = 1_320_526
TOML = "".join(
    f'[[point]]\nname = "{name}"\nfile = "{file}"\nnode = "cmp"\n'
    for name, file in (("tunnel", "1_tunnel.pcap"), ("tap", "2_tap.pcap"))
)


def closing(pauses_ms: Sequence[float]) -> Talk:
    """A connection whose server repeats its FIN after these pauses; nothing else of it is lost."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.send(20, "FA")
    first, at_ms = talk.sent[-1].number, 20.0
    for pause in pauses_ms:
        at_ms += pause
        talk.send(at_ms, "FA", again=first)
    return talk


def kfree(
    talk: Talk, *, late_ms: Sequence[float] = (), place: str = "nft_do_chain+0x3e8/0x610", leave_out: int = 0
) -> str:
    """The trace of what is lost of the talk, each `late_ms` after it was captured."""
    lost = [sent for sent in talk.sent if lost_short(sent)]
    lines = ["# tracer: nop\n#\n"]
    for number, sent in enumerate(lost[leave_out:]):
        late = late_ms[number % len(late_ms)] if late_ms else 0.02
        second = (UPTIME_MS + sent.at_ms + late) / 1000
        lines.append(
            f"  php-71 [000] ..s1.  {second:.6f}: kfree_skb: skbaddr=00000000cb3bdc29 protocol=2048"
            f" location={place} reason: NETFILTER_DROP\n"
        )
    return "".join(lines)


def facts_of(folder: Path, talk: Talk, traces: Files, toml: str = TOML) -> Facts:
    files = {**two_points([talk], TUNNEL, TAP), "case.toml": toml, **traces}
    return gathered(folder, files)[0]


BACKOFF = closing((200, 400, 800, 1600))


def test_the_same_number_in_the_same_rhythm_is_the_same_packets(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, BACKOFF, {"after/cmp/kfree.trace": kfree(BACKOFF)})
    fins = [sent.number for sent in BACKOFF.sent if lost_short(sent)]
    assert [(j.point, j.row, j.candidates) for j in facts.drops] == [(0, fin, 1) for fin in fins]


@pytest.mark.parametrize(
    ("talk", "trace"),
    [
        (BACKOFF, kfree(BACKOFF, leave_out=1)),
        (BACKOFF, kfree(BACKOFF, late_ms=(0.1, 90))),
        (closing((500, 500, 500, 500)), kfree(closing((500, 500, 500, 500)))),
        (closing((200, 400)), kfree(closing((200, 400)))),
        (BACKOFF, kfree(closing((1600, 800, 400, 200)))),
    ],
    ids=["one-less", "not-steady", "even-pauses", "too-few", "another-rhythm"],
)
def test_anything_less_joins_none(tmp_path: Path, talk: Talk, trace: str) -> None:
    facts = facts_of(tmp_path, talk, {"after/cmp/kfree.trace": trace})
    assert {j.row for j in facts.drops} == {None}


def test_two_places_in_the_same_rhythm_join_none(tmp_path: Path) -> None:
    """Each lost packet had an answer that was dropped as well: which of them is it?"""
    text = kfree(BACKOFF) + kfree(BACKOFF, place="ip_forward+0x2c0/0x730")
    facts = facts_of(tmp_path, BACKOFF, {"after/cmp/kfree.trace": text})
    assert {j.row for j in facts.drops} == {None}


def test_another_hosts_trace_is_about_other_packets(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, BACKOFF, {"after/elsewhere/kfree.trace": kfree(BACKOFF)})
    assert {j.row for j in facts.drops} == {None}
