"""What is written before a change is made, and what a crash at any byte leaves of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from namespaces import left_by_a_dead_run

from lastseen.errors import LastseenError
from lastseen.hosts import journal
from lastseen.hosts.changes import File, Mtu, Offload, Place, Program, Rule, Sysctl, describe

CHANGES = [
    Sysctl(key="net.ipv4.ip_forward", old="0", new="1"),
    Program(argv=("tcpdump", "-i", "eth0")),
    File(path="/etc/sysctl.d/x.conf", old=None, new="a = 1\n"),
    Offload(interface="eth0", feature="gro", old="on", new="off"),
    Mtu(interface="eth0", old=1500, new=1400),
    Rule(argv=("nft", "add", "rule", "ip", "filter", "input", "accept"), comment="lastseen-1"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_read_back_as_it_was_written(change: object, tmp_path: Path) -> None:
    place = Place(ssh=("--", "root@node"), host="node", netns="/run/netns/x", inode=7, boot="b")
    number = journal.Session.begin(tmp_path).intend(change, place, about="why")  # type: ignore[arg-type]
    (found,) = journal.recorded(tmp_path)
    assert (found.id, found.change, found.place, found.state) == (number, change, place, "intended")
    assert found.alive
    assert describe(found.change)


def test_a_change_in_use_is_not_left_behind(tmp_path: Path) -> None:
    journal.Session.begin(tmp_path).intend(CHANGES[0], Place())
    assert journal.left_behind(tmp_path) == []
    left_by_a_dead_run(tmp_path, (CHANGES[0], Place()))
    assert len(journal.left_behind(tmp_path)) == 1


@pytest.mark.parametrize("state", ["undone", "kept", "gone"])
def test_what_was_decided_is_not_left_behind(state: journal.State, tmp_path: Path) -> None:
    journal.mark(*left_by_a_dead_run(tmp_path, (CHANGES[0], Place())), state, tmp_path)
    assert journal.left_behind(tmp_path) == []
    assert journal.recorded(tmp_path)[0].state == state


def test_newest_first_is_the_order_to_undo_in(tmp_path: Path) -> None:
    numbers = left_by_a_dead_run(tmp_path, *((change, Place()) for change in CHANGES))
    assert [change.id for change in journal.left_behind(tmp_path)] == numbers[::-1]


@given(cut=st.integers(min_value=0, max_value=2000))
def test_a_journal_cut_off_anywhere_keeps_its_whole_lines_and_takes_new_ones(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("state")
    numbers = left_by_a_dead_run(folder, *((change, Place()) for change in CHANGES))
    file = folder / "journal.jsonl"
    content = file.read_bytes()
    os.truncate(file, min(cut, len(content)))
    whole = content[:cut].count(b"\n") + (cut < len(content) and content[cut : cut + 1] == b"\n")
    found = [change.id for change in journal.recorded(folder)]
    assert found == numbers[:whole]
    later = journal.Session.begin(folder).intend(CHANGES[0], Place())
    assert [change.id for change in journal.recorded(folder)] == [*found, later]


def test_a_change_is_left_behind_once_its_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lastseen.hosts.journal import Session; from lastseen.hosts.changes import Place, Sysctl\n"
        "s = Session.begin(Path(sys.argv[1])); s.intend(Sysctl(key='net.x.y', old='0', new='1'), Place())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    (found,) = journal.left_behind(tmp_path)
    assert found.change == Sysctl(key="net.x.y", old="0", new="1")


def test_a_state_folder_that_cannot_be_made_means_that_nothing_is_changed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LastseenError, match="nothing will be changed"):
        journal.Session.begin(tmp_path / "file" / "state")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_means_that_nothing_is_changed(tmp_path: Path) -> None:
    session = journal.Session.begin(tmp_path)
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(LastseenError, match="make room"):
        session.intend(CHANGES[0], Place())


def test_a_journal_that_has_grown_loses_only_what_is_undone(tmp_path: Path) -> None:
    session = journal.Session.begin(tmp_path)
    kept = session.intend(CHANGES[0], Place())
    for _ in range(40):
        session.mark(session.intend(File(path="/x", old="y" * 10_000, new=""), Place()), "undone")
    journal.compact(tmp_path)
    assert [change.id for change in journal.recorded(tmp_path)] == [kept]
    assert (tmp_path / "journal.jsonl").stat().st_size < 2000
