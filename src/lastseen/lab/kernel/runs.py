"""The case study as a list: each run is a scene of the lab with the module it is run on, and what must happen.

Runs of a module share one boot and one network and come in this order, so a setting stays until a later run changes
it, as it did for those who tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lastseen.errors import LastseenError
from lastseen.lab.arming import sysctl
from lastseen.lab.kernel.module import UNMODIFIED, UNTRIMMED
from lastseen.lab.kernel.network import HOP, kernel_datapath
from lastseen.lab.scene import Arm, Scene, Truth, Work
from lastseen.lab.workloads import curl, php, web

__all__ = ["RUNS", "SHORT_TIMEOUT_S", "Run", "chosen"]

PHP_TIMEOUT_S = 60
"""default_socket_timeout as PHP has it (main/main.c), and as the case study had it."""
SHORT_TIMEOUT_S = 30
"""Of the other runs: longer than a client takes that does not stall, 14 s on a host with ten busy processes a
processor, and than a snapshot in mid-stall."""

FAULT = Truth(fault="ovs_conntrack_padding", hop=HOP)
NO_FAULT = Truth(fault=None, healthy=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `stalls`: whether the client must hang until its timeout, or must not (curl's lost FIN hurts nobody)."""

    name: str
    module: str
    timeout_s: int
    stalls: bool
    scene: Scene


def _nothing(*_: object) -> None:
    """No setting is changed."""


def _run(
    name: str, title: str, work: Work, *, arm: Arm = _nothing, truth: Truth = NO_FAULT, module: str = UNTRIMMED,
    timeout_s: int = SHORT_TIMEOUT_S, stalls: bool = False,
) -> Run:  # fmt: skip
    scene = Scene(
        title=title,
        topology=kernel_datapath,
        serve=web,
        arm=arm,
        work=work,
        truth=truth,
        root=True,
        exclusive=True,
    )
    return Run(name=name, module=module, timeout_s=timeout_s, stalls=stalls, scene=scene)


RUNS = (
    _run("01_php", "PHP on the VM stalls 60 s", php(), truth=FAULT, timeout_s=PHP_TIMEOUT_S, stalls=True),
    _run("02_curl", "curl on the VM does not", curl(), truth=FAULT),
    _run("03_php_compute", "PHP on the compute host does not", php(node="compute")),
    _run(
        "04_checksum_off", "nf_conntrack_checksum=0 cures", php(),
        arm=sysctl("compute", "net.netfilter.nf_conntrack_checksum=0"),
    ),
    _run(
        "05_checksum_on", "set back, it stalls again", php(), truth=FAULT, stalls=True,
        arm=sysctl("compute", "net.netfilter.nf_conntrack_checksum=1"),
    ),
    _run(
        "06_timestamps", "a remote with timestamps pads nothing", php(),
        arm=sysctl("remote", "net.ipv4.tcp_timestamps=1"),
    ),
    _run("07_unmodified", "the module with its trim never stalls", php(), module=UNMODIFIED),
    _run("08_unmodified_again", "nor does it the next time", php(), module=UNMODIFIED),
)  # fmt: skip


def chosen(names: Sequence[str]) -> tuple[Run, ...]:
    """The runs of these names, all where none is named. Raises LastseenError for a name that is none."""
    known = {run.name: run for run in RUNS}
    for name in names:
        if name not in known:
            raise LastseenError(f"lab kernel: no run is called {name}; there are {', '.join(known)}")
    return tuple(run for run in RUNS if not names or run.name in names)
