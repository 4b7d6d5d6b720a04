"""Something on the path drops SYNs that carry data or a Fast Open cookie.

RFC 7413, 7.1 knows it: firewalls that allow no data in a SYN. A client without a cookie asks for one with an empty
option and may pass; with the cookie it sends data, and stalls until it falls back to a plain SYN.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import exactly_these, has_flags, without_loss
from lastseen.faults.unanswered import rose
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import DetailRows, column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tfo_blackhole"
TITLE: Final = "SYNs with data or a Fast Open cookie are dropped on the way"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ecn_blackhole": "there the SYN asks for ECN",
    "conntrack_out_of_window": "there connection tracking calls what follows the SYN's data invalid",
}
FEWEST_FALLBACKS: Final = 1
"""The same SYN without data and option is sent for no other reason."""


def judge(facts: Facts) -> Judgement:
    """Supported where exactly the SYNs with Fast Open vanish and plain ones pass."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop that drops")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _fast_open(rows: DetailRows) -> npt.NDArray[np.bool_]:
    """SYNs with the option or with data."""
    result: npt.NDArray[np.bool_] = has_flags(rows, "S") & (
        (column(rows, "tcp_fastopen") >= 0) | (column(rows, "payload_len") > 0)
    )
    return result


def _account(site: LossSite, facts: Facts) -> Account:
    return Account(
        required=(_only_fast_open(site),),
        agreeing=(
            rose(
                facts, "nstat", "TcpExtTCPFastOpenActiveFail", "TcpExtTCPFastOpenBlackhole",
                what="the client's count of failed Fast Opens",
            ),
        ),
        telling=bool(_fast_open(site.lost).all()),
        summary=f"SYNs with Fast Open vanish between {site.upstream.name} and {site.downstream.name}; plain ones pass",
        component=f"a device between {site.upstream.name} and {site.downstream.name} that drops them",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )  # fmt: skip


def _only_fast_open(site: LossSite) -> Fact:
    """By what was delivered, or by the clients' own fallback: the same SYN without data passed."""
    fact = exactly_these(site, _fast_open(site.lost), _fast_open(site.delivered), "SYNs with Fast Open")
    if not isinstance(fact, Unknown):
        return fact
    plain = site.delivered[has_flags(site.delivered, "S") & ~_fast_open(site.delivered)]
    again = np.isin(column(site.lost, "tcp_seq"), column(plain, "tcp_seq"))
    if int(again.sum()) < FEWEST_FALLBACKS or not again.all():
        return fact
    text = f"{counted(int(again.sum()), 'lost SYN')} carried Fast Open; the same SYNs passed without it"
    return Observed(
        reason=Reason(text=text, source=site.source(int(column(site.lost, "frame_number")[0]) - 1))
    )


_REMEDIES: Final = (
    Remedy(
        title="Let the device pass SYNs with data",
        where="the device between the two points",
        commands=(),
        price="a change of its configuration",
        risk="low",
        check="the SYN with data arrives",
        undo=("the former configuration of the device",),
    ),
    Remedy(
        title="Do without Fast Open",
        where="the client; or let it notice black holes (net.ipv4.tcp_fastopen_blackhole_timeout_sec=3600)",
        commands=("sysctl -w net.ipv4.tcp_fastopen=0",),
        price="one round trip a connection",
        risk="none",
        check="the SYN carries no data and is answered",
        undo=("sysctl -w net.ipv4.tcp_fastopen=1",),
    ),
)
_NEXT: Final = (
    Step(
        text="Connect once with and once without Fast Open.",
        commands=("curl --tcp-fastopen URL", "curl URL", "sysctl net.ipv4.tcp_fastopen"),
    ),
)
