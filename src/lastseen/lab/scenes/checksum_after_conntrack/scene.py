"""Between hypervisor and VM the checksums of large packets go wrong; the VM's TCP drops them."""

from lastseen.lab.arming import rules
from lastseen.lab.scene import Scene, Truth
from lastseen.lab.topologies.routed import routed
from lastseen.lab.workloads import curl, server

__all__ = ["SCENE"]

RULES = """
table netdev lab_bad_card {
  chain out {
    type filter hook egress device t0 priority 0; policy accept;
    ip length > 600 tcp checksum set 0xbeef
  }
}
"""

SCENE = Scene(
    title="a card that writes wrong checksums",
    topology=routed,
    arm=rules("compute", RULES),
    serve=server("--bytes", 9000),
    work=curl("--max-time", "4"),
    truth=Truth(fault="packet_corruption", accept=("tx_checksum_broken",)),
    mechanism="stand-in",
    hits="some packets",
)
