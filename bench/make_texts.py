"""Make long texts of every kind a host gives: the repository's own evidence, repeated with other numbers in it.

Logs and traces make up most of it, tables of flows and connections the rest, as long as such texts get in the field.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["SOURCES", "Source", "write_texts"]

ROOT: Final = Path(__file__).parent.parent
RUN: Final = ROOT / "examples/openstack-missing-fin/01_broken_php60_vm"
SAMPLES: Final = ROOT / "tests/evidence/texts/samples"
LISTINGS: Final = ROOT / "tests/evidence/listings/samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text: where its lines come from and its part of a hundred. The first `head` lines stand there once.

    `end`: before which line the repeated ones end.
    """

    name: str
    file: Path
    share: int
    head: int = 1
    end: int | None = None


SOURCES: Final = (
    Source(name="kernel.log", file=RUN / "dmesg_iso.txt", share=18),
    Source(name="ovs-vswitchd.log", file=SAMPLES / "ovs_log/vswitchd_3_1.txt", share=9),
    Source(name="flows.txt", file=SAMPLES / "ovs_ofctl_flows/of10.txt", share=13),
    Source(name="megaflows.txt", file=SAMPLES / "ovs_dpctl_flows/m.txt", share=14),
    Source(name="conntrack.txt", file=RUN / "after/conntrack_-L.txt", share=8),
    Source(name="dpctl_conntrack.txt", file=SAMPLES / "ovs_dpctl_conntrack/netdev_s.txt", share=2),
    Source(name="strace.txt", file=RUN / "strace.txt", share=14),
    Source(
        name="kfree_skb.trace",
        file=SAMPLES / "kfree_skb/tracefs_6_18_stack.txt",
        share=7,
        head=12,
    ),
    Source(name="sockets.txt", file=RUN / "mid/remote_ss.txt", share=3),
    Source(name="iptables-save.txt", file=SAMPLES / "iptables_save/nft_1_8_9_c.txt", share=2),
    Source(name="lflows.txt", file=SAMPLES / "ovn_lflow/plain.txt", share=2),
    Source(name="syslog", file=SAMPLES / "kernel_log/syslog_written.txt", share=3),
    Source(name="sysctl.txt", file=SAMPLES / "sysctl/net.txt", share=1),
    Source(
        name="ruleset.nft",
        file=SAMPLES / "nft_ruleset/ruleset_1_0_6.txt",
        share=2,
        head=27,
        end=34,
    ),
    Source(name="listing.txt", file=LISTINGS / "tcpdump_4_99_nano.txt", share=2),
)
_LONG_NUMBER: Final = re.compile(r"(?<![\w:.-])[0-9]{3,19}(?![\w:-]|\.[0-9])|(?<==)[0-9]{4,12}(?=[,\s])")
_PIECE: Final = 1 << 20


def write_texts(folder: Path, megabytes: int, only: str = "") -> int:
    """Write the texts, or all of that length those whose name contains `only`; returns their bytes."""
    total = 0
    for source in SOURCES:
        if only and only not in source.name:
            continue
        lines = source.file.read_text().splitlines(keepends=True)
        body = lines[source.head : source.end] or lines
        piece = "".join(body) * max(1, _PIECE // max(1, sum(map(len, body))))
        wanted, written = (100 if only else source.share) * megabytes * 10_000, 0
        with (folder / source.name).open("w") as stream:
            stream.write("".join(lines[: source.head]))
            for number in range(1_000_000):
                written += stream.write(_LONG_NUMBER.sub(lambda found, n=number: _other(found[0], n), piece))  # type: ignore[misc]
                if written >= wanted:
                    break
        total += written
    return total


def _other(digits: str, number: int) -> str:
    """Another number of the same length."""
    return str((int(digits) + 7919 * number) % 10 ** len(digits)).zfill(len(digits))
