"""A lab that is cut short leaves nothing: no process, no namespace, no file."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

RUN = "from lastseen.cli.main import main; main()"
PATIENCE_S = 30.0


def _until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def _processes_with(words: bytes) -> list[bytes]:
    """Command lines of processes that have these words in it, or in the environment they were started with."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if command and words in command + (entry / "environ").read_bytes():
                found.append(command)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("scene", ["fin_rule", "openstack_padding"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_whoever_asked_for_the_lab_is_ended(
    how: signal.Signals, scene: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    asked = subprocess.Popen(
        [sys.executable, "-c", RUN, "lab", "run", scene, "--out", str(tmp_path / "case")],
        stderr=subprocess.DEVNULL,
    )
    here = str(tmp_path).encode()
    assert _until(lambda: any(b"tcpdump" in command for command in _processes_with(here)))
    asked.send_signal(how)
    asked.wait(PATIENCE_S)
    assert _until(lambda: not _processes_with(here)), "processes are left"
    assert _until(lambda: not list(tmp_path.iterdir())), "files are left"


def test_a_setting_of_the_machine_is_set_back_after_kill_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the script that holds it, without anybody's help."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("LASTSEEN_STATE", str(tmp_path / "state"))
    limit = Path("/proc/sys/net/netfilter/nf_conntrack_max")
    before = limit.read_text()
    asked = subprocess.Popen(
        [sys.executable, "-c", RUN, "lab", "run", "table_full", "--yes", "--out", str(tmp_path / "case")],
        stderr=subprocess.DEVNULL,
    )
    assert _until(lambda: limit.read_text() != before)
    asked.kill()
    asked.wait(PATIENCE_S)
    assert _until(lambda: limit.read_text() == before)
