"""`lastseen run` itself, killed with -9 at random moments: `lastseen restore` leaves nothing of it."""

import os
import random
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import networks
import pytest
from namespaces import marked_processes, snapshot
from networks import Network

pytestmark = [pytest.mark.lab, pytest.mark.oracle("tcpdump", "strace", "nft")]

KILLS = 8 if os.environ.get("LASTSEEN_REQUIRE_LAB") == "1" else 4
"""tests/hosts kills a hundred times what changes hosts; here it is the whole command. By hand: 100 of `run`, 60 of `fix`."""


WORK_S = 3.0
"""From the first change to the last one set back it takes about so long: captures start and settle."""


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


def grown(folder: Path, size: int) -> bool:
    return written(folder) > size


def written(folder: Path) -> int:
    """Bytes of the journal, which is begun before anything is changed."""
    journal = folder / "state/journal.jsonl"
    return journal.stat().st_size if journal.exists() else 0


def test_killed_at_random_moments_the_command_leaves_nothing(tmp_path: Path) -> None:
    """With all that it started alive, as after kill -9, or killed as well, as after a power loss."""
    rng = random.Random(5)
    with networks.routed() as net:
        spaces = list(net.spaces.values())
        before = snapshot(spaces)
        found = 0
        for number in range(KILLS):
            journal = written(tmp_path)
            run = run_into(net, tmp_path, f"case{number}")
            networks.until(partial(grown, tmp_path, journal), longest_s=60)
            time.sleep(rng.uniform(0, WORK_S))
            run.kill()
            run.communicate()
            if number % 2:
                kill_marked(net)
            out, _ = lastseen(net, tmp_path, "restore", "--json").communicate(timeout=60)
            assert '"all_restored":true' in out, out
            found += '"changes":[]' not in out
            networks.until(lambda: marked_processes(spaces) == [])
            assert snapshot(spaces) == before, number
    assert found > KILLS / 4, "most kills fell where nothing was changed: they prove nothing"


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
