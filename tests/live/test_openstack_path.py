"""The case study in one sitting, on real Open vSwitch, Geneve, conntrack and PHP: run, fix, undo."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import networks
import pytest
from networks import Network, until

pytestmark = [pytest.mark.lab, pytest.mark.oracle("ovs-vswitchd", "php", "tcpdump", "strace", "nft")]

FETCH = f'ini_set("default_socket_timeout", 4); echo strlen(file_get_contents("http://{networks.REMOTE}/"));'
CHECKSUM = "net.netfilter.nf_conntrack_checksum"


def lastseen(net: Network, state: Path, *words: str, at: str = "compute") -> tuple[int, Any, str]:
    """Run lastseen on a host of the network; its status, its JSON, its messages."""
    run = net.popen(
        at,
        "lastseen",
        *words,
        more={"LASTSEEN_STATE": str(state)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, messages = run.communicate(timeout=240)
    return run.returncode, json.loads(out) if out else None, messages


def test_from_it_hangs_to_it_is_fixed_and_back(tmp_path: Path) -> None:
    state, case, root = tmp_path / "state", tmp_path / "case", tmp_path / "root"
    with networks.openstack() as net:
        fetch = ("ip", "netns", "exec", "vm", "php", "-r", FETCH)
        words = ("run", "--yes", "--json", "--out", str(case), "--target", "tap1", "--", *fetch)
        status, said, messages = lastseen(net, state, *words)
        assert status == 0, messages
        verdict = said["verdict"]
        assert (verdict["fault"], verdict["grade"]) == ("ovs_conntrack_padding", "confirmed"), verdict
        assert (verdict["last_seen"], verdict["missing_at"]) == ("compute_qvb1", "compute_tap1")
        assert net.run("compute", "sysctl", "-n", "net.netfilter.nf_conntrack_log_invalid").strip() == "0"

        words = ("fix", str(case), "--yes", "--json", "--root", str(root), "--out", str(tmp_path / "again"))
        status, said, messages = lastseen(net, state, *words)
        assert (status, said["cured"], said["taken_back"]) == (0, True, False), messages
        assert said["persisted_form_applies"]
        assert net.run("compute", "sysctl", "-n", CHECKSUM).strip() == "0"
        assert f"{CHECKSUM} = 0" in next(root.rglob("*sysctl.d/*")).read_text()
        assert "\nnf_conntrack\n" in next(root.rglob("*modules-load.d/*")).read_text()

        status, said, messages = lastseen(net, state, "undo", "--yes", "--json")
        assert status == 0, messages
        assert net.run("compute", "sysctl", "-n", CHECKSUM).strip() == "1"
        assert list(root.rglob("*")) == []


def test_a_remedy_that_does_not_cure_is_taken_back(tmp_path: Path) -> None:
    """The fault is on the network node; the remedy applied on the compute host changes nothing there."""
    state = tmp_path / "state"
    with networks.openstack(fault_at="netnode") as net:
        fetch = ("ip", "netns", "exec", "vm", "php", "-r", FETCH)
        words = (
            "fix",
            "ovs_conntrack_padding",
            "--yes",
            "--json",
            "--out",
            str(tmp_path / "again"),
            "--",
            *fetch,
        )
        status, said, messages = lastseen(net, state, *words)
        assert (status, said["cured"], said["taken_back"]) == (1, False, True), messages
        assert net.run("compute", "sysctl", "-n", CHECKSUM).strip() == "1"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_a_remedy_that_is_interrupted_is_taken_back(tmp_path: Path, sign: signal.Signals) -> None:
    """While it is being verified; and where it was killed outright, by `restore`."""
    with networks.routed() as net:
        fetch = ("ip", "netns", "exec", "vm", "php", "-r", FETCH)
        words = (
            "fix",
            "ovs_conntrack_padding",
            "--yes",
            "--json",
            "--out",
            str(tmp_path / "again"),
            "--",
            *fetch,
        )
        run = net.popen(
            "compute",
            *("lastseen", *words),
            more={"LASTSEEN_STATE": str(tmp_path / "state")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until((tmp_path / "again/strace.txt").exists, longest_s=100)
        assert net.run("compute", "sysctl", "-n", CHECKSUM).strip() == "0"
        run.send_signal(sign)
        out, messages = run.communicate(timeout=240)
        assert (run.returncode, json.loads(out)["taken_back"]) == (1, True), messages
        assert net.run("compute", "sysctl", "-n", CHECKSUM).strip() == "1"


def test_the_path_is_found_from_the_tap_to_the_underlay(tmp_path: Path) -> None:
    with networks.openstack() as net:
        status, said, messages = lastseen(net, tmp_path, "path", "tap1", "--json")
        assert status == 0, messages
        names = [stop["interface"] for stop in said["stops"]]
        assert names[:6] == ["eth0", "tap1", "qbr1", "qvb1", "qvo1", "br-int"]
        outer = {stop["interface"] for stop in said["stops"] if stop["carries_tunnel"]}
        assert outer == {"br-phy", "ens3"}
        assert {stop["interface"]: stop["zone"] for stop in said["stops"]}["qvb1"] is None
        net.lab.node("compute").nft(
            'table ip raw { chain pre { type filter hook prerouting priority raw; iifname "qvb1" ct zone set 4097; }; }'
        )
        net.run("compute", "ethtool", "-K", "qvb1", "gro", "on")
        _, said, _ = lastseen(net, tmp_path, "path", "tap1", "--json")
        found = {stop["interface"]: (stop["zone"], stop["offloads"]) for stop in said["stops"]}
        assert found["qvb1"] == (4097, ["gro"])
        assert found["tap1"] == (None, [])
        status, _, messages = lastseen(net, tmp_path, "path", "nosuch")
        assert (status, messages.count("\n")) == (2, 1)
