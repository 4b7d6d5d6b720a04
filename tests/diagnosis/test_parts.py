"""Two faults at one hop: what a rule accounts for is its own, the rest is judged by itself."""

from pathlib import Path

import pytest
from written_cases import Sent, Talk, View, diagnosed, judgement, seen, write_case

from lastseen.diagnosis import parts as module
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Supported

PORT_RULE = 'iifname "w1" tcp sport 8443'
REFUSED = 3


def _damaged() -> tuple[Talk, set[int]]:
    """An answer of which every third segment is damaged before the router and sent again."""
    talk, bad = Talk(timestamps=True), set[int]()
    talk.opening()
    talk.exchange(10)
    for at in range(12):
        if at % 3 == 0:
            talk.send(20 + 300 * at, "PA", size=700)
            bad.add(talk.sent[-1].number)
            talk.next_seq[1] -= 700
        talk.send(20 + 300 * at + 200, "PA", size=700)
        talk.send(20 + 300 * at + 201, "A", client=True)
    return talk, bad


def _refused() -> Talk:
    talk = Talk(client=("10.0.0.5", 40002), server=("192.0.2.80", 8443))
    talk.send(5, "S", client=True)
    for number in range(REFUSED):
        talk.send(6 + 1000 * number, "SA", again=1 if number else None)
    return talk


def _interfaces() -> str:
    return "".join(
        f"{number}: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
        f"    link/ether 02:00:00:00:01:0{number} brd ff:ff:ff:ff:ff:ff\n"
        for number, name in enumerate(("w1", "t0"), start=2)
    )


def _rules(match: str, hits: int) -> str:
    return (
        "table ip f {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n"
        f"\t\t{match} counter packets {hits} bytes {60 * hits} drop\n\t}}\n}}\n"
    )


def _both(tmp_path: Path, match: str = PORT_RULE, hits: int = REFUSED, *, node: str = "router/") -> Diagnosis:
    talk, bad = _damaged()
    refused = _refused()
    damaged = {id(sent) for sent in talk.sent if sent.number in bad}

    def change(sent: Sent) -> bytes:
        return sent.packet[:-1] + bytes((sent.packet[-1] ^ 1,)) if id(sent) in damaged else sent.packet

    def drop(sent: Sent) -> bool:
        return id(sent) in damaged or (sent in refused.sent and sent.from_server)

    return diagnosed(
        write_case(
            tmp_path,
            {
                "1_w1.pcap": seen([talk, refused], View(change=change)),
                "2_t0.pcap": seen([talk, refused], View(delay_ms=0.1, drop=drop)),
                f"before/{node}ip_addr.txt": _interfaces(),
                f"before/{node}nft.txt": _rules(match, 0),
                f"after/{node}nft.txt": _rules(match, hits),
            },
        )
    )


def test_a_rule_and_a_wire_that_flips_bits_are_both_named(tmp_path: Path) -> None:
    verdict = _both(tmp_path).verdict
    assert {verdict.fault, *verdict.also} >= {"firewall_deny", "packet_corruption"}
    assert verdict.grade in {"confirmed", "probable"}
    assert (verdict.last_seen, verdict.missing_at) == ("w1", "t0")


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        (PORT_RULE, REFUSED + 2),
        (PORT_RULE, 0),
        ('iifname "w1" ct state invalid', REFUSED),
        ('iifname "w1" tcp flags & (syn | ack) == syn | ack', REFUSED),
        ('iifname "w1" tcp sport 9999', REFUSED),
        ('iifname "w1"', REFUSED),
    ],
    ids=["other hits", "no hit", "not to be told", "one passed", "takes none", "takes all"],
)
def test_what_a_rule_does_not_account_for_by_text_and_count_is_not_divided(
    tmp_path: Path, match: str, hits: int
) -> None:
    diagnosis = _both(tmp_path, match, hits)
    assert not isinstance(judgement(diagnosis, "packet_corruption"), Supported)
    assert not isinstance(judgement(diagnosis, "firewall_deny"), Supported)


def test_a_hop_on_no_known_host_is_not_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PACKETS", 3)
    assert not isinstance(judgement(_both(tmp_path / "many"), "packet_corruption"), Supported)
    monkeypatch.undo()
    unknown = _both(tmp_path / "bare", node="")
    assert {unknown.verdict.fault, *unknown.verdict.also} >= {"firewall_deny", "packet_corruption"}
