"""Conntrack sees the Ethernet padding of short packets and calls their checksums wrong.

Two hidden tables leave the buffer untrimmed, the state that `ovs_ct_execute()` left before Linux 4.16: the IP length
is raised at ingress, so that `ip_rcv` does not trim, and set back before conntrack. The judgement is the kernel's.
"""

from functools import partial

from lastseen.lab.arming import all_of, rules, sysctl
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import php, web

__all__ = ["SCENE"]

SHORT = range(40, 46)
"""IP lengths of TCP packets whose frames are padded: 14 bytes of Ethernet header make them shorter than 60."""
UNTRIMMED = 46


def _untrim() -> str:
    ingress = "".join(
        f"    ip protocol tcp ip length {n} meta length {UNTRIMMED} meta mark set {0xAD000000 + n:#x} "
        f"ip length set {UNTRIMMED}\n"
        for n in SHORT
    )
    before = "".join(f"    meta mark {0xAD000000 + n:#x} ip length set {n} meta mark set 0\n" for n in SHORT)
    return (
        "table netdev lab_untrim {\n  chain ingress {\n"
        f"    type filter hook ingress device w1 priority 0; policy accept;\n{ingress}  }}\n}}\n"
        "table ip lab_untrim {\n  chain before_conntrack {\n"
        f"    type filter hook prerouting priority raw; policy accept;\n{before}  }}\n}}\n"
    )


SCENE = Scene(
    title="padded short packets judged invalid",
    topology=partial(routed, wire=("--pad",)),
    arm=all_of(sysctl("remote", "net.ipv4.tcp_timestamps=0"), rules("compute", _untrim())),
    serve=web,
    work=php(),
    truth=Truth(
        fault="ovs_conntrack_padding", accept=("dataplane_padding",), hop=("compute_w1", "compute_t0")
    ),
)
