"""Hosts that lack something, commands that never end: a clear word each, and whatever evidence there is."""

import json
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import networks
import pytest
from namespaces import marked_processes, snapshot
from networks import Network, until

pytestmark = [pytest.mark.lab, pytest.mark.oracle("php", "tcpdump", "strace", "nft")]

FETCH = f'ini_set("default_socket_timeout", 3); echo strlen(file_get_contents("http://{networks.REMOTE}/"));'
GONE_S = 2.0
"""What watches a capture sleeps for 0.2 s at a time, and ends with that."""
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with networks.routed() as net:
        yield net


def began(
    net: Network, folder: Path, *words: str, before: tuple[str, ...] = (), **more: str
) -> subprocess.Popen[str]:
    """`lastseen run` on the compute host, begun; `before`: a command that starts it, `more`: of its environment."""
    options = ("--yes", "--json", "--out", str(folder / "case"), "--remote", f"{networks.REMOTE}:80")
    return net.popen(
        "compute",
        *before,
        "lastseen",
        "run",
        *options,
        *words,
        more={"LASTSEEN_STATE": str(folder / "state")} | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def fetch(*options: str) -> tuple[str, ...]:
    """The request that stalls, from the virtual machine."""
    return (*options, "--", "ip", "netns", "exec", "vm", "php", "-r", FETCH)


def test_a_host_without_tcpdump_gives_what_it_has(net: Network, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name not in ("tcpdump", "dumpcap") and not (tools / program.name).is_symlink():
                (tools / program.name).symlink_to(program)
    path = f"{Path(sys.executable).parent}:{tools}"
    out, messages = began(net, tmp_path, *fetch(), PATH=path).communicate(timeout=240)
    assert "neither tcpdump nor dumpcap is installed" in messages
    assert json.loads(out)["symptom"]["call"] == "poll"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder anyone can reach, as pytest's own are not.

    Each pytest that starts on the machine takes the rights of others from the folder above them all
    (TempPathFactory.getbasetemp), also in the middle of this test.
    """
    with tempfile.TemporaryDirectory(prefix="lastseen-open-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_without_root_it_says_which_capability_is_missing(net: Network, open_folder: Path) -> None:
    words = ("--timeout", "5", "--", "curl", "-s", f"http://{networks.REMOTE}/")
    run = began(net, open_folder, *words, before=NOBODY, HOME=str(open_folder))
    _, messages = run.communicate(timeout=240)
    assert "CAP_NET_RAW is missing" in messages
    assert "CAP_NET_ADMIN is missing" in messages
    assert "Traceback" not in messages
    assert (open_folder / "case/run.json").exists(), messages


def test_a_disk_without_room_is_told_before_anything_begins(net: Network, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    net.run("compute", "mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk))
    try:
        run = began(net, tmp_path, *fetch("--out", str(disk / "new/folders/case")))
        _, messages = run.communicate(timeout=240)
        assert run.returncode == 2
        assert "make room" in messages
        assert net.run("compute", "ls", str(disk)) == "", "no empty folder is left behind"
    finally:
        net.run("compute", "umount", str(disk))


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_a_journal_without_room_changes_nothing_and_leaves_nothing(
    net: Network, tmp_path: Path, room: int
) -> None:
    """`room`: changes the journal has about room for: it fills up at the first change, or at a later one."""
    state = tmp_path / "state"
    state.mkdir()
    node, before = net.lab.node("compute"), snapshot([net.spaces["compute"]])
    node.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(state))
    try:
        node.run("sh", "-c", f": >{state}/lock; : >{state}/journal.jsonl")
        full = ("sh", "-c", f"head -c {4096 - 600 * room} /dev/zero | tr '\\0' '\\n' >{state}/journal.jsonl")
        node.run(*full)
        node.run("dd", "if=/dev/zero", f"of={state}/fill", "bs=4k", check=False)
        run = began(net, tmp_path, *fetch("--target", "t0"))
        _, messages = run.communicate(timeout=240)
    finally:
        node.run("umount", "-l", str(state))
    assert run.returncode == 2, messages
    said = [line for line in messages.splitlines() if "No space left on device" in line]
    assert len(said) == 1, messages
    assert "Traceback" not in messages
    assert not (tmp_path / "case").exists()
    until(lambda: marked_processes(net.spaces.values()) == [], longest_s=GONE_S)
    assert snapshot([net.spaces["compute"]]) == before


def test_a_command_that_never_ends_is_ended_and_diagnosed(net: Network, tmp_path: Path) -> None:
    before = snapshot([net.spaces["compute"]])
    words = ("--timeout", "4", "--", "sh", "-c", "sleep 1000")
    _, messages = began(net, tmp_path, *words).communicate(timeout=240)
    assert "the command did not end within 4 s" in messages
    record = json.loads((tmp_path / "case/run.json").read_text())
    assert record["ended_by"] == "did not end within 4 s"
    assert (tmp_path / "case/mid").is_dir()
    until(lambda: marked_processes(net.spaces.values()) == [], longest_s=GONE_S)
    assert snapshot([net.spaces["compute"]]).keys() == before.keys()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_keeps_its_evidence(
    net: Network, tmp_path: Path, sign: signal.Signals
) -> None:
    """Ctrl-C, whoever asks it to go, and a terminal that is closed; a second one does not stop what puts things back."""
    run = began(net, tmp_path, *fetch("--target", "t0"))
    until((tmp_path / "case/mid").is_dir, longest_s=60)
    run.send_signal(sign)
    run.send_signal(sign)
    out, messages = run.communicate(timeout=240)
    assert run.returncode == 0, messages
    assert "the command was interrupted" in messages
    assert json.loads(out)["verdict"]["fault"] == "ovs_conntrack_padding"
    log = net.run("compute", "sysctl", "-n", "net.netfilter.nf_conntrack_log_invalid")
    assert log.strip() == "0"
    until(lambda: marked_processes(net.spaces.values()) == [], longest_s=GONE_S)


def test_nothing_is_done_without_consent(net: Network, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        run = net.popen(
            "compute",
            *("lastseen", "collect", "--target", "t0", *words),
            more={"LASTSEEN_STATE": str(tmp_path / "state")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        )
        out, messages = run.communicate(timeout=60)
        return run.returncode, out, messages

    done, printed = run(), run("--print")
    assert list(tmp_path.iterdir()) == []
    assert (done[0], printed[0]) == (2, 0)
    assert "add --yes" in done[2]
    assert "tcpdump" in printed[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--host", "root@192.0.2.9", "--", "true"), "--host root@192.0.2.9: not reached"),
        (("--", "no-such-program"), "no-such-program: no such program here"),
        (("--target", "nosuch", "--", "true"), "nosuch: no such interface"),
    ],
)
def test_what_cannot_be_is_told_before_there_is_a_plan(
    net: Network, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    run = began(net, tmp_path, *words)
    out, messages = run.communicate(timeout=60)
    assert (run.returncode, out, messages.count("\n")) == (2, "", 1), messages
    assert told in messages
    assert list(tmp_path.iterdir()) == []


def test_the_printed_commands_do_the_same_by_hand(net: Network, tmp_path: Path) -> None:
    """On a host where nothing may be installed: pasted into a shell around the request, then diagnosed elsewhere."""
    words = ("collect", "--target", "t0", "--remote", networks.REMOTE, "--seconds", "8", "--print")
    out, _ = called(net, tmp_path, *words).communicate(timeout=60)
    request = shlex.join(("ip", "netns", "exec", "vm", "php", "-r", FETCH))
    by_hand = out.replace("# repeat the request", f"sleep 1; {request}; wait #")
    shell = net.popen(
        "compute", "sh", "-c", by_hand, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    shell.communicate(timeout=60)
    net.run("compute", "sysctl", "-w", "net.netfilter.nf_conntrack_log_invalid=0")
    assert len(list(tmp_path.glob("*.pcap"))) == out.count("tcpdump") > 1
    said, messages = called(net, tmp_path, "diagnose", ".", "--json").communicate(timeout=240)
    verdict = json.loads(said)["verdict"]
    assert (verdict["fault"], verdict["grade"]) == ("ovs_conntrack_padding", "probable"), messages


def called(net: Network, folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command of lastseen, begun in a folder on the compute host."""
    return net.popen(
        "compute",
        *("lastseen", *words),
        more={"LASTSEEN_STATE": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )


def test_a_ring_waits_for_the_trouble_and_ctrl_c_judges_it(net: Network, tmp_path: Path) -> None:
    options = (
        "--target",
        "t0",
        "--remote",
        networks.REMOTE,
        "--ring",
        "5",
        "--yes",
        "--json",
        "--out",
        "case",
    )
    run = called(net, tmp_path, "collect", *options)
    until((tmp_path / "case/before").is_dir, longest_s=60)
    until(lambda: len(list((tmp_path / "case/captures").glob("*.pcap*"))) > 1)
    net.run("vm", "php", "-r", FETCH)
    run.send_signal(signal.SIGINT)
    out, messages = run.communicate(timeout=240)
    assert "until Ctrl-C" in messages
    assert "the last 5 minutes" in messages
    assert json.loads(out)["verdict"]["fault"] == "ovs_conntrack_padding", messages
    until(lambda: marked_processes(net.spaces.values()) == [], longest_s=GONE_S)


def test_a_disk_that_fills_up_meanwhile_costs_what_did_not_fit(net: Network, tmp_path: Path) -> None:
    """The run goes on, says so, sets everything back, judges what it has, and takes nothing for lost that did not fit."""
    disk, node = tmp_path / "disk", net.lab.node("compute")
    disk.mkdir()
    node.run("mount", "-t", "tmpfs", "-o", "size=40m", "none", str(disk))
    try:
        run = began(net, tmp_path, *fetch("--target", "t0", "--max-mb", "8", "--out", str(disk / "case")))
        until(lambda: node.call((disk / "case/strace.txt").exists), longest_s=60)
        node.run("dd", "if=/dev/zero", f"of={disk}/fill", "bs=4k", check=False)
        out, messages = run.communicate(timeout=240)
        record = json.loads(node.run("cat", f"{disk}/case/run.json"))
    finally:
        node.run("umount", "-l", str(disk))
    assert "texts of the snapshot 'after' are missing: No space left on device" in messages
    assert "Traceback" not in messages
    assert run.returncode == 0, messages
    verdict = json.loads(out)["verdict"]
    assert verdict["fault"] in ("ovs_conntrack_padding", None), verdict
    assert record["ended_by"] == "itself", "what is known in the end had its room kept"
    assert net.run("compute", "sysctl", "-n", "net.netfilter.nf_conntrack_log_invalid").strip() == "0"
    until(lambda: marked_processes(net.spaces.values()) == [], longest_s=GONE_S)


def test_a_capture_that_reached_its_bound_makes_nothing_lost(net: Network, tmp_path: Path) -> None:
    """What came after it is missing there only: its run's record says so, whatever the snapshots prove of others."""
    size = ("--bytes", "5000000")
    server = net.lab.program("remote", "server", networks.REMOTE, 8080, *size)
    until(lambda: ":8080" in net.run("remote", "ss", "-ltn"))
    request = (
        "ip",
        "netns",
        "exec",
        "vm",
        "curl",
        "-s",
        "-o",
        "/dev/null",
        f"http://{networks.REMOTE}:8080/page",
    )
    run = began(
        net,
        tmp_path,
        "--target",
        "t0",
        "--remote",
        f"{networks.REMOTE}:8080",
        "--max-mb",
        "1",
        "--",
        *request,
    )
    out, messages = run.communicate(timeout=240)
    server.kill()
    assert "reached its bound of" in messages
    said = json.loads(out)
    # the fault of this network is real here, too: bare ACKs of the server are lost
    others = [loss for loss in said["losses"] if loss["bytes"] or loss["direction"] == "to_remote"]
    assert others == []
    cut = json.loads((tmp_path / "case/run.json").read_text())["cut"]
    assert sorted(cut) == sorted(point["file"] for point in said["points"])
