"""What happens inside the nested machine: its first process loads the module, builds the network, records the runs.

    python -m lastseen.lab.kernel.guest SHARE

`SHARE` is a folder of the machine outside. It holds order.json (`Order`) and gets a case folder a run and
results.json; where something failed, error.txt. The machine is switched off at the end, whatever happened.
"""

import atexit
import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.arming import VISITED
from lastseen.lab.captures import stop_captures
from lastseen.lab.kernel.runs import RUNS, Run
from lastseen.lab.lab import Lab
from lastseen.lab.parameters import Parameters
from lastseen.lab.snapshots import take_snapshot
from lastseen.lab.truth import write_truth

__all__ = ["ERROR", "ORDER", "RESULTS", "SAYING", "Order", "Result", "main"]

ORDER, RESULTS, ERROR = "order.json", "results.json", "error.txt"
SAYING = "lastseen: "
"""Begins a line on the console that says how far it is."""

WORKSHOP = Path("/tmp/lastseen-machine")  # noqa: S108 - nobody else is in this machine
"""In its memory: what tcpdump and strace write at once would be slow over 9p."""
MODULES = Path("/lib/modules")
LOADED = ("openvswitch", "geneve", "veth", "nf_log_syslog", "nf_conntrack_netlink")
ALL_NAMESPACES = Path("/proc/sys/net/netfilter/nf_log_all_netns")
"""Without it the kernel's log has no line of the compute host's namespace."""
DEADLINE_S = 120.0
"""A program in an emulated machine begins within 2 s, on a host with eight busy processes a processor within 30."""
LONGEST_WORK_S = 200.0
"""PHP waits for its timeout twice at most."""
MS_BIND = 4096
"""include/uapi/linux/mount.h"""
RB_POWER_OFF = 0x4321_FEDC
"""include/uapi/linux/reboot.h"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the machine is to do."""

    modules: str
    """The folder that becomes /lib/modules; its path is the same outside."""
    switch: str
    """The module that takes the place of the distribution's openvswitch.ko, and so is what modprobe loads."""
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a client did."""

    name: str
    seconds: float
    """From start to end, with the start of strace and PHP on an emulated processor."""
    status: int


def main() -> None:
    """Do it, and switch off."""
    share = Path(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    atexit.register(_switch_off, libc)  # not `finally`: a traceback is printed first
    try:
        order = Order(**json.loads((share / ORDER).read_text("utf-8")))
        _load(order, libc)
        results = _carry_out([run for run in RUNS if run.name in order.runs], share)
        (share / RESULTS).write_text(json.dumps([asdict(result) for result in results]) + "\n", "utf-8")
    except LastseenError as error:
        (share / ERROR).write_text(f"{error}\n", "utf-8")


def _switch_off(libc: ctypes.CDLL) -> None:
    os.sync()
    libc.reboot(RB_POWER_OFF)


def _load(order: Order, libc: ctypes.CDLL) -> None:
    MODULES.mkdir(parents=True, exist_ok=True)
    replaced = MODULES / os.uname().release / "kernel/net/openvswitch/openvswitch.ko"
    for outside, here in ((order.modules, MODULES), (order.switch, replaced)):
        if libc.mount(outside.encode(), str(here).encode(), None, MS_BIND, None):
            raise LastseenError(f"lab kernel: {here} cannot be replaced: {os.strerror(ctypes.get_errno())}")
    done = subprocess.run(["modprobe", "-a", *LOADED], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LastseenError(f"lab kernel: modprobe failed: {done.stderr.strip()}")
    ALL_NAMESPACES.write_text("1")


def _carry_out(runs: Sequence[Run], share: Path) -> list[Result]:
    first = runs[0].scene
    scratch = WORKSHOP / "scratch"
    scratch.mkdir(parents=True)
    parameters = Parameters()
    lab = Lab(folder=scratch, scratch=scratch, deadline_s=DEADLINE_S)
    _say("building the network")
    first.topology(lab, parameters)
    first.serve(lab, parameters)
    _walk(lab, parameters)
    results = []
    for run in runs:
        _say(f"{run.name}: {run.scene.title}")
        results.append(_record(lab, run, replace(parameters, timeout_s=run.timeout_s)))
        shutil.copytree(WORKSHOP / run.name, share / run.name, copy_function=shutil.copyfile)
        _say(f"{run.name}: {results[-1].seconds:.1f} s")
    return results


def _walk(lab: Lab, parameters: Parameters) -> None:
    """Let every program run and every packet take its way once, then let the remote end do without timestamps.

    The first packets of a network wait for ARP and for flows, a second and more on a busy host. With timestamps none
    is short enough to be padded, so this leaves no connection behind that has lost its FIN.
    """
    lab.node("vm").run("strace", "-o", "/dev/null", "php", "-n", "-r", "")
    VISITED(lab, parameters)
    lab.node("compute").run(
        "curl", "-s", "-o", "/dev/null", f"http://{parameters.remote}:{parameters.port}/page"
    )
    lab.node("remote").sysctl("net.ipv4.tcp_timestamps=0")


def _record(network: Lab, run: Run, parameters: Parameters) -> Result:
    """One run on the network that stands, with captures and snapshots of its own."""
    folder = WORKSHOP / run.name
    folder.mkdir()
    lab = replace(network, folder=folder, captures=[])
    lab.snapshot = partial(take_snapshot, lab)
    run.scene.arm(lab, parameters)
    subprocess.run(["dmesg", "--clear"], check=True)
    lab.start_captures()
    lab.snapshot("before")
    began = time.time()
    result = _watched(lab, run, parameters)
    lab.snapshot("after")
    stop_captures(lab.captures, seconds=DEADLINE_S)
    (folder / "time.txt").write_text(f"start={began:.9f} end={time.time():.9f}\n", "utf-8")
    write_truth(folder, run.name, run.scene, parameters, second={})
    return result


def _watched(lab: Lab, run: Run, parameters: Parameters) -> Result:
    """The client from start to end, with a snapshot when it stalls."""
    quiet = _captured(lab)
    began = time.monotonic()
    process = run.scene.work(lab, parameters)
    assert process is not None  # noqa: S101 - the clients of these runs take a while
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(_end_of, process)
        lab.until(
            lambda: process.poll() is not None or _captured(lab) > quiet, "packets", seconds=LONGEST_WORK_S
        )
        if lab.packets_quiet(process):
            lab.snapshot("mid")
        return Result(name=run.name, seconds=ended.result() - began, status=process.returncode)


def _captured(lab: Lab) -> int:
    return sum(capture.file.stat().st_size for capture in lab.captures)


def _end_of(process: subprocess.Popen[bytes]) -> float:
    try:
        process.wait(LONGEST_WORK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return time.monotonic()


def _say(text: str) -> None:
    sys.stdout.write(f"{SAYING}{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
