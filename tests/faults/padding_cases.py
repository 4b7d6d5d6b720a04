"""Cases of padded packets that vanish, and what hosts print of them: shared by the tests of this rule."""

from collections.abc import Mapping
from pathlib import Path

from written_cases import (
    Sent,
    Talk,
    conntrack_stats,
    diagnosed,
    log_line,
    lost_short,
    seed_talk,
    write_case,
)

from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.judgements import Judgement, Supported

Files = Mapping[str, bytes | str]

INTERFACES = (
    "2: tunnel: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
    "3: tap: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
)
CHECKSUM = "net.netfilter.nf_conntrack_checksum"


def taken(talk: Talk) -> list[Sent]:
    """What the fault takes of a talk."""
    return [sent for sent in talk.sent if lost_short(sent)]


def log_of(packets: list[Sent], reason: str = "nf_ct_proto_6: bad checksum") -> str:
    return "".join(log_line(sent, reason=reason) for sent in packets)


def counters(moved: int, node: str = "", start: int = 40) -> Files:
    """conntrack's counters before and after."""
    below = f"{node}/" if node else ""
    return {
        f"before/{below}conntrack_-S.txt": conntrack_stats(start),
        f"after/{below}conntrack_-S.txt": conntrack_stats(start + moved),
    }


def on_compute(files: Files) -> Files:
    """The case, with texts that say on which host both points are."""
    return {**files, "before/compute/ip_addr.txt": INTERFACES}


def run(folder: Path, files: Files) -> Diagnosis:
    return diagnosed(write_case(folder, files))


def said(judged: Judgement) -> str:
    """All a judgement says for and against."""
    against = () if isinstance(judged, Supported) else judged.against
    return " | ".join(reason.text for reason in (*judged.reasons, *against))


SEED = seed_talk()
LOST = taken(SEED)
