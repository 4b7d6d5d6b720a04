"""The server never closes, and the client waits for it to: no FIN was lost, there was none.

Looks like a lost FIN from the client's side (full response in milliseconds, then silence until a timer ends it).
What tells them apart is the server's side: no FIN anywhere before the client's own, nothing lost on the way, and
the server answers the client's close at once. HTTP says who ends a response: RFC 9112, 6.3 and 9.6.
"""

from typing import Final

from lastseen.faults.facts import ConversationFacts, Facts, LossSite
from lastseen.tables.counted import counted
from lastseen.tables.facts_from_texts import LoggedPacket
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Supported, Untestable
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "server_keeps_open"
TITLE: Final = "the client waits for an end-of-file, the server keeps the connection open"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovs_conntrack_padding": "there the server's FIN is seen near the server and is missing near the client",
}
AT_ONCE_NS: Final = 1_000_000_000
"""A server that reads the client's end-of-file closes within this; a FIN that comes later has another cause."""


def judge(facts: Facts) -> Judgement:
    """Supported where a client waited after a whole response, and no FIN existed for it to receive."""
    waiting = [c for c in facts.conversations if c.number in facts.focus and c.stall == "waiting_for_fin"]
    closed_early = [
        c for c in facts.conversations if c.number in facts.focus and c.stall and c not in waiting
    ]
    for conversation in waiting:
        judgement = _judge(conversation, facts)
        if not isinstance(judgement, Refuted):
            return judgement
    if waiting:
        return _judge(waiting[0], facts)
    if closed_early:
        text = f"the connection stalled for another reason ({closed_early[0].stall.replace('_', ' ')})"
        return Refuted(fault=SLUG, against=(Reason(text=text, source=closed_early[0].stall_source),))
    return _without_stall(facts)


def _judge(conversation: ConversationFacts, facts: Facts) -> Judgement:
    against = _against(conversation, facts)
    if against:
        return Refuted(fault=SLUG, against=tuple(against))
    if not _closed_when_asked(conversation):
        if conversation.lost_packets:
            lost = conversation.lost_packets
            text = f"{counted(lost, 'packet of this connection', 'were')} lost, and the server did not close when asked"
            return Refuted(fault=SLUG, against=(Reason(text=text, source=conversation.stall_source),))
        missing = (
            "a capture nearer the server: whether it sent a FIN that never arrived here cannot be told",
        )
        return Untestable(fault=SLUG, missing=missing)
    agreeing = _from_the_application(conversation, facts)
    return Supported(
        fault=SLUG,
        confirmed=bool(agreeing),
        reasons=(*_reasons(conversation, facts), *agreeing),
        missing=() if agreeing else ("a system call trace of the client (strace -f -ttt -T -yy)",),
        summary=f"the server sent its whole response and kept {conversation.text} open; the client waited "
        f"{conversation.stall_ns / 1e9:.2f} s for an end-of-file and then closed itself",
        component="the server's (or client's) idea of how the response ends",
        remedies=_REMEDIES,
        next=_NEXT if not agreeing else (),
    )


def _closed_when_asked(conversation: ConversationFacts) -> bool:
    """The server's FIN came at once after the client's.

    Any other answer is not enough: a server whose FINs are dropped on the way still acknowledges or resets.
    """
    asked, closed = conversation.client_fin_ns, conversation.remote_fin_ns
    return asked is not None and closed is not None and 0 <= closed - asked <= AT_ONCE_NS


def _against(conversation: ConversationFacts, facts: Facts) -> list[Reason]:
    against = []
    if _fin_before_the_client(conversation):
        text = "the server did send a FIN before the client closed"
        against.append(Reason(text=text, source=conversation.fin_source))
    for site in facts.sites:
        fin = _lost_fin(site) if conversation.number in site.conversations else None
        if fin is not None:
            text = f"a FIN of the server was lost between {site.upstream.name} and {site.downstream.name}"
            against.append(Reason(text=text, source=site.source(fin)))
    logged = [
        line
        for line in facts.invalid_lines("")
        if line.line.packet and _is_server_fin(line.line.packet, conversation)
    ]
    if logged:
        against.append(Reason(text="the kernel log names FINs of the server", source=logged[0].line.source))
    return against


def _lost_fin(site: LossSite) -> int | None:
    """Row of the first FIN on its way to the client that was lost here."""
    flags = site.upstream.capture.packets[site.lost_rows, LENGTH_FLAGS] & FLAGS["F"]
    return int(site.lost_rows[flags > 0][0]) if site.to_client and flags.any() else None


def _is_server_fin(packet: LoggedPacket, conversation: ConversationFacts) -> bool:
    """Whether a logged packet is a FIN of this connection that the server sent: it has the server's port."""
    ends = {(packet.src.address, packet.src.port), (packet.dst.address, packet.dst.port)}
    port = conversation.text.rpartition(":")[2]
    return (
        bool((packet.tcp_flags or 0) & FLAGS["F"])
        and ends <= conversation.endpoints
        and port == str(packet.src.port)
    )


def _fin_before_the_client(conversation: ConversationFacts) -> bool:
    """Whether the remote end closed first, or closed somewhere without it being seen near the client."""
    if conversation.remote_fin_ns is not None:
        ended_ns = conversation.stall_from_ns + conversation.stall_ns
        return conversation.remote_fin_ns < (conversation.client_fin_ns or ended_ns)
    return any(conversation.fins)


def _reasons(conversation: ConversationFacts, facts: Facts) -> list[Reason]:
    points = [facts.matching.points[p].name for p in conversation.seen_at]
    where = (
        f"at any of {len(points)} points, {points[0]} being nearest the server"
        if len(points) > 1
        else f"at {points[0]}"
    )
    reasons = [
        Reason(
            text="after the response everything was acknowledged, then silence for"
            f" {conversation.stall_ns / 1e9:.2f} s",
            source=conversation.stall_source,
        ),
        Reason(
            text=f"no FIN of the server was seen {where} before the client closed",
            source=conversation.stall_source,
        ),
    ]
    text = "the server closed at once after the client did, so it was alive and had not closed before"
    reasons.append(Reason(text=text, source=conversation.client_fin_source))
    if len(points) > 1:
        lost = conversation.lost_packets
        text = (
            f"{counted(lost, 'packet of it', 'were')} lost between the points, but "
            f"{'it was no' if lost == 1 else 'none was a'} FIN of the server"
        )
        reasons.append(
            Reason(text=text if lost else "no packet of this connection was lost between the points")
        )
    return reasons


def _from_the_application(conversation: ConversationFacts, facts: Facts) -> list[Reason]:
    """System calls that agree: the client waited for end-of-file on this connection's socket."""
    found = []
    for symptom in facts.symptoms:
        peer = symptom.peer
        local = symptom.local
        mine = peer is not None and (peer.address, peer.port) in conversation.endpoints
        mine = mine and (local is None or (local.address, local.port) in conversation.endpoints)
        if mine and symptom.kind == "waited_for_eof" and symptom.waited_ns:
            text = (
                f"{symptom.call} waited {symptom.waited_ns / 1e9:.2f} s for an end-of-file on this connection"
            )
            found.append(Reason(text=text, source=symptom.sources[0] if symptom.sources else None))
    return found


def _without_stall(facts: Facts) -> Judgement:
    """No connection stalled: either captures show that, or there are none."""
    if facts.conversations and not facts.symptoms:
        text = "no client was kept waiting for an end-of-file"
        return Refuted(fault=SLUG, against=(Reason(text=text, source=None),))
    fins = [
        line
        for line in facts.invalid_lines("")
        if line.line.packet and (line.line.packet.tcp_flags or 0) & FLAGS["F"]
    ]
    if fins:
        text = "the kernel log names FINs: a server did close"
        return Refuted(fault=SLUG, against=(Reason(text=text, source=fins[0].line.source),))
    return Untestable(fault=SLUG, missing=("a capture of the connection, best near the server",))


_REMEDIES: Final = (
    Remedy(
        title="Use a client that ends the response by its length",
        where="the application: an HTTP/1.1 client that honours Content-Length or chunks (curl does)",
        commands=(),
        price="a change in the application",
        risk="none",
        check="the request returns as soon as the last byte is there",
        undo=("use the former client again",),
    ),
    Remedy(
        title="Ask the server to close",
        where="the client's request: 'Connection: close' (RFC 9112, 9.6); or the server, if it ignores that",
        commands=(),
        price="one connection a request",
        risk="none",
        check="a FIN of the server follows the response in a capture",
        undo=("remove the header",),
    ),
    Remedy(
        title="Wait less",
        where="the client: a shorter read timeout (PHP: default_socket_timeout)",
        commands=(),
        price="slow but good answers are cut off",
        risk="low",
        check="the stall is as short as the new timeout",
        undo=("the former timeout",),
    ),
)

_NEXT: Final = (
    Step(
        text="See what the client waits for, and whether it asks the server to close.",
        commands=("strace -f -ttt -T -yy -e trace=network,read,write,poll,close -o strace.txt COMMAND",),
    ),
)
