"""NAT rewrites the checksum of a tunnel packet that had none, and the other end of the tunnel drops it.

A VXLAN header over IPv4 usually carries no UDP checksum (0). When the outer packet is masqueraded, kernels before
"netfilter: nat: never update the UDP checksum when it's 0" (2020; in 4.14.181, 4.19.123, 5.4.41, 5.6.13) and the
card's offload together put a wrong one there. The connection inside works once its SYN goes another way, after 63
s.
"""

from typing import Final

from lastseen.faults.counting import logged
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.kernels import kernel_has_fix
from lastseen.faults.patterns import exactly_these, without_loss
from lastseen.faults.unanswered import rose
from lastseen.faults.weighing import Account, Fact, Observed, first_observed, weigh
from lastseen.tables.counted import all_of, counted
from lastseen.tables.details import CHECKSUM_BAD, column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "vxlan_nat_checksum"
TITLE: Final = "NAT puts a wrong UDP checksum on tunnel packets, and the peer drops them"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "packet_corruption": "there the checksum of the packet itself is wrong, tunnel or not",
}
FIXED_IN: Final = (5, 7)
"""The mainline kernel with the fix; stable kernels have it from the numbers above on."""


def judge(facts: Facts) -> Judgement:
    """Supported where exactly the tunnel packets with a wrong outer UDP checksum are not taken by the peer."""
    otherwise = without_loss(SLUG, facts, missing="whole packets on the underlay and behind the tunnel's end")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _account(site: LossSite, facts: Facts) -> Account:
    wrong = _wrong_outside(site)
    told = (
        logged(facts, "udp_bad_checksum", None, "the tunnel's end finds the checksum wrong"),
        rose(facts, "nstat", "UdpInCsumErrors", what="the tunnel end's count of wrong UDP checksums"),
    )
    alone = () if len(site.delivered) else (first_observed(told),)
    return Account(
        required=(wrong, *alone),
        agreeing=told,
        refuting=(kernel_has_fix(facts, site.upstream.node, FIXED_IN),),
        telling=isinstance(wrong, Observed),
        summary=f"{counted(len(site.lost_rows), 'tunnel packet', 'carry')} a wrong UDP checksum at "
        f"{site.upstream.name}, and the "
        "other end drops them",
        component="NAT of tunnel packets on the sending host, with checksum offload of the tunnel device",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _wrong_outside(site: LossSite) -> Fact:
    """That exactly the tunnel packets with a wrong outer checksum were lost; or all lost have one.

    In the latter case somebody has to say that it was found wrong: a link that is down loses them as well.
    """
    lost, passed = (column(rows, "outer_checksum") == CHECKSUM_BAD for rows in (site.lost, site.delivered))
    if len(passed) or not lost.all():
        return exactly_these(site, lost, passed, "tunnel packets with a wrong outer UDP checksum")
    text = f"the outer UDP checksum of {all_of(len(lost), 'lost packet')} is wrong"
    return Observed(reason=Reason(text=text, source=site.source(int(site.lost_rows[0]))))


_REMEDIES: Final = (
    Remedy(
        title="Run a kernel with the fix",
        where="the sending host: 4.14.181, 4.19.123, 5.4.41, 5.6.13, 5.7 or newer",
        commands=("uname -r",),
        price="an upgrade",
        risk="low",
        check="the outer checksum is 0 on the wire",
        undo=("boot the kernel that ran before",),
    ),
    Remedy(
        title="Switch checksum offload of the tunnel device off",
        where="the sending host; to be repeated whenever the device is made anew (udev)",
        commands=("ethtool -K flannel.1 tx-checksum-ip-generic off",),
        price="CPU",
        risk="low",
        check="connections from the node open at once",
        undo=("ethtool -K flannel.1 tx-checksum-ip-generic on",),
    ),
    Remedy(
        title="Run a Kubernetes that does not translate tunnel packets twice",
        where="the nodes: 1.16.13, 1.17.9, 1.18.6 or newer",
        commands=("kubectl version",),
        price="an upgrade",
        risk="low",
        check="connections from the node open at once",
        undo=("the former version",),
    ),
)
_NEXT: Final = (
    Step(
        text="Look at the outer checksum on the wire, and at the peer's log.",
        commands=("tcpdump -ni UNDERLAY -vv 'udp port 8472 or udp port 4789'", "dmesg | grep 'bad checksum'"),
    ),
)
