"""The capture lost or altered the packet, not the network.

tcpdump drops what comes faster than it writes and says so at its end; a capture at the sender shows checksums that
are yet to be filled in and packets that are yet to be cut. The proof is the receiver: it acknowledges what a
capture does not show.
"""

from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, weigh
from lastseen.tables.counted import agreed, counted
from lastseen.tables.judgements import Judgement, Reason, Refuted, Remedy, Step, Untestable
from lastseen.tables.points import OUTSIDE, Hop, Point
from lastseen.tables.sources import Source

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "capture_artifact"
TITLE: Final = "a capture missed packets that the network delivered"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "random_loss": "there the receiver does not acknowledge what is missing",
}
DROPPED: Final = ("packets_dropped_by_kernel", "packets_dropped_by_interface")


def judge(facts: Facts) -> Judgement:
    """Supported where packets are missing at a point whose capture says that it dropped some, and nothing was lost."""
    accounts = [
        a for number in range(len(facts.matching.points)) if (a := _account(number, facts)) is not None
    ]
    return weigh(SLUG, accounts, otherwise=_otherwise(facts))


def _otherwise(facts: Facts) -> Judgement:
    if len(facts.matching.points) < 2:  # noqa: PLR2004 - one capture has none to be compared with
        return Untestable(fault=SLUG, missing=("a second capture to compare with",))
    text = "no capture lacks packets that were delivered beyond it"
    return Refuted(fault=SLUG, against=(Reason(text=text),))


def _account(number: int, facts: Facts) -> Account | None:
    """None: this point lacks nothing within its own time.

    Never confirmed where a connection stood still: what hung is the question, and this is no answer to it.
    """
    point = facts.matching.points[number]
    missed = sum(_missed(hop, facts) for hop in facts.matching.hops if hop.downstream == number)
    if not missed:
        return None
    text = (
        f"{counted(missed, 'packet', 'are')} missing at {point.name} while its capture ran, and "
        f"{agreed(missed, 'were')} delivered beyond it"
    )
    dropped = _dropped(point, facts)
    return Account(
        required=(
            Observed(reason=Reason(text=text, source=Source(file=point.file))),
            dropped,
            _nothing_lost(facts),
        ),
        agreeing=() if facts.stalled() else (dropped,),
        general=True,
        summary=f"the capture at {point.name} missed {counted(missed, 'packet')}; the network delivered "
        f"{'it' if missed == 1 else 'them'}",
        component=f"the capture at {point.name}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _missed(hop: Hop, facts: Facts) -> int:
    """Packets of a hop that the downstream capture lacks between its first and last one, and that got through."""
    down = facts.matching.points[hop.downstream]
    if down.first_ns is None or down.last_ns is None:
        return 0
    offsets = facts.matching.offsets_ns
    shift = offsets[hop.upstream] - offsets[hop.downstream]
    times = facts.matching.points[hop.upstream].capture.times_ns()[hop.rows(OUTSIDE)] + shift
    return int(((times > down.first_ns) & (times < down.last_ns)).sum())


def _dropped(point: Point, facts: Facts) -> Fact:
    """The capture's own word: interface statistics of a pcapng, or tcpdump's closing lines."""
    total = sum(face.dropped_packets or 0 for face in point.capture.interfaces)
    if total:
        return Observed(
            reason=Reason(text=f"its closing record counts {total} dropped", source=Source(file=point.file))
        )
    for counter in facts.counters:
        mine = counter.family == "capture" and counter.name in DROPPED and counter.value
        if mine and counter.scope in (point.interface, point.name) and counter.node in ("", point.node):
            return Observed(
                reason=Reason(text=f"tcpdump says {counter.name}: {counter.value}", source=counter.source)
            )
    return Unknown(missing=f"the closing lines of the capture at {point.name} (packets dropped by kernel)")


def _nothing_lost(facts: Facts) -> Fact:
    """Where packets were lost as well, a loss is the better answer."""
    if facts.losses():
        return Unknown(missing="a run without real losses")
    return Observed(reason=Reason(text="nothing that anybody waited for was lost"))


_REMEDIES: Final = (
    Remedy(
        title="Let the capture keep up",
        where="the capturing host",
        commands=("tcpdump -i DEVICE -B 65536 -s 192 -w tap.pcap 'FILTER'",),
        price="memory for its buffer",
        risk="none",
        check="0 packets dropped by kernel at its end",
        undo=(),
    ),
)
_NEXT: Final = (
    Step(
        text="Capture again with a larger buffer, a snap length and a narrower filter, and keep its closing lines."
    ),
)
