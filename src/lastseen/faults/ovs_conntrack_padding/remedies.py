"""What mends or hides the padding fault, in the order to try, and the experiments that would prove it."""

from lastseen.faults.facts import Facts
from lastseen.tables.judgements import Remedy, Step

__all__ = ["experiments", "remedies"]


def remedies(facts: Facts, node: str | None) -> tuple[Remedy, ...]:
    """Those without downtime first; the cure last of those that need one."""
    host = facts.host(node)
    return (
        Remedy(
            title="Let conntrack stop verifying checksums",
            where=f"{host}, in the network namespace the switch or firewall tracks in (usually the initial one)",
            commands=("sysctl -w net.netfilter.nf_conntrack_checksum=0",),
            price="no downtime; takes effect with the next packet; not kept over a reboot unless made persistent"
            " (sysctl.d, with nf_conntrack loaded before it is read)",
            risk="a packet damaged on the way can now move conntrack's state; the end hosts still verify checksums",
            check="repeat the request: it ends at once, and the FIN reaches the tap (still 60 bytes long)",
            undo=("sysctl -w net.netfilter.nf_conntrack_checksum=1",),
        ),
        Remedy(
            title="Run a kernel (or Open vSwitch module) that trims the padding: the cure",
            where=host,
            commands=("uname -r", "modinfo openvswitch | grep -E '^(filename|version|vermagic)'"),
            price="a reboot or module reload of the host; move its virtual machines away first",
            risk="low: in Linux since 4.16 (9382fe71c005), in Open vSwitch's own module since 2.8.2, 2.9.0 and 2.10.0",
            check="repeat the request: the FIN is 60 bytes at the tunnel and 54 at the tap",
            undo=("boot the kernel that ran before",),
        ),
        Remedy(
            title="Let the client end the response by its length",
            where="the application: an HTTP client that honours Content-Length, as curl does",
            commands=(),
            price="a change in every application that calls the service",
            risk="hides the loss: packets keep vanishing",
            check="the request returns in milliseconds",
            undo=("use the former client again",),
        ),
        Remedy(
            title="Let the remote end use TCP timestamps",
            where="the remote server, where it is yours: net.ipv4.tcp_timestamps=1",
            commands=(),
            price="not yours to change on a third party's server",
            risk="low: every packet then is too long to need padding; resets still have no options and still vanish",
            check="the remote's SYN-ACK carries the timestamp option and its FIN reaches the tap",
            undo=("net.ipv4.tcp_timestamps back to its former value",),
        ),
    )


def experiments(*, confirmed: bool) -> tuple[Step, ...]:
    """What would tell the padding from the IP length, and confirm the fault where nothing else has yet."""
    apart = Step(
        text="To tell 'padded' from 'IP length 40': send one byte more (a keep-alive probe has 41). Lost too: padding"
        " decides; it passes: exactly length 40 does.",
    )
    if confirmed:
        return (apart,)
    confirm = Step(
        text="Confirm with one request: switch conntrack's checksum test off, repeat it, switch it back on. Cured:"
        " confirmed.",
        commands=(
            "sysctl -w net.netfilter.nf_conntrack_checksum=0",
            "# repeat the request",
            "sysctl -w net.netfilter.nf_conntrack_checksum=1",
        ),
    )
    count = Step(
        text="Or take conntrack's counter and log around one request.",
        commands=(
            "sysctl -w net.netfilter.nf_conntrack_log_invalid=255",
            "conntrack -S; # repeat the request",
            "conntrack -S; dmesg | tail -50",
        ),
    )
    return (confirm, count, apart)
