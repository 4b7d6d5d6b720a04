"""Something on the path drops packets that speak of explicit congestion notification.

RFC 3168, 6.1.1.1 warns of equipment that drops or resets SYNs with ECE and CWR; a tunnel's end drops CE inside a
header that is not ECN-capable (RFC 6040, 4.2). A sender that falls back (Linux tcp_ecn_fallback) tells it by itself:
the same SYN passes as soon as the flags are gone.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import dropping_rules
from lastseen.faults.facts import Facts, LossSite
from lastseen.faults.patterns import exactly_these, has_flags, without_loss
from lastseen.faults.unanswered import traced
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import counted
from lastseen.tables.details import DetailRows, column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ecn_blackhole"
TITLE: Final = "packets with ECN bits or flags are dropped on the way"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "tfo_blackhole": "there the SYN carries data or a Fast Open cookie",
    "firewall_deny": "a rule on the flags, where one is in evidence, is this fault's cause",
}
FEWEST_FALLBACKS: Final = 2
"""One SYN is repeated for many reasons; that each lost one had the flags and each repetition without them passed is the
fallback at work only from the second time on."""


def judge(facts: Facts) -> Judgement:
    """Supported where exactly the packets with ECN vanish and the same ones pass without."""
    otherwise = without_loss(SLUG, facts, missing="captures on both sides of the hop that drops")
    return weigh(SLUG, (_account(site, facts) for site in facts.losses()), otherwise=otherwise)


def _marked(rows: DetailRows) -> npt.NDArray[np.bool_]:
    """Packets with a code point in the IP header, or a SYN that asks for ECN."""
    result: npt.NDArray[np.bool_] = ((column(rows, "ip_dsfield") & 3) != 0) | has_flags(rows, "SEC")
    return result


def _account(site: LossSite, facts: Facts) -> Account:
    rules = dropping_rules(facts, site)
    rule: Fact = Unknown(missing="the rules of the hop, with their hits before and after")
    named = [(r, d) for r, d in rules if any(word in r.match for word in ("ecn", "ece", "cwr"))]
    if named:
        text = f"the rule '{named[0][0].place}: {named[0][0].match}' dropped {counted(named[0][1].value, 'packet')}"
        rule = Observed(reason=Reason(text=text, source=named[0][1].after))
    return Account(
        required=(_only_marked(site),),
        agreeing=(rule, traced(facts, "IP_TUNNEL_ECN")),
        telling=bool(_marked(site.lost).all()),
        summary=f"packets with ECN vanish between {site.upstream.name} and {site.downstream.name}, and pass without it",
        component=f"a device between {site.upstream.name} and {site.downstream.name} that drops ECN",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _only_marked(site: LossSite) -> Fact:
    """By what was delivered, or by the senders' own fallback: the repetition without the flags passed."""
    fact = exactly_these(site, _marked(site.lost), _marked(site.delivered), "packets with ECN")
    if not isinstance(fact, Unknown):
        return fact
    lost, passed = site.lost, site.delivered
    syns = lost[has_flags(lost, "SEC")]
    plain = passed[has_flags(passed, "S") & ~has_flags(passed, "SEC")]
    again = np.isin(column(syns, "tcp_seq"), column(plain, "tcp_seq"))
    if int(again.sum()) < FEWEST_FALLBACKS or not again.all():
        return fact
    text = (
        f"{counted(int(again.sum()), 'lost SYN')} asked for ECN; the same passed as soon as they did not ask"
    )
    return Observed(reason=Reason(text=text, source=site.source(int(column(syns, "frame_number")[0]) - 1)))


_REMEDIES: Final = (
    Remedy(
        title="Let the device pass ECN",
        where="the device between the two points: rules on the flags ECE and CWR or on the IP header's ECN field",
        commands=(),
        price="a change of its configuration",
        risk="low",
        check="the SYN with ECE and CWR arrives",
        undo=("the former configuration of the device",),
    ),
    Remedy(
        title="Do not ask for ECN",
        where="the client: 2 answers others that ask, 0 does neither; tcp_ecn_fallback=1 gives up after lost SYNs",
        commands=("sysctl -w net.ipv4.tcp_ecn=2",),
        price="no congestion marks",
        risk="low",
        check="the SYN has no ECE and CWR and is answered at once",
        undo=("sysctl -w net.ipv4.tcp_ecn=FORMER_VALUE",),
    ),
)
_NEXT: Final = (
    Step(
        text="Connect once with ECN and once without.",
        commands=(
            "sysctl net.ipv4.tcp_ecn net.ipv4.tcp_ecn_fallback",
            "tcpdump -ni DEVICE 'tcp[13] & 0xc2 == 0xc2'",
        ),
    ),
)
