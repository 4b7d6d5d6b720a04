"""A server with tcp_tw_recycle ignores SYNs of other hosts behind one address, because their clocks differ.

With tcp_tw_recycle Linux remembered the last timestamp of each address for 60 s and dropped SYNs with an older one;
behind a NAT many hosts share an address and not a clock. Removed in Linux 4.12 (4396e46187ca), after timestamps had
become random for each connection: since then older timestamps mean nothing.
"""

from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.unanswered import UnansweredSyn, rose, unanswered_syns
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, first_known, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tw_recycle_nat"
TITLE: Final = "a server with tcp_tw_recycle ignores SYNs of hosts behind one NAT"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "listen_overflow": "there the accept queue is full: ListenOverflows rises",
    "paws_drop": "there segments of an open connection are discarded",
}
SETTING: Final = "net.ipv4.tcp_tw_recycle"
REMEMBERED_NS: Final = 60_000_000_000
"""TCP_PAWS_MSL (Linux include/net/tcp.h before 4.12)."""
_HALF: Final = 1 << 31


def judge(facts: Facts) -> Judgement:
    """Supported where ignored SYNs have older timestamps than an accepted one, and the server recycles."""
    recycles = _recycles(facts)
    accounts = [_account(found, facts, recycles) for found in unanswered_syns(facts)]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture at the server",))
    return Refuted(fault=SLUG, against=(Reason(text="no SYN that reached the server was ignored"),))


def _recycles(facts: Facts) -> tuple[Fact, ...]:
    setting = next(iter(facts.setting(SETTING, None)), None)
    if setting is None:
        said: Fact = Unknown(missing=f"sysctl {SETTING} of the server")
    else:
        kind = Observed if setting.value == "1" else Contradicted
        said = kind(reason=Reason(text=f"{SETTING} = {setting.value}", source=setting.source))
    rejected = rose(
        facts, "nstat", "TcpExtPAWSPassive", what="the server's count of SYNs with old timestamps"
    )
    return said, rejected


def _account(found: UnansweredSyn, facts: Facts, recycles: tuple[Fact, ...]) -> Account:
    return Account(
        required=(Observed(reason=found.reason), _older(found, facts), first_known(recycles)),
        agreeing=recycles,
        summary=f"SYNs of {found.conversation.text} are ignored: another host behind the same address "
        "has a later clock",
        component="the server's tcp_tw_recycle",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _older(found: UnansweredSyn, facts: Facts) -> Fact:
    """The ignored SYN's timestamp is below that of a connection from the same address within the last minute."""
    syn = found.syns
    value, source_address, at = int(syn.of("tcp_tsval")[0]), int(syn.of("ip_src")[0]), int(syn.times_ns[0])
    for conversation in facts.in_focus():
        track = facts.near_remote(conversation)
        mine = track.only(
            track.from_client & (track.of("tcp_tsval") >= 0) & (track.of("ip_src") == source_address)
        )
        recent = mine.only((mine.times_ns < at) & (mine.times_ns > at - REMEMBERED_NS))
        if len(recent) and value >= 0 and 0 < (int(recent.of("tcp_tsval")[-1]) - value) % (1 << 32) < _HALF:
            text = (
                f"its timestamp {value} is older than {int(recent.of('tcp_tsval')[-1])} of "
                f"{conversation.text} before it"
            )
            return Observed(reason=Reason(text=text, source=recent.source(len(recent) - 1)))
    return Unknown(
        missing="an accepted connection of the same address within a minute before, with timestamps"
    )


_REMEDIES: Final = (
    Remedy(
        title="Switch tcp_tw_recycle off",
        where="the server",
        commands=("sysctl -w net.ipv4.tcp_tw_recycle=0",),
        price="none",
        risk="none",
        check="SYNs of all hosts behind the address are answered",
        undo=("sysctl -w net.ipv4.tcp_tw_recycle=1",),
    ),
    Remedy(
        title="Run a kernel that has no such setting",
        where="the server: Linux 4.12 or newer",
        commands=("uname -r",),
        price="an upgrade",
        risk="low",
        check="the setting does not exist",
        undo=("boot the kernel that ran before",),
    ),
)
_NEXT: Final = (
    Step(
        text="On the server:",
        commands=("sysctl net.ipv4.tcp_tw_recycle", "netstat -s | grep -i 'time stamp'"),
    ),
)
