"""Arguments, options and exit statuses, as the contract of the command line has them."""

import gzip
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from io import BytesIO
from pathlib import Path

import packet_writer as w
import pytest
from installed import LAB, LASTSEEN, STACK, diagnosis, lastseen, stack_case

CASE, FACTS = stack_case("01_broken_php60_vm")
TUNNEL = next(CASE.glob("pcap/6_*.pcap"))
COMMANDS = ("diagnose", "connections", "losses", "timeline", "evidence", "explain", "faults", "schema")
HELP_S = 0.5


# ---- help and version ----
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_an_example_and_comes_at_once(command: str) -> None:
    times = []
    for _ in range(3):
        start = time.monotonic()
        run = lastseen(*filter(None, [command]), "--help")
        times.append(time.monotonic() - start)
    assert (run.status, run.err) == (0, "")
    assert f"Example: lastseen {command}".strip() in run.out
    assert max(map(len, run.out.splitlines())) <= 80
    assert min(times) <= HELP_S


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_json(command: str) -> None:
    assert "--json" in lastseen(command, "--help").out


def test_the_version_is_one_line() -> None:
    assert re.fullmatch(r"lastseen \d+\.\d+\.\d+\S*\n", lastseen("--version").out)


def test_without_arguments_the_help_is_shown() -> None:
    run = lastseen()
    assert run.status == 2
    assert "Commands:" in run.out + run.err


def test_ctrl_c_while_it_is_still_being_loaded_is_one_line(tmp_path: Path) -> None:
    """A module that interrupts stands for the typist, who is seldom so quick."""
    (tmp_path / "typer.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    run = lastseen("faults", environment={"PYTHONPATH": path})
    assert (run.status, run.out, run.err) == (-signal.SIGINT, "", "lastseen: interrupted\n")


def test_a_small_case_does_not_wait_for_a_compiler(tmp_path: Path) -> None:
    """Python itself reads it where nothing is compiled yet, and comes to the same words."""
    cold = lastseen("diagnose", LAB / "fw_drop_fin", "--json", environment={"NUMBA_CACHE_DIR": str(tmp_path)})
    assert list(tmp_path.glob("*.kernel")) == []
    assert cold.out == lastseen("diagnose", LAB / "fw_drop_fin", "--json").out
    assert (cold.status, cold.err) == (0, "")


# ---- exit status ----
def _fails_in_one_line(*arguments: str | Path | bytes) -> str:
    run = lastseen(*arguments)
    assert (run.status, run.out) == (2, ""), run
    assert run.err.count("\n") == 1, run.err
    assert run.err.startswith("lastseen: ")
    return run.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("diagnose",), "PATH"),
        (("diagnose", "/nowhere/at/all"), "/nowhere/at/all"),
        (("diagnose", "--wrong", "x"), "--wrong"),
        (("diagnose", "--timeout", "soon", "x"), "--timeout"),
        (("diagnose", "--timeout", "-1", "x"), "--timeout"),
        (("diagnose", "--fail-on", "doubt", "x"), "--fail-on"),
        (("diagnose", "--tz", "Nowhere/Town", str(CASE)), "--tz"),
        (("explain", "no_such_fault"), "no_such_fault"),
        (("schema", "no_such_schema"), "no_such_schema"),
        (("nonsense",), "nonsense"),
        (("timeline",), "CASE"),
        (("timeline", "/nowhere/at/all"), "/nowhere/at/all"),
        (("timeline", "--around", "soon", "/nowhere"), "expected 'stall', a time such as 22:04:54.7"),
        (("timeline", "--around", "25:00", str(CASE)), "there is no such time"),
        (("timeline", "--around", "stall", str(LAB / "healthy")), "the connection never stood still"),
        (("timeline", "--seconds", "-1", "x"), "--seconds"),
        (("evidence", "/nowhere/at/all"), "/nowhere/at/all"),
        (("losses", "/nowhere.pcap", "/nor/here.pcap"), "/nowhere.pcap, /nor/here.pcap"),
        (("diagnose", "bad\x1b[31mname\nsecond line"), "bad [31mname second line"),
        (("diagnose", b"bad\xffbytes"), "bad"),
        (("diagnose", "x" * 5000), "x"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    assert says in _fails_in_one_line(*arguments)


def test_nothing_recognised_says_what_was_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "shopping.txt").write_text("milk\nbread\n")
    said = _fails_in_one_line("diagnose", tmp_path)
    assert "pcap" in said
    assert "found 1 file of no known kind" in said
    _fails_in_one_line("diagnose", tmp_path / "shopping.txt")
    (tmp_path / "empty").mkdir()
    _fails_in_one_line("diagnose", tmp_path / "empty")


def test_empty_captures_only_are_status_one(tmp_path: Path) -> None:
    """Recognised, but nothing in them could be judged."""
    for name in ("a.pcap", "b.pcap"):
        (tmp_path / name).write_bytes(w.pcap([]))
    for command in ("diagnose", "losses", "connections"):
        run = lastseen(command, tmp_path / "a.pcap", tmp_path / "b.pcap")
        assert (run.status, run.err) == (1, ""), run


@pytest.mark.parametrize("case", [CASE, LAB / "fw_drop_fin", LAB / "healthy", CASE / "strace.txt"])
def test_any_verdict_is_status_zero(case: Path) -> None:
    assert lastseen("diagnose", case).status == 0


@pytest.mark.parametrize(("case", "status"), [(CASE, 3), (LAB / "fw_drop_fin", 3), (LAB / "healthy", 0)])
def test_scripts_can_ask_for_a_status(case: Path, status: int) -> None:
    assert lastseen("diagnose", "--fail-on", "supported", case).status == status


def test_the_module_runs_as_the_program_does() -> None:
    done = [
        subprocess.run([*command, "faults", "--matching", "checksum"], capture_output=True, check=True).stdout
        for command in ([str(LASTSEEN)], [sys.executable, "-m", "lastseen"])
    ]
    assert done[0] == done[1] != b""


def test_ctrl_c_is_status_130_and_one_line(tmp_path: Path) -> None:
    """Sent while the command waits for a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(
        [str(LASTSEEN), "diagnose", str(tmp_path / "pipe")], stderr=subprocess.PIPE
    ) as process:
        _wait_until_it_opens(process.pid)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, b"lastseen: interrupted\n")


def _wait_until_it_opens(pid: int) -> None:
    """Until the process sleeps in the kernel's open(2) of a FIFO."""
    for _ in range(600):
        if Path(f"/proc/{pid}/wchan").read_text() in {"wait_for_partner", "fifo_open"}:
            return
        if (status := Path(f"/proc/{pid}/syscall").read_text().split()) and status[0] in {"257", "56"}:
            return
        time.sleep(0.05)


# ---- options ----
def test_no_time_gives_a_partial_answer() -> None:
    for command in ("diagnose", "losses", "connections"):
        run = lastseen(command, "--timeout", "0", "--json", CASE)
        assert (run.status, run.err) == (0, ""), run
    said = lastseen("diagnose", "--timeout", "0", "--json", CASE).said
    assert said["partial"]
    assert said["verdict"]["grade"] == "blind"
    (left,) = (row for row in said["weirds"] if "time was up" in row["reason"])
    assert left["count"] > 50


def test_enough_time_changes_nothing() -> None:
    assert lastseen("diagnose", "--timeout", "600", "--json", CASE, FACTS).said == diagnosis(CASE, FACTS)


@pytest.mark.parametrize("wanted", ["10.20.0.15:50184", "203.0.113.80:443"])
def test_a_question_about_one_connection(wanted: str) -> None:
    for option in ("--connection", "--target"):
        said = lastseen("diagnose", option, wanted, "--json", CASE, FACTS).said
        assert said["verdict"]["fault"] == "ovs_conntrack_padding"
        assert wanted in said["ranking"]


def test_a_question_about_a_connection_that_is_not_there() -> None:
    run = lastseen("diagnose", "--connection", "192.0.2.99:1", "--json", CASE, FACTS)
    assert run.status == 0
    assert run.said["verdict"]["grade"] not in {"confirmed", "probable", "healthy"}


@pytest.mark.parametrize("zone", ["+02:00", "Europe/Madrid", "UTC"])
def test_a_time_zone_for_logs_that_have_none(zone: str) -> None:
    """Joins go by packet, never by time alone, so the verdict stays."""
    said = lastseen("diagnose", "--tz", zone, "--json", CASE, FACTS).said
    assert said["verdict"]["grade"] == "confirmed"


# ---- where evidence comes from ----
def test_a_capture_on_standard_input() -> None:
    given = TUNNEL.read_bytes()
    piped = lastseen("diagnose", "-", "--json", given=given).said
    named = diagnosis(TUNNEL)
    assert piped["verdict"] == named["verdict"]
    assert [point["packets"] for point in piped["points"]] == [41]
    assert len(lastseen("connections", "-", "--json", given=given).said["connections"]) == 1


def test_text_on_standard_input() -> None:
    said = lastseen("diagnose", "-", "--json", given=(CASE / "strace.txt").read_bytes()).said
    assert said["symptom"]["call"] == "poll"


def test_a_pipe_as_shells_make_one() -> None:
    """`lastseen losses <(cat tunnel.pcap) tap.pcap`; packets are looked at a second time for the contrasts."""
    tap = next(CASE.glob("pcap/7_*.pcap"))
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" diagnose <(cat "$1") "$2" --json', str(LASTSEEN), str(TUNNEL), str(tap)],
        capture_output=True, check=True,
    )  # fmt: skip
    assert b'"eth.padding"' in done.stdout


def _verdict(path: Path) -> object:
    return diagnosis(path)["verdict"]


@pytest.mark.parametrize("ending", [".tar.gz", ".tgz", ".tar.xz", ".tar", ".zip", ".bin"])
def test_an_archive_gives_the_verdict_of_the_folder(tmp_path: Path, ending: str) -> None:
    """Recognised by content: the name may be any."""
    archive = tmp_path / f"case{ending}"
    if ending in {".zip", ".bin"}:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(CASE.rglob("*")):
                packed.write(path, path.relative_to(STACK))
    else:
        mode = {".tar.xz": "w:xz", ".tar": "w"}.get(ending, "w:gz")
        with tarfile.open(archive, mode) as packed:  # type: ignore[call-overload]  # one of three literals
            packed.add(CASE, CASE.name)
    assert _verdict(archive) == _verdict(CASE)
    assert list(tmp_path.iterdir()) == [archive]


def test_two_folders_of_the_same_name_stay_two(tmp_path: Path) -> None:
    for side, number in (("left", 6), ("right", 7)):
        (tmp_path / side / "case").mkdir(parents=True)
        shutil.copy(next(CASE.glob(f"pcap/{number}_*.pcap")), tmp_path / side / "case" / "capture.pcap")
    said = diagnosis(tmp_path / "left" / "case", tmp_path / "right" / "case")
    assert len({file["file"] for file in said["evidence"]}) == 2
    assert said["contrasts"][0]["feature"] == "eth.padding"


def test_a_file_given_beside_its_folder_is_read_once() -> None:
    assert len(diagnosis(CASE / "pcap", TUNNEL)["points"]) == 8


# ---- archives that mean harm ----
def _tar(*members: tuple[str, bytes | None, bytes]) -> bytes:
    """(name, link type or None, content or link target)."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, kind, content in members:
            entry = tarfile.TarInfo(name)
            if kind is None:
                entry.size = len(content)
                archive.addfile(entry, BytesIO(content))
            else:
                entry.type, entry.linkname = kind, content.decode()
                archive.addfile(entry)
    return packed.getvalue()


def test_archives_cannot_write_outside_nor_read_what_links_name(tmp_path: Path) -> None:
    secret = tmp_path / "secret.pcap"
    secret.write_bytes(TUNNEL.read_bytes())
    data = TUNNEL.read_bytes()
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "case.tar.gz").write_bytes(
        _tar(
            ("../escaped.pcap", None, data),
            (f"{tmp_path}/absolute.pcap", None, data),
            ("link.pcap", tarfile.SYMTYPE, str(secret).encode()),
            ("hard.pcap", tarfile.LNKTYPE, str(secret).encode()),
            ("fifo", tarfile.FIFOTYPE, b""),
            ("device", tarfile.CHRTYPE, b""),
            ("good/tap.pcap", None, data),
            ("good/tap.pcap", None, data),
        )
    )
    said = lastseen("diagnose", "--json", inside / "case.tar.gz", folder=inside).said
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["case.tar.gz", "in", "secret.pcap"]
    names = [file["file"] for file in said["evidence"]]
    assert len(names) == len(set(names)) == 4
    assert not any(".." in name or name.startswith("/") for name in names)


def test_zip_members_with_bad_paths_stay_inside(tmp_path: Path) -> None:
    archive = tmp_path / "in" / "case.zip"
    archive.parent.mkdir()
    link = zipfile.ZipInfo("link.pcap")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../../escaped.pcap", TUNNEL.read_bytes())
        packed.writestr("/absolute.pcap", TUNNEL.read_bytes())
        packed.writestr("..\\windows.pcap", TUNNEL.read_bytes())
        packed.writestr(link, "/etc/passwd")
    said = lastseen("diagnose", "--json", archive, folder=archive.parent).said
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["case.zip", "in"]
    assert len(said["points"]) == 3


def test_a_damaged_archive_gives_what_came_before(tmp_path: Path) -> None:
    """Cut off anywhere and with bytes changed: a weird, or one line and status 2; never a traceback."""
    whole = _tar(*((path.name, None, path.read_bytes()) for path in sorted(CASE.glob("pcap/*.pcap"))))
    broken = tmp_path / "case.tar.gz"
    for cut in (1, 30, len(whole) - 20, len(whole) // 2):
        broken.write_bytes(whole[:cut])
        run = lastseen("diagnose", broken, "--json")
        assert run.status in {0, 1, 2}
        assert "Traceback" not in run.err
    plain = gzip.decompress(whole)
    broken.write_bytes(plain[: len(plain) // 2])
    run = lastseen("diagnose", broken, "--json")
    assert len(run.said["points"]) >= 2
    assert any("cannot be unpacked to its end" in row["reason"] for row in run.said["weirds"])
    for at in itertools.islice(range(40, len(whole), len(whole) // 4), 4):
        broken.write_bytes(whole[:at] + bytes(20) + whole[at + 20 :])
        assert "Traceback" not in lastseen("diagnose", broken).err
