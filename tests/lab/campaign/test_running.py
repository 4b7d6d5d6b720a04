"""A small campaign, really carried out through the command line."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from installed import lastseen

pytestmark = pytest.mark.lab

SCENES = "healthy_page,fin_rule,slow_server"
PATIENCE_S = 30.0


def test_a_small_campaign(tmp_path: Path) -> None:
    """Every run is counted, its figures keep to the schema, what was withheld is gone and told beside the case."""
    kept, out = tmp_path / "kept", tmp_path / "figures.json"
    options = ("--scenes", SCENES, "--runs", "4", "--seed", "2", "--keep", kept, "--keep-all", "--out", out)
    run = lastseen("lab", "campaign", *options, "--json")
    assert (run.status, run.err) == (0, "")
    found = run.said
    assert found == json.loads(out.read_text())
    assert (found["schema"], found["runs"], found["failed"]) == ("lastseen.campaign/1", 4, 0)
    assert found["wrong_confirmed"] == found["healthy_accused"] == 0
    assert sum(row["runs"] for row in found["by_fault"]) == 4
    assert set(lastseen("schema", "campaign").said["$defs"]["CampaignJson"]["required"]) <= set(found)
    told = [json.loads(file.read_text()) for file in sorted(kept.glob("*/campaign.json"))]
    assert [one["plan"]["number"] for one in told] == [1, 2, 3, 4]
    for one, folder in zip(told, sorted(kept.iterdir()), strict=True):
        assert {str(file.relative_to(folder)) for file in (folder / "captures").glob("*.pcap*")} == set(
            one["withheld"]["captures"].values()
        )


def test_a_run_that_fails_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ulogd nothing can be recorded; that is said, and the campaign goes on."""
    for program in ("unshare", "ip", "ethtool", "nft", "sysctl"):
        (tmp_path / program).symlink_to(shutil.which(program) or program)
    monkeypatch.setenv("PATH", str(tmp_path))
    run = lastseen("lab", "campaign", "--scenes", "healthy_page", "--runs", "2", "--json")
    assert run.status == 0, run.err
    assert (run.said["runs"], run.said["failed"]) == (2, 2)
    assert [miss["outcome"] for miss in run.said["misses"]] == ["failed", "failed"]
    assert "ulogd was not found" in run.said["misses"][0]["reason"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_a_campaign_cut_short_leaves_no_process(
    how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C the figures of what there is are printed and no file is left; after kill -9 no process is."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    asked = subprocess.Popen(
        [sys.executable, "-c", "from lastseen.cli.main import main; main()",
         "lab", "campaign", "--scenes", "fin_rule", "--runs", "30", "--jobs", "2", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert _until(lambda: bool(list(tmp_path.glob("lastseen-campaign-*/.*unfinished/captures/*.pcap"))))
    asked.send_signal(how)
    out, _ = asked.communicate(timeout=PATIENCE_S)
    here = str(tmp_path).encode()
    assert _until(lambda: not _processes_with(here)), "processes are left"
    if how == signal.SIGINT:
        assert asked.returncode == 130
        assert json.loads(out)["planned"] == 30
        assert list(tmp_path.iterdir()) == []


def _until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def _processes_with(words: bytes) -> list[bytes]:
    """Command lines that have these words in them or in the environment they were started with."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if command and words in command + (entry / "environ").read_bytes():
                found.append(command)
        except OSError:
            continue
    return found
