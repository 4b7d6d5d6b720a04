"""`lastseen run` and `fix` themselves, killed with -9 at random moments: `lastseen restore` leaves nothing of them.

Interrupted, as by Ctrl-C, they leave nothing by themselves. By hand, with the figures printed (a quarter of an hour each):

    LASTSEEN_KILLS=100 pytest -s -o faulthandler_timeout=0 tests/live/test_killed.py -k "killed_at and [run]"
    LASTSEEN_KILLS=60 pytest -s -o faulthandler_timeout=0 tests/live/test_killed.py -k "killed_at and [fix]"
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networks
import pytest
from namespaces import snapshot
from networks import Network

pytestmark = [pytest.mark.lab, pytest.mark.oracle("tcpdump", "strace", "nft")]

KILLS = int(os.environ.get("LASTSEEN_KILLS", "0")) or (
    8 if os.environ.get("LASTSEEN_REQUIRE_LAB") == "1" else 4
)
"""tests/hosts kills a hundred times what changes hosts; here it is the whole command."""
FIRST_S, WHOLE_S = 0.3, 4.0
"""After the first change: how long captures take to start at least, and all of it about."""
INTERRUPTED = 130
ANSWERED_S = 20.0
"""A question to a host takes half of it at most."""
Begin = Callable[[Network, Path, str], subprocess.Popen[str]]


def lastseen(net: Network, folder: Path, *words: str) -> subprocess.Popen[str]:
    return net.popen(
        "compute",
        *("lastseen", *words),
        more={"LASTSEEN_STATE": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )


def run_into(net: Network, folder: Path, case: str) -> subprocess.Popen[str]:
    options = ("--yes", "--json", "--target", "t0", "--remote", networks.REMOTE, "--out", case)
    return lastseen(net, folder, "run", *options, "--", "sleep", "0.4")


def fix_into(net: Network, folder: Path, case: str) -> subprocess.Popen[str]:
    """A remedy that is applied, verified, and written down below a folder of the test's own."""
    options = ("--yes", "--json", "--root", str(folder / "root"), "--out", case)
    return lastseen(net, folder, "fix", "ovs_conntrack_padding", *options, "--", "sleep", "0.4")


def grown(folder: Path, size: int) -> bool:
    return written(folder) > size


def written(folder: Path) -> int:
    """Bytes of the journal, which is begun before anything is changed."""
    journal = folder / "state/journal.jsonl"
    return journal.stat().st_size if journal.exists() else 0


def changing_s(net: Network, folder: Path, begin: Begin) -> float:
    """How long the command takes from its first change to its end, when nobody kills it."""
    journal = written(folder)
    left = begin(net, folder, "unharmed")
    networks.until(partial(grown, folder, journal), longest_s=100)
    began = time.monotonic()
    left.communicate(timeout=100)
    return time.monotonic() - began


either = pytest.mark.parametrize("begin", [run_into, fix_into], ids=["run", "fix"])


@either
def test_killed_at_random_moments_the_command_leaves_nothing(tmp_path: Path, begin: Begin) -> None:
    """With all that it started alive, as after kill -9, or killed as well, as after a power loss.

    A remedy that was decided to be kept before the kill stands, and `undo` takes it back.
    """
    rng = random.Random(5)
    root = tmp_path / "root"
    root.mkdir()
    found = kept = 0
    with networks.routed() as net:
        spaces = list(net.spaces.values())
        before = snapshot(spaces, folders=[root])
        longest = changing_s(net, tmp_path, begin)
        assert undone(net, tmp_path) == (begin is fix_into), "unharmed, it cures and stays"
        for number in range(KILLS):
            journal = written(tmp_path)
            run = begin(net, tmp_path, f"case{number}")
            networks.until(partial(grown, tmp_path, journal), longest_s=100)
            time.sleep(rng.uniform(0, longest))
            run.kill()
            run.communicate()
            if number % 2:
                kill_marked(net)
            out, _ = lastseen(net, tmp_path, "restore", "--json").communicate(timeout=100)
            assert '"all_restored":true' in out, out
            found += '"changes":[]' not in out
            kept += undone(net, tmp_path)
            settled(lambda: snapshot(spaces, folders=[root]), before)
    print(f"\n{KILLS} kills within {longest:.1f} s: {found} times something was left to restore, {kept} kept")
    assert found + kept > KILLS / 4, "most kills fell where nothing was changed: they prove nothing"


@either
def test_interrupted_at_random_moments_the_command_has_nothing_to_restore(
    tmp_path: Path, begin: Begin
) -> None:
    """Also in the moments between the journal and the change it announces; no folder is left where nothing was seen."""
    rng = random.Random(6)
    root = tmp_path / "root"
    root.mkdir()
    with networks.routed() as net:
        spaces = list(net.spaces.values())
        before = snapshot(spaces, folders=[root])
        for number in range(KILLS // 2):
            journal = written(tmp_path)
            run = begin(net, tmp_path, f"new/folders/case{number}")
            networks.until(partial(grown, tmp_path, journal), longest_s=100)
            time.sleep(rng.uniform(0, FIRST_S if number % 2 else WHOLE_S))
            run.send_signal(signal.SIGINT)
            run.communicate(timeout=100)
            assert run.returncode in (0, 1, INTERRUPTED), run.returncode
            case = tmp_path / f"new/folders/case{number}"
            assert (tmp_path / "new").exists() == case.exists(), list(tmp_path.rglob("*"))
            out, _ = lastseen(net, tmp_path, "restore", "--json").communicate(timeout=100)
            assert '"changes":[]' in out, out
            undone(net, tmp_path)
            settled(lambda: snapshot(spaces, folders=[root]), before)
            shutil.rmtree(tmp_path / "new", ignore_errors=True)


def settled(look: Callable[[], dict[str, str]], before: dict[str, str]) -> None:
    """Everything is as before; what was being asked when the command was killed may be answered first."""
    end = time.monotonic() + ANSWERED_S
    while (now := look()) != before and time.monotonic() < end:
        time.sleep(0.1)
    assert {name: value for name, value in now.items() if before.get(name) != value} == {}
    assert now.keys() == before.keys()


def undone(net: Network, folder: Path) -> int:
    """How many remedies stood; none does now."""
    out, _ = lastseen(net, folder, "undo", "--all", "--yes", "--json").communicate(timeout=100)
    return len(json.loads(out)["remedies"])


def kill_marked(net: Network) -> None:
    """Kill the captures, what holds the settings, and the command, at once."""
    spaces = {net.lab.node(role).tid for role in net.spaces}
    inodes = {Path(f"/proc/{tid}/ns/net").stat().st_ino for tid in spaces}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ours = (entry / "ns/net").stat().st_ino in inodes and int(entry.name) != os.getpid()
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if ours and (b"LASTSEEN_SESSION=" in words or b"\0lastseen\0" in words):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
