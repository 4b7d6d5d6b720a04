"""Facts and rows of a case as rules and timelines get them, and a program's trace that fits the written conversation."""

from collections.abc import Sequence
from pathlib import Path

from written_cases import MS, START_NS, Talk, seed_talk, write_case

from lastseen.cli.pipeline import matched, opened
from lastseen.cli.progress import Progress
from lastseen.diagnosis.facts_of import facts_of
from lastseen.faults.facts import Facts
from lastseen.tables.facts_from_texts import Row

Files = dict[str, bytes | str]
SEED = seed_talk()
FD = "3<TCP:[10.0.0.5:40000->192.0.2.80:443]>"


def gathered(folder: Path, files: Files, wanted: Sequence[str] = ()) -> tuple[Facts, Sequence[Row]]:
    with Progress() as progress, opened([write_case(folder, files)], progress) as case:
        facts, _ = facts_of(matched(case, progress), case.rows, case.details, wanted)
        return facts, list(case.rows)


def other_talk(port: int) -> Talk:
    """The same conversation of another port and other numbers."""
    talk = Talk(client=("10.0.0.5", port), next_seq=[5_000_001, 7_000_001])
    talk.opening()
    talk.exchange(10)
    talk.unheard_close(20)
    return talk


def trace(*, ahead_ms: float = 0, peer: str = "192.0.2.80", fd: str = FD) -> str:
    """A program's calls as strace -f -ttt -T -yy prints them, `ahead_ms` ahead of the captures' clock."""
    lines = []
    for at_ms, call, took_ms in (
        (
            -0.5,
            f'connect({fd}, {{sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("{peer}")}}, 16) = 0',
            1.2,
        ),
        (9.8, f'write({fd}, "GET / HTTP/1.0\\r\\n\\r\\n"..., 200) = 200', 0.3),
        (10.5, f'read({fd}, "HTTP/1.0 200 OK"..., 8192) = 4800', 2.0),
        (19, f"poll([{{fd={fd}, events=POLLIN}}], 1, 6000) = 0 (Timeout)", 5980),
        (5999.8, f"close({fd}) = 0", 0.1),
    ):
        second = (START_NS + int((at_ms + ahead_ms) * MS)) / 1e9
        lines.append(f"71 {second:.6f} {call} <{took_ms / 1000:.6f}>\n")
    return "".join(lines)
