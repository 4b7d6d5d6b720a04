"""Whatever lies in a folder, the command ends soon, in bounded memory, with one of its exit statuses and no traceback."""

import gzip
import os
import random
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import packet_writer as w
import pytest
from installed import Run, lastseen, stack_case

CASE, FACTS = stack_case("01_broken_php60_vm")
TUNNEL, TAP = (next(CASE.glob(f"pcap/{number}_*.pcap")) for number in (6, 7))
DMESG = (CASE / "dmesg.txt").read_bytes()

MOST_BYTES = 700 << 20
BIG_BYTES = 1 << 30 if os.environ.get("LASTSEEN_BIG_TESTS") == "1" else 200 << 20
"""A text of 1 GiB takes over a minute to write and read on a small CI machine."""
MANY_FILES = 10_000
MANY_FILES_S = 20
IEEE802_15_4 = 195
"""LINKTYPE_IEEE802_15_4_WITHFCS of the tcpdump registry."""


def _survives(*arguments: str | Path | bytes) -> Run:
    """The run, which must have ended by itself and without a traceback."""
    run = lastseen(*arguments)
    assert run.status in {0, 1, 2}, run
    assert "Traceback" not in run.err
    if run.status == 2:
        assert run.err.count("\n") == 1, run.err
    return run


# ---- damaged captures ----
def _cuts(whole: bytes) -> Iterator[int]:
    yield from (0, 1, 3, 4, 12, 23, 24, 30, 40, 41, len(whole) // 2, len(whole) - 1)
    yield from random.Random(1).sample(range(len(whole)), 6)


@pytest.mark.parametrize("ending", [".pcap", ".pcap.gz", ".pcap.zst", ".pcapng"])
def test_a_capture_cut_off_anywhere(tmp_path: Path, ending: str) -> None:
    """All cuts in one folder: each file is read as far as it goes, the others are not harmed."""
    plain = TUNNEL.read_bytes()
    blocks = w.Pcapng()
    pcapng = blocks.section() + blocks.interface() + b"".join(
        blocks.packet(10**18 + i, w.ethernet(w.ipv4("10.0.0.1", "10.0.0.2", w.tcp(1, 2, seq=i)))) for i in range(20)
    )  # fmt: skip
    whole = {
        ".pcap": plain,
        ".pcap.gz": gzip.compress(plain, mtime=0),
        ".pcap.zst": w.zstandardized(plain),
        ".pcapng": pcapng,
    }[ending]
    for cut in _cuts(whole):
        (tmp_path / f"cut{cut}{ending}").write_bytes(whole[:cut])
    (tmp_path / f"whole{ending}").write_bytes(whole)
    for command in ("diagnose", "connections", "losses"):
        run = _survives(command, "--json", tmp_path)
        assert run.status == 0
    assert any(weird["reason"] for weird in _survives("diagnose", "--json", tmp_path).said["weirds"])


def test_a_capture_cut_off_by_itself(tmp_path: Path) -> None:
    for cut in (0, 3, 10, 24, 60, 500):
        path = tmp_path / "cut.pcap"
        path.write_bytes(TUNNEL.read_bytes()[:cut])
        assert _survives("diagnose", path).status == (2 if cut < 4 else 1 if cut <= 60 else 0)


@pytest.mark.parametrize(
    "kind", ["garbage", "zeros", "header then garbage", "header then zeros", "bytes changed"]
)
def test_a_damaged_capture(tmp_path: Path, kind: str) -> None:
    chance, whole = random.Random(2), TUNNEL.read_bytes()
    changed = bytearray(whole)
    for _ in range(40):
        changed[chance.randrange(24, len(whole))] = chance.randrange(256)
    (tmp_path / "odd.pcap").write_bytes(
        {
            "garbage": chance.randbytes(50_000),
            "zeros": bytes(50_000),
            "header then garbage": whole[:24] + chance.randbytes(50_000),
            "header then zeros": whole[:24] + bytes(50_000),
            "bytes changed": bytes(changed),
        }[kind]
    )
    for command in ("diagnose", "connections", "losses"):
        _survives(command, tmp_path / "odd.pcap")
    assert _survives("losses", tmp_path / "odd.pcap", TUNNEL, TAP, "--json").status == 0


def test_a_capture_of_another_protocol(tmp_path: Path) -> None:
    """Only ARP: recognised and counted, nothing to judge in it but nothing wrong with it."""
    arp = w.ethernet(b"\0\1\x08\0\x06\x04\0\1" + bytes(20), kind=0x0806, pad_to=60)
    (tmp_path / "arp.pcap").write_bytes(w.pcap([(10**18 + i, arp) for i in range(9)]))
    run = _survives("diagnose", "--json", tmp_path / "arp.pcap")
    assert run.status == 0
    assert run.said["verdict"]["grade"] == "blind"


def test_a_link_type_that_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "radio.pcap").write_bytes(w.pcap([(10**18, bytes(40))], link_type=IEEE802_15_4))
    for command in ("diagnose", "connections", "losses"):
        assert f"link type {IEEE802_15_4}" in _survives(command, tmp_path / "radio.pcap").out
    said = _survives("diagnose", "--json", tmp_path / "radio.pcap").said
    assert any(f"link type {IEEE802_15_4}" in weird["reason"] for weird in said["weirds"])


def test_captures_with_nothing_in_common(tmp_path: Path) -> None:
    """Two networks: nothing may be called lost between them."""
    for number in (1, 2):
        packets = [
            (10**18 + i * 10**6, w.ethernet(w.ipv4(f"10.{number}.0.1", f"10.{number}.0.2", w.tcp(1, 2, seq=i * number))))
            for i in range(30)
        ]  # fmt: skip
        (tmp_path / f"{number}.pcap").write_bytes(w.pcap(packets))
    said = _survives("losses", "--json", tmp_path / "1.pcap", tmp_path / "2.pcap").said
    assert said["losses"] == []
    verdict = _survives("diagnose", "--json", tmp_path / "1.pcap", tmp_path / "2.pcap").said["verdict"]
    assert verdict["fault"] is None
    assert verdict["last_seen"] is None


# ---- too much of everything ----
def test_a_folder_of_ten_thousand_other_files(tmp_path: Path) -> None:
    for number in range(MANY_FILES):
        folder = tmp_path / str(number % 100)
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_bytes(b"nothing of interest\n" * (number % 7))
    (tmp_path / "tunnel.pcap").write_bytes(TUNNEL.read_bytes())
    (tmp_path / "tap.pcap").write_bytes(TAP.read_bytes())
    start = time.monotonic()
    run = _survives("diagnose", "--json", tmp_path)
    assert time.monotonic() - start < MANY_FILES_S
    assert run.said["verdict"]["fault"] == "ovs_conntrack_padding"
    assert len(run.said["evidence"]) == MANY_FILES + 2


def _write_big(path: Path, piece: bytes) -> None:
    block = piece * max(1, (4 << 20) // len(piece))
    with path.open("wb") as stream:
        while stream.tell() < BIG_BYTES:
            stream.write(block)


BIG_TEXTS = {
    "unrecognised": b"a line that means nothing to anybody\n",
    "unrecognised, one line": b"x" * 4096,
    "kernel log": DMESG,
    "kernel log of other lines": DMESG + b"[ 1.0] usb 1-1: new device\n" * 30_000,
    "system calls": (CASE / "strace.txt").read_bytes(),
    "one endless line": DMESG + b"[ 2.0] " + b"y" * (8 << 20),
}


@pytest.mark.parametrize("kind", BIG_TEXTS)
def test_a_text_far_larger_than_memory_should_be(tmp_path: Path, kind: str) -> None:
    """Read line by line, rows bounded; what was left out is said."""
    _write_big(tmp_path / "big.txt", BIG_TEXTS[kind])
    run = _survives("diagnose", "--json", tmp_path / "big.txt")
    assert run.status == (2 if kind.startswith("unrecognised") else 0)
    assert run.most_bytes <= MOST_BYTES


def test_a_sparse_file_is_no_text_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "disk.img").open("wb") as stream:
        stream.truncate(1 << 40)
    start = time.monotonic()
    assert _survives("diagnose", tmp_path / "disk.img").status == 2
    assert time.monotonic() - start < MANY_FILES_S


def test_time_is_kept_inside_a_large_file(tmp_path: Path) -> None:
    """--timeout stops in the middle of a text, too."""
    _write_big(tmp_path / "dmesg.txt", DMESG + b"[ 1.0] usb 1-1: new device\n" * 30_000)
    start = time.monotonic()
    run = _survives("diagnose", "--json", "--timeout", "0.3", tmp_path / "dmesg.txt")
    assert run.said["partial"]
    assert time.monotonic() - start < MANY_FILES_S


# ---- files that cannot be read, or only look like files ----
def _without_rights() -> tuple[str, ...]:
    """A command that starts another without root's right to read whatever it likes."""
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


@pytest.mark.oracle("setpriv")
def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    """One unreadable file among others is a weird; by itself it is the user's mistake."""
    (tmp_path / "closed").mkdir()
    for path in (TUNNEL, TAP):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name in ("secret.pcap", "secret.txt", "closed/inside.pcap", "closed"):
        if name != "closed":
            (tmp_path / name).write_bytes(TUNNEL.read_bytes())
        (tmp_path / name).chmod(0)
    run = lastseen("diagnose", "--json", tmp_path, before=_without_rights())
    alone = lastseen("diagnose", tmp_path / "secret.pcap", before=_without_rights())
    (tmp_path / "closed").chmod(stat.S_IRWXU)
    assert run.status == 0, run
    unread = {weird["file"]: weird["reason"] for weird in run.said["weirds"]}
    assert unread["secret.pcap"] == unread["secret.txt"] == "cannot be read (Permission denied)"
    assert any("cannot be listed (Permission denied)" in reason for reason in unread.values())
    assert run.said["verdict"]["fault"] == "ovs_conntrack_padding"
    assert (alone.status, alone.err.count("\n")) == (2, 1)
    assert "Permission denied" in alone.err


def test_pipes_sockets_and_links_are_left_alone(tmp_path: Path) -> None:
    """Nothing blocks, nothing outside the case is read, and what was left is said."""
    case, outside = tmp_path / "case", tmp_path / "outside"
    case.mkdir()
    outside.mkdir()
    (outside / "secret.pcap").write_bytes(TUNNEL.read_bytes())
    (case / "tap.pcap").write_bytes(TAP.read_bytes())
    os.mkfifo(case / "pipe.pcap")
    (case / "out.pcap").symlink_to(outside / "secret.pcap")
    (case / "folder").symlink_to(outside)
    (case / "loop").symlink_to(case)
    (case / "itself").symlink_to("itself")
    (case / "dangling").symlink_to("/nowhere")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(case / "socket"))
        said = _survives("diagnose", "--json", case).said
        assert _survives("diagnose", case / "socket").status == 2
    assert [file["file"] for file in said["evidence"]] == ["tap.pcap"]
    left = {weird["reason"]: weird["count"] for weird in said["weirds"]}
    assert left == {
        "a link: not followed, not read": 5,
        "no regular file (a pipe, socket or device): not followed, not read": 2,
    }


@pytest.mark.parametrize("special", ["/dev/null", "/dev/zero", "/proc/self/mem", "/dev"])
def test_devices_are_no_evidence(special: str) -> None:
    assert _survives("diagnose", special).status == 2


def test_names_that_mean_harm(tmp_path: Path) -> None:
    """Line breaks, escape codes and bytes that are no UTF-8 in names reach no terminal."""
    names = (
        b"two\nlines.pcap",
        b"red\x1b[31m.pcap",
        b"bell\x07\x9b.txt",
        b"no\xffutf8.pcap",
        b"title\x1b]0;x\x07.pcap",
    )
    for number, name in enumerate(names):
        source = TUNNEL if number % 2 else TAP
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as stream:  # noqa: PTH123 - no str names these
            stream.write(source.read_bytes())
    for command in ("diagnose", "losses", "connections"):
        for extra in ((), ("--json",)):
            run = _survives(command, *extra, tmp_path)
            assert not any(code in run.out for code in "\x1b\x07\x9b"), command
    given = [os.fsencode(tmp_path) + b"/" + name for name in names]
    assert _survives("losses", "--json", *given).status == 0


# ---- case.toml ----
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[[point]]\nname = "a"\nfiel = "a.pcap"\n', "fiel"),
        ('[[point]]\nname = "a"\n', "file"),
        ("[[point]\n", "case.toml"),
        ('[[snapshot]]\nwhen = "later"\nfolder = "x"\n', "later"),
        ('[[point]]\nname = 5\nfile = "a"\n', "name"),
        ("x = " + "[" * 100_000, "case.toml"),
        ("#" * (2 << 20), "case.toml"),
        ("\udcff", "case.toml"),
    ],
)  # fmt: skip
def test_a_wrong_case_toml_is_told_in_one_line(tmp_path: Path, text: str, names: str) -> None:
    (tmp_path / "a.pcap").write_bytes(TUNNEL.read_bytes())
    (tmp_path / "case.toml").write_bytes(text.encode(errors="surrogateescape"))
    run = _survives("diagnose", tmp_path)
    assert run.status == 2
    assert names in run.err
    assert "case.toml" in run.err


def test_a_point_without_its_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(TUNNEL.read_bytes())
    (tmp_path / "case.toml").write_text('[[point]]\nname = "tap"\nfile = "b.pcap"\n')
    said = _survives("diagnose", "--json", tmp_path).said
    assert any("b.pcap" in weird["reason"] for weird in said["weirds"])
