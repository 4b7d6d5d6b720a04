"""Many questions in one round trip: each answered by itself, and none asked for someone who is gone."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lastseen.hosts.asking import ask
from lastseen.hosts.host import HERE

ASKER = """
import sys
from lastseen.hosts.asking import ask
from lastseen.hosts.host import HERE

folder = sys.argv[1]
ask(HERE, {"first": ("sh", "-c", 'touch "$1/begun"; while [ ! -e "$1/go" ]; do sleep 0.02; done', "sh", folder),
           "second": ("touch", f"{folder}/second")})
"""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_each_question_has_its_answer() -> None:
    said = ask(
        HERE, {"a": ("echo", "x y"), "b": ("sh", "-c", "echo no >&2; exit 3"), "c": ("no-such-program",)}
    )
    assert (said["a"].ok, said["a"].text.strip()) == (True, "x y")
    assert (said["b"].status, said["b"].why) == (3, "no")
    assert not said["c"].ok


def test_nothing_is_asked_any_more_for_who_was_killed(tmp_path: Path) -> None:
    """What is left of a snapshot would go on by itself for seconds."""
    asker = subprocess.Popen([sys.executable, "-c", ASKER, str(tmp_path)], stderr=subprocess.DEVNULL)
    until((tmp_path / "begun").exists)
    shell = Path(f"/proc/{asker.pid}/task/{asker.pid}/children").read_text().split()[0]
    asker.kill()
    asker.wait()
    (tmp_path / "go").touch()
    until(lambda: not Path("/proc", shell).exists())
    assert not (tmp_path / "second").exists()
