"""IPv6 is tried first and does not work; the client falls back to IPv4 after a delay.

A name has an AAAA record, the path for IPv6 is broken, and SYNs to it get no answer. Clients with happy eyeballs
start IPv4 after some 250 ms (RFC 8305, 5); others wait for the SYN's timers: 1, 3, 7 ... seconds (RFC 6298; Linux
tcp_syn_retries), since Linux 6.5 each second at first (tcp_syn_linear_timeouts).
"""

from collections.abc import Iterator
from typing import Final

from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "ipv6_fallback"
TITLE: Final = "IPv6 does not work, and the client falls back to IPv4 after a delay"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "dns_timeout": "there the wait lies before any SYN",
}
SHORTEST_NS: Final = 200_000_000
LONGEST_NS: Final = 135_000_000_000
"""The fallback comes after some 250 ms (RFC 8305) at the earliest, and after 127 s (six repetitions of a SYN) at the
latest."""


def judge(facts: Facts) -> Judgement:
    """Supported where a SYN to an IPv6 address gets no answer and IPv4 to the same port works afterwards."""
    return weigh(SLUG, (_account(pair, facts) for pair in _pairs(facts)), otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if not facts.conversations:
        return Untestable(fault=SLUG, missing=("a capture of the handshakes at the client",))
    text = "no IPv6 handshake hung before one over IPv4 to the same port"
    return Refuted(fault=SLUG, against=(Reason(text=text),))


_Pair = tuple[ConversationFacts, ConversationFacts, int]


def _pairs(facts: Facts) -> Iterator[_Pair]:
    """(hanging IPv6 handshake, working IPv4 connection, delay between their SYNs)."""
    sixes = [c for c in facts.in_focus() if "[" in c.text and not _was_answered(facts, c)]
    fours = [c for c in facts.in_focus() if "[" not in c.text and _was_answered(facts, c)]
    for six in sixes:
        for four in fours:
            delay = _first_syn(facts, four) - _first_syn(facts, six)
            same_port = six.text.rpartition(":")[2] == four.text.rpartition(":")[2]
            if same_port and SHORTEST_NS <= delay <= LONGEST_NS and six.seen_at[-1] == four.seen_at[-1]:
                yield six, four, delay


def _was_answered(facts: Facts, conversation: ConversationFacts) -> bool:
    track = facts.near_client(conversation)
    return bool((~track.from_client & track.flags("SA")).any())


def _first_syn(facts: Facts, conversation: ConversationFacts) -> int:
    track = facts.near_client(conversation)
    syns = track.times_ns[track.from_client & track.flags("S")]
    return int(syns[0]) if len(syns) else -LONGEST_NS


def _account(pair: _Pair, facts: Facts) -> Account:
    six, four, delay = pair
    track = facts.near_client(six)
    text = (
        f"{len(track)} SYN of {six.text} got no answer; {delay / 1e9:.2f} s later {four.text} worked at once"
    )
    return Account(
        required=(Observed(reason=Reason(text=text, source=track.source())),),
        agreeing=(_felt(facts, six),),
        summary=f"IPv6 to {six.text.rpartition(' > ')[2]} does not work; the client waited "
        f"{delay / 1e9:.2f} s before it "
        "used IPv4",
        component="the IPv6 path to the server",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _felt(facts: Facts, six: ConversationFacts) -> Fact:
    """The client's system calls: a connect to that address that hung."""
    for symptom in facts.symptoms:
        peer = symptom.peer
        if peer is not None and (peer.address, peer.port) in six.endpoints and symptom.waited_ns:
            text = f"{symptom.call} waited {symptom.waited_ns / 1e9:.2f} s for {peer.address}"
            return Observed(reason=Reason(text=text, source=symptom.sources[0] if symptom.sources else None))
    return Unknown(missing="a system call trace of the client (connect to the IPv6 address)")


_REMEDIES: Final = (
    Remedy(
        title="Mend the IPv6 path",
        where="routes, firewalls and router advertisements between client and server",
        commands=("traceroute6 -n SERVER", "ping -6 -c 3 SERVER"),
        price="work",
        risk="none",
        check="curl -6 answers at once",
        undo=(),
    ),
    Remedy(
        title="Prefer IPv4 until then",
        where="the client: /etc/gai.conf (RFC 6724); or take the AAAA record out of the name",
        commands=("echo 'precedence ::ffff:0:0/96 100' >> /etc/gai.conf",),
        price="hides that IPv6 is broken",
        risk="low",
        check="the first SYN goes to the IPv4 address",
        undo=("sed -i '/precedence ::ffff:0:0\\/96 100/d' /etc/gai.conf",),
    ),
)
_NEXT: Final = (
    Step(
        text="Try both families.",
        commands=("curl -4 -w '%{time_connect}' URL", "curl -6 -m 10 -w '%{time_connect}' URL"),
    ),
)
