"""FINs that come back from hardware: what the host has to say, and what only looks like it."""

from pathlib import Path

import pytest
from offloaded_talk import ENTRY, KEPT, OFFLOADED, captures, host
from written_cases import diagnosed, judgement, sysctl, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "hw_offload_window"
LIBERAL = "net.netfilter.nf_conntrack_tcp_be_liberal"
OTHER = OFFLOADED.replace("sport=40000", "sport=40001").replace("dport=40000", "dport=40001")
TRANSLATED = (
    ENTRY.format("", "OFFLOAD")
    .replace("dst=10.0.0.5", "dst=203.0.113.7")
    .replace("dport=40000", "dport=1024")
)
Files = dict[str, bytes | str]


def judged(folder: Path, *more: Files, carried: int = 200_000) -> Judgement:
    files = captures(carried=carried)
    for each in more:
        files |= each
    return judgement(diagnosed(write_case(folder, files)), SLUG)


@pytest.mark.parametrize("texts", [host(), host(log=False, counted=5), host(entry=TRANSLATED)])
def test_mark_and_judgement_of_the_host_confirm_it(tmp_path: Path, texts: Files) -> None:
    """Whichever layer says that they are invalid, and by whichever of its two tuples the entry is known."""
    found = judged(tmp_path, texts)
    assert isinstance(found, Supported)
    assert found.confirmed


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (host(entry=""), Untestable),
        (host(entry=OTHER), Untestable),
        (host(log=False), Untestable),
        (host(entry=KEPT), Refuted),
        (host() | {"after/sysctl.txt": sysctl(LIBERAL, 1)}, Refuted),
        (host() | {"after/sysctl.txt": sysctl(LIBERAL, 0)}, Supported),
    ],
    ids=["no entry", "another's entry", "nobody says invalid", "not marked", "liberal", "not liberal"],
)
def test_what_the_host_says_decides(tmp_path: Path, texts: Files, kind: type) -> None:
    assert isinstance(judged(tmp_path, texts), kind)


def test_where_the_kernel_saw_it_all_offload_is_not_why(tmp_path: Path) -> None:
    """The log's lines would be of other packets then: what is lost lies inside the window."""
    found = judged(tmp_path, host(log=False, counted=5), carried=0)
    assert isinstance(found, Refuted)
    assert any("0 of the 5" in reason.text for reason in found.against)


def test_it_comes_before_what_it_causes(tmp_path: Path) -> None:
    found = diagnosed(write_case(tmp_path, captures() | host()))
    assert found.verdict.fault == SLUG
    assert found.verdict.indistinguishable == ()
    assert isinstance(judgement(found, "conntrack_out_of_window"), Supported)
