"""Over real ssh: the loss is placed on the network node and cured there; a host that drops out costs its evidence only."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import networks
import pytest
from namespaces import ip
from networks import Network, until

pytestmark = [pytest.mark.lab, pytest.mark.oracle("ovs-vswitchd", "php", "tcpdump", "sshd", "ssh", "nft")]

FETCH = f'ini_set("default_socket_timeout", 4); echo strlen(file_get_contents("http://{networks.REMOTE}/"));'
CHECKSUM = "net.netfilter.nf_conntrack_checksum"
LOG = "net.netfilter.nf_conntrack_log_invalid"
NODE = f"root@{networks.SSH_ADDRESS}"


def started(net: Network, state: Path, *words: str) -> subprocess.Popen[str]:
    return net.popen(
        "compute",
        "lastseen",
        *words,
        more={"LASTSEEN_STATE": str(state)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finished(run: subprocess.Popen[str]) -> tuple[int, Any, str]:
    out, messages = run.communicate(timeout=240)
    return run.returncode, json.loads(out) if out else None, messages


def words_of(options: tuple[str, ...], case: Path) -> list[str]:
    reach = [word for option in options for word in ("--ssh-option", option)]
    fetch = ("ip", "netns", "exec", "vm", "php", "-r", FETCH)
    where = ("--out", str(case), "--target", "tap1", "--host", NODE)
    return ["run", "--yes", "--json", *where, *reach, "--", *fetch]


def test_the_fix_is_proposed_and_made_where_the_loss_is(tmp_path: Path) -> None:
    state, case = tmp_path / "state", tmp_path / "case"
    with networks.openstack(fault_at="netnode") as net:
        options = networks.reachable_by_ssh(net, "netnode", of="compute")
        status, said, messages = finished(started(net, state, *words_of(options, case)))
        assert status == 0, messages
        verdict = said["verdict"]
        assert (verdict["fault"], verdict["grade"]) == ("ovs_conntrack_padding", "confirmed"), verdict
        assert (verdict["last_seen"], verdict["missing_at"]) == ("netnode_ens4", "netnode_qg0"), verdict
        again = (
            "fix",
            str(case),
            "--yes",
            "--json",
            "--root",
            str(tmp_path / "root"),
            "--out",
            str(tmp_path / "2"),
        )
        status, said, messages = finished(started(net, state, *again))
        assert (status, said["cured"]) == (0, True), messages
        assert networks.SSH_ADDRESS in messages
        values = [net.run(role, "sysctl", "-n", CHECKSUM).strip() for role in ("netnode", "compute")]
        assert values == ["0", "1"]
        status, said, messages = finished(started(net, state, "undo", "--yes", "--json"))
        assert (status, net.run("netnode", "sysctl", "-n", CHECKSUM).strip()) == (0, "1"), messages


def test_ssh_cut_in_the_middle_costs_that_host_s_evidence_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    state, case = tmp_path / "state", tmp_path / "case"
    with networks.openstack() as net:
        options = networks.reachable_by_ssh(net, "netnode", of="compute")
        run = started(net, state, *words_of(options, case))

        def cut() -> None:
            until((case / "strace.txt").exists, longest_s=60)
            sessions = subprocess.run(
                ["pgrep", "-f", "sshd: root"], capture_output=True, text=True, check=True
            )
            own = ip("netns", "pids", net.spaces["netnode"]).split()
            for pid in set(sessions.stdout.split()) & set(own):
                os.kill(int(pid), signal.SIGKILL)
            net.lab.node("netnode").ip("link set mgmt0 down")

        cutter = threading.Thread(target=cut)
        cutter.start()
        status, said, messages = finished(run)
        cutter.join()
        assert status == 0, messages
        assert (said["verdict"]["fault"], said["verdict"]["grade"]) == ("ovs_conntrack_padding", "confirmed")
        assert "ended early" in messages
        # what passed there after the cut is missing in its captures only: nothing of it is taken for lost
        assert {(loss["from"], loss["to"]) for loss in said["losses"]} == {("compute_qvb1", "compute_tap1")}
        cut_off = json.loads((case / "run.json").read_text())["cut"]
        assert cut_off
        assert all(name.startswith("captures/netnode_") for name in cut_off)
        assert net.run("netnode", "sysctl", "-n", LOG).strip() == "0"
