"""What moved by as much as was lost is shown where no cause is known."""

from pathlib import Path

from written_cases import (
    TAP,
    TUNNEL,
    Sent,
    Talk,
    View,
    conntrack_stats,
    diagnosed,
    nft_rules,
    seen,
    write_case,
)

FINS = 5
NSTAT = "#kernel\nIpFragFails                     {}                  0.0\n"


def talk() -> Talk:
    """A conversation with timestamps, so that nothing is padded; its FINs are repeated."""
    made = Talk(timestamps=True)
    made.opening()
    made.exchange(10)
    made.unheard_close(20, times=FINS)
    return made


def lost_fin(sent: Sent) -> bool:
    return sent.from_server and "F" in sent.flags


def notes(folder: Path, files: dict[str, bytes | str], down: View = TAP) -> list[str]:
    """Notes about what moved, of a case whose FINs vanish on one node."""
    view = View(delay_ms=down.delay_ms, drop=lost_fin)
    captures = {"1_cmp_w1.pcap": seen([talk()], TUNNEL), "2_cmp_t0.pcap": seen([talk()], view)}
    diagnosis = diagnosed(write_case(folder, {**captures, **files}))
    assert diagnosis.verdict.grade == "unattributed"
    return [
        note.text
        for note in diagnosis.notes
        if "as packets were lost" in note.text or "moved by" in note.text
    ]


def test_rules_and_counters_that_moved_as_much(tmp_path: Path) -> None:
    """The rule that drops comes first."""
    found = notes(
        tmp_path,
        {
            "before/cmp/conntrack.txt": conntrack_stats(3),
            "after/cmp/conntrack.txt": conntrack_stats(3 + FINS),
            "after/cmp/nstat.txt": NSTAT.format(FINS),
            "after/cmp/nft.txt": nft_rules(
                invalid=(FINS, 260), extra=f"meta mark 7 counter packets {FINS} bytes 260 accept"
            ),
        },
    )
    assert [text.split(" ")[0:2] for text in found[:2]] == [["the", "dropping"], ["the", "rule"]]
    assert sorted(found[2:]) == [
        f"conntrack cpu=0 invalid moved by {FINS}, as many as packets were lost",
        f"nstat IpFragFails moved by {FINS}, as many as packets were lost",
    ]


def test_what_moved_otherwise_is_not_shown(tmp_path: Path) -> None:
    rules = nft_rules(extra=f"meta mark 7 counter packets {FINS + 2} bytes 260 accept")
    assert notes(tmp_path, {"after/cmp/nstat.txt": NSTAT.format(FINS + 1), "after/cmp/nft.txt": rules}) == []


def test_without_a_node_nothing_is_compared(tmp_path: Path) -> None:
    """Counters of some host say nothing about a hop that lies nobody knows where."""
    assert notes(tmp_path, {}) == []
