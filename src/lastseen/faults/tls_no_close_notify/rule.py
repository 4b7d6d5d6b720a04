"""The peer closes the connection without TLS's close_notify, and the other end takes it for an attack or a fault.

Each side must send a close_notify before it closes its direction (RFC 8446, 6.1; RFC 5246, 7.2.1); without it nobody
can tell the end from a cut. OpenSSL 3.0 made that an error ("unexpected eof while reading"); before, most programs
never knew. Nothing is lost and nobody waits: the end of the stream arrives, the alert does not exist.

In TLS 1.2 an alert shows its type (21). In 1.3 it looks like data (23) and has 19 bytes: two of alert, one of type, 16
of the cipher's tag; 11 with the CCM_8 suites. So what a stream ends with can only be told where its records are known.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.counting import logged
from lastseen.faults.facts import ConversationFacts, Facts
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Contradicted, Fact, Observed, Unknown, observed_reasons, weigh
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "tls_no_close_notify"
TITLE: Final = "the peer closes without TLS's close_notify, and the program calls that an error"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "server_keeps_open": "there no end of the stream comes at all, and the client waits",
}
TOPIC: Final = "tls_cut_off"
ALERT, DATA = 21, 23
ALERT_LENGTHS: Final = (19, 11)
"""Bytes of an encrypted alert in TLS 1.3 (RFC 8446, 5.2): with a tag of 16 bytes, with one of 8 (CCM_8)."""
_TO_COME: Final = (1 << 24) - 1
_LENGTH: Final = (1 << 16) - 1
_HALF: Final = 1 << 31


def judge(facts: Facts) -> Judgement:
    """Supported where a FIN follows whole records of which the last is no alert, and a program complains."""
    told = logged(facts, TOPIC, None, "a program found the stream cut off")
    closed = [one for c in facts.in_focus() for one in _closings(facts, c)]
    return weigh(SLUG, (_account(one, told) for one in closed), otherwise=_otherwise(told, facts))


def _otherwise(told: Fact, facts: Facts) -> Judgement:
    if isinstance(told, Observed) or not facts.conversations:
        missing = "a capture of the connection with its last packets whole, near the program"
        return Untestable(fault=SLUG, missing=(missing,), reasons=observed_reasons((told,)))
    return Refuted(fault=SLUG, against=(Reason(text="no TLS connection was closed here"),))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Closing:
    """How one end of a connection closed, where the other end saw it. `fin`: its FIN; `sent`: all it sent."""

    conversation: ConversationFacts
    by_client: bool
    fin: Track
    sent: Track

    @property
    def who(self) -> str:
        return "the client" if self.by_client else "the server"

    def ends(self) -> Track:
        """The packets after which, by their last TLS record, the stream is over."""
        return self.sent.only((self.sent.of("tls_last") > 0) & (_end_of(self.sent) == self._end))

    def goes_on(self) -> bool:
        """Whether a record was begun whose end never came."""
        beyond = (_end_of(self.sent) - self._end) % (1 << 32)
        return bool(((self.sent.of("tls_last") > 0) & (beyond > 0) & (beyond < _HALF)).any())

    @property
    def _end(self) -> int:
        """Sequence number behind the last byte."""
        return int(self.fin.of("tcp_seq")[0] + self.fin.of("payload_len")[0]) % (1 << 32)


def _end_of(track: Track) -> npt.NDArray[np.int64]:
    """int64[n]: sequence number behind the last TLS record that begins in each packet."""
    end: npt.NDArray[np.int64] = (
        track.of("tcp_seq") + track.of("payload_len") + (track.of("tls_last") & _TO_COME)
    ) % (1 << 32)
    return end


def _closings(facts: Facts, conversation: ConversationFacts) -> list[_Closing]:
    """How the end that closed first did so, as the point nearest the other end saw it; nothing without TLS."""
    if not (facts.near_client(conversation).of("tls_last") > 0).any():
        return []
    found: list[tuple[int, _Closing]] = []
    for client, point in enumerate((conversation.seen_at[-1], conversation.seen_at[0])):
        track = facts.tracks.of(conversation.number, point)
        sent = track.only(track.from_client == bool(client))
        fins = sent.only(sent.flags("F"))
        if len(fins):
            fin = fins.only(np.array([0]))
            closing = _Closing(conversation=conversation, by_client=bool(client), fin=fin, sent=sent)
            found.append((int(fin.times_ns[0]) + facts.matching.offsets_ns[point], closing))
    return [min(found, key=lambda one: one[0])[1]] if found else []


def _account(closing: _Closing, told: Fact) -> Account:
    end = _without_alert(closing)
    return Account(
        required=(end, told),
        agreeing=(told,),
        telling=isinstance(told, Observed),
        summary=f"{closing.who} closed {closing.conversation.text} without a close_notify, and the other end's program "
        "calls that an error",
        component=f"{closing.who}'s way of closing TLS connections",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _without_alert(closing: _Closing) -> Fact:
    """That the records are whole up to the FIN and the last of them is no alert."""
    last, who, source = closing.ends(), closing.who, closing.fin.source()
    if not len(last):
        if closing.goes_on():
            text = f"{who} broke off in the middle of a TLS record: it did not end its data"
            return Contradicted(reason=Reason(text=text, source=source))
        return Unknown(missing=f"where the TLS records of {who} end (its last packets whole, none missing)")
    record = int(last.of("tls_last")[-1])
    kind, length = record >> 40, (record >> 24) & _LENGTH
    if kind == ALERT or (kind == DATA and length in ALERT_LENGTHS):
        text = f"{who}'s last TLS record is an alert, or has the size of one ({length} bytes)"
        return Contradicted(reason=Reason(text=text, source=last.source(len(last) - 1)))
    text = (
        f"{who}'s FIN follows a whole TLS record of type {kind} with {length} bytes: no alert came before it"
    )
    return Observed(reason=Reason(text=text, source=source))


_REMEDIES: Final = (
    Remedy(
        title="Let the peer end TLS before it closes",
        where="the program that closes first: SSL_shutdown() of OpenSSL, unwrap() of Python, or what its library has",
        commands=(),
        price="a change of that program",
        risk="none",
        check="its FIN follows an alert, and the other end's program does not complain",
        undo=("the former version",),
    ),
    Remedy(
        title="Let the complaining program ignore it",
        where="the program that complains: SSL_OP_IGNORE_UNEXPECTED_EOF of OpenSSL 3.0, OP_IGNORE_UNEXPECTED_EOF of "
        "Python 3.10",
        commands=(),
        price="none",
        risk="data that somebody cut off passes for whole wherever the protocol itself has no length",
        check="the program does not complain",
        undo=("the former options",),
    ),
)
_NEXT: Final = (
    Step(
        text="See how the peer closes with a client that tells: silently after an alert, with an error without.",
        commands=("openssl s_client -ign_eof -connect HOST:443",),
    ),
)
