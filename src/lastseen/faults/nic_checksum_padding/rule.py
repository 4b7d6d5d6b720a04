"""A card's sum of a short frame leaves the padding out, and whoever trusts that sum takes a good packet for a bad one.

With CHECKSUM_COMPLETE a card hands over the sum of everything behind the Ethernet header (Linux
include/linux/skbuff.h). Some leave the padding of short frames out, which matters as soon as it is not zero: when the
stack cuts it off again, the sum no longer fits. See "net/mlx4_en: Force CHECKSUM_NONE for short ethernet frames" (Linux
29dded89e80e) and its twin for mlx5e, both in 5.0.

Linux sums once more by itself, finds the packet right, takes it and says "hw csum failure": the line alone is no loss.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.faults.facts import Facts, JoinedLine, LossSite
from lastseen.faults.kernels import kernel_has_fix
from lastseen.faults.patterns import exactly_these, is_tcp, without_loss
from lastseen.faults.tracking_table import FAMILIES
from lastseen.faults.tracks import Track
from lastseen.faults.weighing import Account, Fact, Observed, Unknown, first_observed, weigh
from lastseen.faults.wrong_checksums import Refused, agreeing, refused_packets
from lastseen.tables.counted import agreed, counted
from lastseen.tables.details import CHECKSUM_GOOD, DetailRows, column
from lastseen.tables.judgements import Judgement, Reason, Remedy, Step
from lastseen.tables.sources import Source

__all__ = ["CONFUSED_WITH", "SINCE", "TITLE", "judge"]

SLUG: Final = "nic_checksum_padding"
TITLE: Final = "the card leaves padding out of its sum of short frames, and good packets are dropped"
SINCE: Final = "0.1.0"
CONFUSED_WITH: Final = {
    "ovs_conntrack_padding": "there padding of zeros is fatal as well, and no 'hw csum failure' is logged",
}
WHAT: Final = "packets whose padding is not zero"
DRIVERS: Final = ("mlx5_core", "mlx4_en", "mlx4_core")
FIXED_IN: Final = (5, 0)
"""The mainline kernel in which these drivers stopped reporting such sums."""

Bools = npt.NDArray[np.bool_]


def judge(facts: Facts) -> Judgement:
    """Supported where just the packets with padding other than zeros are dropped by a host whose card sums wrongly."""
    accounts = [_at_hop(site, facts) for site in facts.losses()]
    found = refused_packets(facts, _dirty, sound=lambda track: ~_dirty(track))
    accounts += [_at_host(one, facts) for one in found]
    otherwise = without_loss(SLUG, facts, missing="whole packets before and behind the host that logs it")
    return weigh(SLUG, accounts, otherwise=otherwise)


def _at_hop(site: LossSite, facts: Facts) -> Account:
    lost, passed = _is_dirty(site.lost), _is_dirty(site.delivered)
    node = site.downstream.node
    log = _logged(facts, node)
    told = agreeing(facts, None)
    clean = is_tcp(site.delivered) & (column(site.delivered, "padding_len") > 0) & ~passed
    row = int(column(site.delivered, "frame_number")[int(np.argmax(clean))]) - 1 if clean.any() else -1
    return Account(
        required=(
            exactly_these(site, lost, passed, WHAT),
            log,
            first_observed((_zeros_pass(int(clean.sum()), site.source(row)), _quiet(facts, node), *told)),
        ),
        agreeing=(log, *told),
        refuting=_mended(facts, node),
        summary=f"{counted(len(site.lost_rows), 'short packet')} with padding other than zeros "
        f"{agreed(len(site.lost_rows), 'vanish')} between "
        f"{site.upstream.name} and {site.downstream.name}, where the card's sums do not fit",
        component=f"the card (or its driver) of {facts.host(node)}",
        hop=site.number,
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _at_host(found: Refused, facts: Facts) -> Account:
    node = found.packets.point.node
    log = _logged(facts, node)
    told = agreeing(facts, None)
    return Account(
        required=(
            Observed(reason=found.reason("padding that is not zero and a right checksum")),
            log,
            first_observed((*told, _quiet(facts, node))),
        ),
        agreeing=(log, *told),
        refuting=_mended(facts, node),
        summary=f"{counted(len(found.packets), 'short packet')} of {found.conversation.text} with padding "
        f"other than zeros {agreed(len(found.packets), 'are')} "
        "not taken by a host whose card's sums do not fit",
        component=f"the card (or its driver) of {facts.host(node)}",
        remedies=_REMEDIES,
        next=_NEXT,
    )


def _is_dirty(rows: DetailRows) -> Bools:
    """bool[n]: right packets with padding that is not zero."""
    padded = (column(rows, "padding_len") > 0) & (column(rows, "padding_nonzero") == 1)
    result: Bools = padded & (column(rows, "checksum") == CHECKSUM_GOOD)
    return result


def _dirty(track: Track) -> Bools:
    return _is_dirty(track.details)


def _lines(facts: Facts, node: str) -> list[JoinedLine]:
    """What the log of a node, or a log of which nobody knows whose it is, says of sums that did not fit."""
    return [j for j in facts.lines("hw_csum_failure") if j.line.node in (node, "")]


def _device(line: JoinedLine) -> str:
    return line.line.text.partition(": hw csum")[0]


def _logged(facts: Facts, node: str) -> Fact:
    lines = _lines(facts, node)
    if not lines:
        return Unknown(missing="the kernel log of the receiving host ('hw csum failure')")
    times = f"{len(lines)} times" if len(lines) > 1 else "once"
    text = f"the kernel found the sum that {_device(lines[0])} reports wrong {times} (hw csum failure)"
    return Observed(reason=Reason(text=text, source=lines[0].line.source))


def _zeros_pass(count: int, source: Source) -> Fact:
    """That short packets padded with zeros pass: whoever counts padding as payload would drop these as well."""
    if not count:
        return Unknown(missing="a short packet padded with zeros of the same direction, to compare with")
    return Observed(
        reason=Reason(text=f"{counted(count, 'short packet')} padded with zeros passed", source=source)
    )


def _quiet(facts: Facts, node: str) -> Fact:
    """That connection tracking judged nothing invalid there, so that it was not what dropped them."""
    for family in FAMILIES:
        delta = facts.counter_delta(family, "invalid", node)
        if delta is not None and not delta.value:
            text = "connection tracking judged no packet invalid there"
            return Observed(reason=Reason(text=text, source=delta.after))
    return Unknown(missing="conntrack -S of that host, before and after")


def _mended(facts: Facts, node: str) -> tuple[Fact, ...]:
    """That the driver is one of those mended in a known kernel, and the kernel has it."""
    devices = {_device(line) for line in _lines(facts, node)}
    mine = [i for i in facts.interfaces if i.node in (node, "") and i.name in devices | {""}]
    return (kernel_has_fix(facts, node, FIXED_IN),) if any(i.kind in DRIVERS for i in mine) else ()


_REMEDIES: Final = (
    Remedy(
        title="Update the card's driver",
        where="the receiving host: for mlx5 and mlx4 Linux 5.0, RHEL 8.0 from 4.18.0-80.2.1 on",
        commands=("ethtool -i DEVICE", "uname -r"),
        price="a reboot",
        risk="low",
        check="no more 'hw csum failure' in the log",
        undo=("boot the kernel that ran before",),
    ),
    Remedy(
        title="Let the host sum received packets itself",
        where="the receiving host",
        commands=("ethtool -K DEVICE rx off",),
        price="CPU",
        risk="what counts padding as payload on that host (ovs_conntrack_padding) may have been spared by the card's "
        "verdict until now",
        check="the short packets are taken, and no more 'hw csum failure' in the log",
        undo=("ethtool -K DEVICE rx on",),
    ),
)
_NEXT: Final = (
    Step(
        text="Switch the card's receive checksums off for one try, and see whether the short packets are taken.",
        commands=("ethtool -K DEVICE rx off", "dmesg | grep 'hw csum failure'"),
    ),
)
