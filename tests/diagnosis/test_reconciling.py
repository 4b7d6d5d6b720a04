"""Layers reconciled in numbers: what is equal, what is not and why, and what is not about the lost packets at all."""

from pathlib import Path

import pytest
from gathered_cases import SEED, Files, gathered, other_talk
from written_cases import (
    START_NS,
    TAP,
    TUNNEL,
    Talk,
    conntrack_stats,
    log_line,
    lost_short,
    nft_rules,
    two_points,
)

from lastseen.diagnosis.reconciling import reconciled
from lastseen.diagnosis.snapshots import moments

LOST = [sent for sent in SEED.sent if lost_short(sent)]
COUNT = len(LOST)
LINES = "".join(map(log_line, LOST))
TOML = "".join(
    f'[[point]]\nname = "{name}"\nfile = "{file}"\nnode = "cmp"\n'
    for name, file in (("tunnel", "1_tunnel.pcap"), ("tap", "2_tap.pcap"))
)


def sentences(folder: Path, files: Files) -> list[str]:
    facts, rows = gathered(folder, {**two_points([SEED]), "case.toml": TOML, **files})
    return [reason.text for reason in reconciled(facts, moments(rows))]


def counted(invalid: int, *, hits: int | None = None, extra: str = "") -> Files:
    before = {
        "before/cmp/ct.txt": conntrack_stats(0),
        "before/cmp/nft.txt": nft_rules(extra=extra.replace(f"packets {COUNT} ", "packets 0 ")),
    }
    after = {
        "after/cmp/ct.txt": conntrack_stats(invalid),
        "after/cmp/nft.txt": nft_rules(invalid=(invalid if hits is None else hits, 240), extra=extra),
    }
    return {**before, **after}


def noted(at_ms: float) -> Files:
    return {"after/cmp/when.txt": f"{START_NS / 1e9 + at_ms / 1000:.6f}\n"}


def test_equal_numbers_are_said_as_equal(tmp_path: Path) -> None:
    (said,) = sentences(tmp_path, {"after/cmp/dmesg.txt": LINES, **counted(COUNT)})
    assert said == (
        f'{COUNT} packets lost behind tunnel = {COUNT} kernel lines "bad checksum" = {COUNT} hits of the rule'
        f" 'ip sg forward: ct state invalid' = {COUNT} on conntrack's counter invalid"
    )


def test_what_came_after_the_snapshot_explains_a_difference(tmp_path: Path) -> None:
    before_last = (LOST[-1].at_ms + LOST[-2].at_ms) / 2
    (said,) = sentences(tmp_path, {**counted(COUNT - 1), **noted(before_last)})
    assert said.endswith(
        f"{COUNT - 1} hits of the rule 'ip sg forward: ct state invalid'; {COUNT - 1} on conntrack's counter invalid"
        " (1 of the lost packets came after the snapshot)"
    )


@pytest.mark.parametrize(
    ("count", "why"),
    [(COUNT - 1, "read before the last ones came"), (COUNT + 1, "other packets are counted, too")],
)
def test_counts_that_differ_a_little_are_said_with_the_likely_reason(
    tmp_path: Path, count: int, why: str
) -> None:
    (said,) = sentences(tmp_path, counted(count))
    assert said.endswith(f"({why})")


def test_counts_of_something_else_are_not_named(tmp_path: Path) -> None:
    assert sentences(tmp_path, counted(COUNT * 10)) == []


def test_a_rule_that_cannot_take_the_lost_packets_is_not_named(tmp_path: Path) -> None:
    """It was hit as often: each lost packet had an ICMP error that it dropped."""
    icmp = f"icmp type destination-unreachable counter packets {COUNT} bytes 60 drop"
    (said,) = sentences(tmp_path, counted(COUNT, extra=icmp))
    assert "destination-unreachable" not in said


def test_lines_about_other_packets_and_suppressed_ones_are_said(tmp_path: Path) -> None:
    passed = next(sent for sent in SEED.sent if sent.from_server and not lost_short(sent))
    quiet = "[  100.000000] net_ratelimit: 9 callbacks suppressed\n"
    text = "".join(map(log_line, [*LOST[1:], passed])) + quiet
    (said,) = sentences(tmp_path, {"after/cmp/dmesg.txt": text})
    assert f'{COUNT - 1} kernel lines "bad checksum"' in said
    assert said.endswith("(1 more of them are about other packets, the log suppressed some)")


def test_equal_lines_and_others_that_may_mean_several(tmp_path: Path) -> None:
    bare = log_line(LOST[-1])
    for field in ("SEQ", "ACK", "ID", "LEN", "TTL"):
        start = bare.index(f" {field}=")
        bare = bare[:start] + bare[bare.index(" ", start + 1) :]
    (said,) = sentences(tmp_path, {"after/cmp/dmesg.txt": LINES + bare})
    assert f'= {COUNT} kernel lines "bad checksum"' in said
    assert "1 more could each mean several packets" in said


def test_traced_drops_with_their_packets_count(tmp_path: Path) -> None:
    text = "".join(
        f'trace id {number:x} ip t c packet: iif "w1" ip saddr 192.0.2.80 ip daddr 10.0.0.5 ip id'
        f" {int.from_bytes(sent.packet[4:6], 'big')} ip protocol tcp tcp sport 443 tcp dport 40000\n"
        f"trace id {number:x} ip t c rule ct state invalid drop (verdict drop)\n"
        for number, sent in enumerate(LOST, 1)
    )
    nameless = (
        "# tracer: nop\n  php-71 [000] ..s1.  1320.526810: kfree_skb: skbaddr=00000000cb3bdc29 protocol=2048"
        " location=nft_do_chain+0x7c/0x2d0 reason: NETFILTER_DROP\n"
    )
    (said,) = sentences(tmp_path, {"after/cmp/trace.txt": text, "after/cmp/kfree.txt": nameless})
    assert said == (
        f"{COUNT} packets lost behind tunnel = {COUNT} traced drops NETFILTER_DROP at nft ip t c: ct state invalid drop"
    )


def test_traced_drops_name_the_kernels_function(tmp_path: Path) -> None:
    """Of drops without packets, joined by their pauses; the offset in the function is left out."""
    talk = Talk()
    talk.opening()
    talk.exchange(10, acknowledged=False)
    talk.unheard_close(20)
    lost = [sent for sent in talk.sent if lost_short(sent)]
    text = "# tracer: nop\n#\n" + "".join(
        f"  php-71 [000] ..s1.  {1320.5 + (sent.at_ms + 0.02) / 1000:.6f}: kfree_skb: skbaddr=00000000cb3bdc29"
        " protocol=2048 location=nft_do_chain+0x3e8/0x610 reason: NETFILTER_DROP\n"
        for sent in lost
    )
    files: Files = {**two_points([talk], TUNNEL, TAP), "case.toml": TOML, "after/cmp/kfree.trace": text}
    facts, rows = gathered(tmp_path, files)
    (said,) = (reason.text for reason in reconciled(facts, moments(rows)))
    count = len(lost)
    assert said == f"{count} packets lost behind tunnel = {count} traced drops NETFILTER_DROP at nft_do_chain"


def test_lines_about_another_connections_packets_are_not_counted(tmp_path: Path) -> None:
    other = "".join(log_line(sent) for sent in other_talk(40001).sent if lost_short(sent))
    assert sentences(tmp_path, {"after/cmp/dmesg.txt": other}) == []
