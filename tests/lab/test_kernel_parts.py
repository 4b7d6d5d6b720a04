"""The parts of the nested machine that need no machine: packages, the change, the first root, the command line."""

import doctest
import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from installed import lastseen

from lastseen.errors import LastseenError
from lastseen.lab.kernel import image, module, packages, store
from lastseen.lab.kernel.guest import Result
from lastseen.lab.kernel.machine import qemu
from lastseen.lab.kernel.recording import as_foretold
from lastseen.lab.kernel.runs import RUNS, chosen

SHOWN = (
    "Package: linux-headers-amd64\nVersion: 6.1.192-2\nDepends: linux-headers-6.1.0-56-amd64 (= 6.1.192-2)\n"
)
"""Of `apt-cache show linux-headers-amd64` (Debian 12)."""
TRIM = "\terr = ovs_skb_network_trim(skb);\n\tif (err)\n\t\treturn err;\n"
EXECUTE = "int ovs_ct_execute(void)\n{\n\tpull();\n%s\tcommit();\n}\n"


def _program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def _prints(folder: Path, text: str) -> str:
    (folder / "said").write_text(text)
    return f"{shutil.which('cat')} {folder}/said"


@pytest.mark.parametrize("of", [image, module])
def test_what_the_docstrings_show_is_so(of: object) -> None:
    assert doctest.testmod(of).failed == 0  # type: ignore[arg-type]


def test_the_newest_kernel_is_what_apt_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake at the border: an apt-cache that prints what the real one does."""
    _program(tmp_path, "apt-cache", _prints(tmp_path, SHOWN))
    monkeypatch.setenv("PATH", str(tmp_path))
    kernel = packages.newest_kernel()
    assert (kernel.release, kernel.version) == ("6.1.0-56-amd64", "6.1.192-2")
    assert kernel.packages[1] == "linux-source-6.1=6.1.192-2"
    assert kernel.packages[3] == "linux-headers-6.1.0-56-common=6.1.192-2"


def test_another_distribution_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path, "apt-cache", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LastseenError, match="needs Debian"):
        packages.newest_kernel()


def test_a_missing_program_is_one_line_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    run = lastseen(
        "lab", "kernel", "--build", "--folder", tmp_path / "kept", environment={"PATH": str(tmp_path)}
    )
    assert (run.status, run.err) == (
        2,
        "lastseen: lab kernel: apt-cache was not found; apt-get install apt\n",
    )
    with pytest.raises(LastseenError, match="busybox-static"):
        image.first_root(tmp_path, python="python3", source="/src")


def test_a_tool_that_fails_is_told_by_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, "broken", "echo begun >&2; echo 'no space left' >&2; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(LastseenError, match="broken failed: no space left"):
        packages.run_tool("broken", package="it")


def test_only_the_call_in_the_function_is_taken_out() -> None:
    """The first line of what was taken out is counted from 1; other functions stay."""
    other = "int other(void)\n{\n" + TRIM + "}\n"
    assert module.without_trim(other + EXECUTE % TRIM) == (other + EXECUTE % "", 10)


@pytest.mark.parametrize(
    "source", ["", EXECUTE % "", EXECUTE % (TRIM + TRIM)], ids=["none", "trimless", "twice"]
)
def test_a_source_that_is_otherwise_is_refused(source: str) -> None:
    with pytest.raises(LastseenError, match="expected one call that trims"):
        module.without_trim(source)


def test_of_an_image_the_modules_of_a_network_are_kept() -> None:
    """Of real cards nothing is: they are most of it."""
    below = "./lib/modules/6.1.0-56-amd64/kernel"
    kept = [
        name
        for name in ("net/openvswitch/nsh.ko", "drivers/net/veth.ko", "drivers/net/ethernet/intel/e1000/e1000.ko",
                     "fs/9p/9p.ko", "fs/xfs/xfs.ko", "sound/soundcore.ko")
        if packages._is_kept(packages.PurePosixPath(below, name))
    ]  # fmt: skip
    assert kept == ["net/openvswitch/nsh.ko", "drivers/net/veth.ko", "fs/9p/9p.ko"]


def test_the_first_root_is_an_archive_as_the_kernel_wants_it(tmp_path: Path) -> None:
    """What the kernel would unpack, unpacked by busybox's own cpio."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs busybox-static")
    (tmp_path / "modules.dep").write_text("net/9p/9pnet.ko:\nfs/9p/9p.ko: net/9p/9pnet.ko\n")
    for name in ("net/9p/9pnet.ko", "fs/9p/9p.ko"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(name.encode())
    packed = gzip.decompress(image.first_root(tmp_path, python="/venv with blank/python", source="/src"))
    there = tmp_path / "there"
    there.mkdir()
    subprocess.run([busybox, "cpio", "-i", "-d"], input=packed, cwd=there, check=True, capture_output=True)
    assert (there / "init").stat().st_mode & 0o111
    assert (there / "python").read_text() == "/venv with blank/python\n"
    assert [path.name for path in sorted((there / "modules").iterdir())] == ["00_9pnet.ko", "01_9p.ko"]
    assert (there / "modules/01_9p.ko").read_bytes() == b"fs/9p/9p.ko"
    assert (there / "bin/busybox").read_bytes() == Path(busybox).read_bytes()


def test_a_busybox_with_libraries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not in the first root, so it could not start."""
    shutil.copy(shutil.which("ls") or "/bin/ls", tmp_path / "busybox")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LastseenError, match="without libraries"):
        image.first_root(tmp_path, python="python3", source="/src")


def test_a_comma_in_a_folder_is_no_option_of_qemu() -> None:
    """QEMU divides options by commas; two of them are one of the value (QEMU's manual, "-fsdev")."""
    command = qemu("/k", "/r", "/tmp/a,readonly=off")
    assert "local,id=share,path=/tmp/a,,readonly=off,security_model=none" in command
    assert any("path=/," in word and "readonly=on" in word for word in command)


def test_what_is_kept_is_used_without_asking_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "6.1.192-2").mkdir()
    (tmp_path / "6.1.192-2" / store.FACTS).write_text(
        '{"kernel": {"release": "6.1.0-56-amd64", "series": "6.1", "version": "6.1.192-2"}, "changed": "conntrack.c:9"}'
    )
    kept = store.made_store(tmp_path, lambda _: None)
    assert (kept.folder, kept.changed) == (tmp_path / "6.1.192-2", "conntrack.c:9")


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools, kept = tmp_path / "tools", tmp_path / "kept"
    tools.mkdir()
    _program(tools, "apt-cache", _prints(tools, SHOWN))
    _program(tools, "apt-get", "exit 100")
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(LastseenError, match="apt-get failed"):
        store.made_store(kept, lambda _: None)
    assert list(kept.iterdir()) == []


def test_the_cache_is_where_the_user_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert store.default_folder() == Path("/elsewhere/lastseen/machine")


def test_a_run_is_as_foretold_when_its_client_stalls_as_told() -> None:
    stalls, ends = next(run for run in RUNS if run.stalls), next(run for run in RUNS if not run.stalls)
    long = Result(name="x", seconds=60.9, status=0)
    short = Result(name="x", seconds=1.2, status=0)
    assert (as_foretold(stalls, long), as_foretold(stalls, short)) == (True, False)
    assert (as_foretold(ends, long), as_foretold(ends, short)) == (False, True)
    assert not as_foretold(ends, Result(name="x", seconds=1.2, status=1))


def test_the_plan_is_shown_and_a_wrong_name_is_told() -> None:
    shown = lastseen("lab", "kernel", "--show", "--json").said
    assert [row["name"] for row in shown["runs"]] == [run.name for run in RUNS]
    assert {row["module"] for row in shown["runs"] if row["stalls"]} == {module.UNTRIMMED}
    wrong = lastseen("lab", "kernel", "--show", "09_nothing")
    assert wrong.status == 2
    assert "no run is called 09_nothing" in wrong.err
    assert "01_php  " in lastseen("lab", "kernel", "--show", "01_php").out
    assert chosen(["02_curl"])[0].scene.topology is chosen([])[0].scene.topology


def test_nothing_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "6.1").mkdir()
    (tmp_path / "6.1" / store.FACTS).write_text(
        '{"kernel": {"release": "6.1.0-1-amd64", "series": "6.1", "version": "6.1"}, "changed": ""}'
    )
    (tmp_path / "out/01_php").mkdir(parents=True)
    run = lastseen("lab", "kernel", "--folder", tmp_path, "--out", tmp_path / "out")
    assert run.status == 2
    assert "exists; name another folder" in run.err
