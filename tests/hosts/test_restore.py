"""After kill -9 at any moment, `restore` leaves every setting, rule, process and file as it was."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from installed import lastseen
from namespaces import left_by_a_dead_run, marked_processes, namespaces, snapshot, within

from lastseen.errors import LastseenError
from lastseen.hosts import restore
from lastseen.hosts.changes import Change, File, Mtu, Offload, Place, Program, Rule, Sysctl
from lastseen.hosts.holding import Wanted, held
from lastseen.hosts.host import HERE
from lastseen.hosts.journal import Session, left_behind, recorded
from lastseen.hosts.probing import probe
from lastseen.hosts.programs import SESSION_VARIABLE
from lastseen.hosts.restore import sweeping

pytestmark = pytest.mark.lab

CHANGER = Path(__file__).parent / "changer.py"
KILLS = 100 if os.environ.get("LASTSEEN_REQUIRE_LAB") == "1" else 20
"""Random moments at which a run is killed; CI, which may take a minute for it, tries more."""
RUN_S = 0.5
"""Longer than one whole run of the changer takes, so that every part of it is hit."""
LOG = "net.netfilter.nf_conntrack_log_invalid"


@pytest.fixture
def netns() -> Iterator[str]:
    with namespaces(1) as (name,):
        yield name


def place(netns: str) -> Place:
    file = f"/run/netns/{netns}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Place(netns=file, inode=Path(file).stat().st_ino, boot=boot)


def intended(folder: Path, change: Change, netns: str) -> None:
    """The journal as a run leaves it that is killed right after making a change."""
    left_by_a_dead_run(folder, (change, place(netns)))


def value(netns: str, key: str = LOG) -> str:
    return within(netns, "sysctl", "-n", key).strip()


def test_killed_at_random_moments_everything_is_as_before(netns: str, tmp_path: Path) -> None:
    before = snapshot([netns])
    rng = random.Random(7)
    found = 0
    for number in range(KILLS):
        run = subprocess.Popen(
            [sys.executable, str(CHANGER), str(tmp_path), f"/run/netns/{netns}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with run:
            assert run.stdout
            assert run.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, RUN_S))
            run.kill()
        if number % 2:  # as a power loss would: nothing is left alive to clean up
            kill_everything_marked(netns)
        found += len(left_behind(tmp_path))
        results = restore.restore(tmp_path)
        assert [str(r) for r in results if r.state is None] == []
        assert left_behind(tmp_path) == []
        until(
            lambda: marked_processes([netns]) == []
        )  # a script's last 'sleep 0.2' may outlive what it slept for
        assert snapshot([netns]) == before, number
    assert found > KILLS / 4, "most kills fell between runs: they prove nothing"


def kill_everything_marked(netns: str) -> None:
    """Kill captures and the scripts that hold settings at once, so that only the journal is left."""
    pids = subprocess.run(["pgrep", "-f", f"lastseen.*{netns}"], capture_output=True, text=True, check=False)
    for pid in pids.stdout.split():
        if int(pid) != os.getpid():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue


def test_held_settings_come_back_when_only_the_run_is_killed(netns: str, tmp_path: Path) -> None:
    """No restore is needed: what holds the settings notices."""
    run = subprocess.Popen([sys.executable, str(CHANGER), str(tmp_path), f"/run/netns/{netns}"])
    with run:
        until(lambda: value(netns) == "255")
        run.kill()
    until(lambda: value(netns) == "0")
    until(lambda: marked_processes() == [])


def until(true: object, *, longest_s: float = 60) -> None:
    """Wait for a condition."""
    end = time.monotonic() + longest_s
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("error", [KeyboardInterrupt, LastseenError])
def test_what_has_no_owner_yet_is_swept_up(netns: str, tmp_path: Path, error: type[BaseException]) -> None:
    """A signal may come when a change is written down, made, and nobody's yet to take back."""
    before = snapshot([netns])
    with pytest.raises(error):
        changed_until(error, netns, tmp_path)
    assert [change.about for change in recorded(tmp_path) if change.state != "undone"] == ["decided"]
    assert snapshot([netns]) == before


def changed_until(error: type[BaseException], netns: str, folder: Path) -> None:
    """Change a setting and start a program, decide that a file stays, and be ended."""
    with sweeping(folder) as session:
        session.intend(Sysctl(key=LOG, old="0", new="255"), place(netns))
        within(netns, "sysctl", "-w", f"{LOG}=255")
        session.intend(Program(argv=("sleep", "1000")), place(netns))
        marked = {SESSION_VARIABLE: session.name}
        child = subprocess.Popen(["ip", "netns", "exec", netns, "sleep", "1000"], env=os.environ | marked)
        Thread(target=child.wait).start()
        session.mark(session.intend(File(path="/", old=None, new=""), place(netns), about="decided"), "kept")
        raise error


def test_a_setting_is_held_and_set_back(netns: str, tmp_path: Path) -> None:
    facts = probe(HERE)
    session = Session.begin(tmp_path)
    with held(session, facts, [Wanted(key=LOG, value="255", netns=f"/run/netns/{netns}")]) as result:
        assert value(netns) == "255"
        assert [r.state for r in recorded(tmp_path)] == ["made"]
        again = [Wanted(key=LOG, value="6", netns=f"/run/netns/{netns}")]
        with held(session, facts, again) as second:
            assert second.changes == []
            assert "another lastseen" in second.notes[0]
    assert (value(netns), result.notes) == ("0", [])
    assert [r.state for r in recorded(tmp_path)] == ["undone"]


def test_a_setting_someone_changed_since_is_left(netns: str, tmp_path: Path) -> None:
    intended(tmp_path, Sysctl(key=LOG, old="0", new="255"), netns)
    within(netns, "sysctl", "-w", f"{LOG}=6")
    (result,) = restore.restore(tmp_path)
    assert (result.state, value(netns)) == ("undone", "6")


def test_a_namespace_that_is_gone_needs_no_restoring(tmp_path: Path) -> None:
    with namespaces(1) as (netns,):
        intended(tmp_path, Sysctl(key=LOG, old="0", new="255"), netns)
    (result,) = restore.restore(tmp_path)
    assert (result.state, left_behind(tmp_path)) == ("gone", [])


def test_after_a_reboot_only_files_are_taken_back(netns: str, tmp_path: Path) -> None:
    written = tmp_path / "x.conf"
    written.write_text("a = 1\n")
    left_by_a_dead_run(
        tmp_path / "state",
        (Sysctl(key=LOG, old="6", new="0"), Place(netns=place(netns).netns, boot="another")),
        (File(path=str(written), old=None, new="a = 1\n"), Place(boot="another")),
    )
    states = [result.state for result in restore.restore(tmp_path / "state")]
    assert (states, value(netns), written.exists()) == (["undone", "gone"], "0", False)


def test_a_file_someone_edited_is_left_and_told(tmp_path: Path) -> None:
    written = tmp_path / "x.conf"
    written.write_text("mine")
    left_by_a_dead_run(tmp_path / "state", (File(path=str(written), old="old", new="new"), Place()))
    (result,) = restore.restore(tmp_path / "state")
    assert (result.state, written.read_text()) == (None, "mine")
    assert len(left_behind(tmp_path / "state")) == 1


def test_a_file_gets_its_former_text_back(tmp_path: Path) -> None:
    written = tmp_path / "x.conf"
    written.write_text("new")
    left_by_a_dead_run(tmp_path / "state", (File(path=str(written), old="old\n", new="new"), Place()))
    restore.restore(tmp_path / "state")
    assert written.read_text() == "old\n"


def test_links_and_rules_are_as_before(netns: str, tmp_path: Path) -> None:
    within(netns, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    within(netns, "nft", "add table ip t; add chain ip t c")
    before = (within(netns, "ethtool", "-k", "v0"), *snapshot([netns]).items())
    comment = "lastseen-1"
    rule = ("nft", "add", "rule", "ip", "t", "c", "accept", "comment", f'"{comment}"')
    table = ("iptables", "-I", "INPUT", "1", "-j", "ACCEPT", "-m", "comment", "--comment", comment)
    intended(tmp_path, Mtu(interface="v0", old=1500, new=1400), netns)
    intended(tmp_path, Offload(interface="v0", feature="gro", old="off", new="on"), netns)
    intended(tmp_path, Rule(argv=rule, comment=comment), netns)
    within(netns, "ip", "link", "set", "v0", "mtu", "1400")
    within(netns, "ethtool", "-K", "v0", "gro", "on")
    within(netns, *rule)
    assert [r.state for r in restore.restore(tmp_path)] == ["undone"] * 3
    assert (within(netns, "ethtool", "-k", "v0"), *snapshot([netns]).items()) == before
    intended(tmp_path, Rule(argv=rule, comment=comment), netns)
    assert [r.state for r in restore.restore(tmp_path)] == ["undone"], "a rule that was never added"
    assert restore._as_delete(table)[:4] == ("iptables", "-D", "INPUT", "-j")


def test_the_command_restores_and_every_other_one_reminds(netns: str, tmp_path: Path) -> None:
    state = {"LASTSEEN_STATE": str(tmp_path)}
    intended(tmp_path, Sysctl(key=LOG, old="0", new="255"), netns)
    intended(tmp_path, Program(argv=("tcpdump",)), netns)
    within(netns, "sysctl", "-w", f"{LOG}=255")
    assert "2 changes of an interrupted run not restored yet" in lastseen("faults", environment=state).err
    assert value(netns) == "255"
    shown = lastseen("restore", "--show", environment=state)
    assert f"sysctl {LOG} 0 -> 255" in shown.out
    done = lastseen("restore", "--json", environment=state)
    assert (done.status, done.err, done.said["all_restored"], value(netns)) == (0, "", True, "0")
    assert lastseen("restore", environment=state).out == "nothing is left changed\n"
    assert lastseen("faults", environment=state).err == ""
