"""Measure how fast texts are read and how much memory that takes: 500 MB of mixed evidence in 60 s and 1 GiB.

The texts are the repository's own evidence, repeated with other numbers in it, as long as such texts get in the field:
logs and traces make up most, tables of flows and connections the rest.

    python bench/text_speed.py [--mb 500] [--only KIND]
"""

import argparse
import json
import re
import resource
import tempfile
import time
from pathlib import Path
from typing import Final

from lastseen.evidence.case import open_case

__all__ = ["measure", "write_texts"]

ROOT: Final = Path(__file__).parent.parent
RUN: Final = ROOT / "examples/openstack-missing-fin/01_broken_php60_vm"
SAMPLES: Final = ROOT / "tests/evidence/texts/samples"
SOURCES: Final = (
    ("kernel.log", RUN / "dmesg_iso.txt", 20),
    ("ovs-vswitchd.log", SAMPLES / "ovs_log/vswitchd_3_1.txt", 10),
    ("flows.txt", SAMPLES / "ovs_ofctl_flows/of10.txt", 15),
    ("megaflows.txt", SAMPLES / "ovs_dpctl_flows/m.txt", 15),
    ("conntrack.txt", RUN / "after/conntrack_-L.txt", 8),
    ("dpctl_conntrack.txt", SAMPLES / "ovs_dpctl_conntrack/netdev_s.txt", 2),
    ("strace.txt", RUN / "strace.txt", 15),
    ("kfree_skb.trace", SAMPLES / "kfree_skb/tracefs_6_18_stack.txt", 8),
    ("sockets.txt", RUN / "mid/remote_ss.txt", 3),
    ("iptables-save.txt", SAMPLES / "iptables_save/nft_1_8_9_c.txt", 2),
    ("lflows.txt", SAMPLES / "ovn_lflow/plain.txt", 2),
)
"""Name, where its lines come from, and its part of a hundred."""
_LONG_NUMBER: Final = re.compile(r"(?<![\w:.-])[0-9]{3,19}(?![\w:-]|\.[0-9])|(?<==)[0-9]{4,12}(?=[,\s])")
_PIECE: Final = 1 << 20


def write_texts(folder: Path, megabytes: int, only: str = "") -> int:
    """Write the texts; returns their bytes."""
    total = 0
    for name, source, share in SOURCES:
        if only and only not in name:
            continue
        lines = source.read_text().splitlines(keepends=True)
        head, body = (lines[:12], lines[12:]) if name.endswith(".trace") else (lines[:1], lines[1:] or lines)
        piece = "".join(body) * max(1, _PIECE // max(1, sum(map(len, body))))
        wanted, written = (100 if only else share) * megabytes * 10_000, 0
        with (folder / name).open("w") as stream:
            stream.write("".join(head))
            for number in range(1_000_000):
                written += stream.write(_LONG_NUMBER.sub(lambda found, n=number: _other(found[0], n), piece))  # type: ignore[misc]
                if written >= wanted:
                    break
        total += written
    return total


def _other(digits: str, number: int) -> str:
    """Another number of the same length."""
    return str((int(digits) + 7919 * number) % 10 ** len(digits)).zfill(len(digits))


def measure(megabytes: int, only: str = "") -> dict[str, object]:
    """Bytes, seconds, rows kept and the most memory this process ever had."""
    with tempfile.TemporaryDirectory(prefix="text-speed-") as place:
        size = write_texts(Path(place), megabytes, only)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun, cpu = time.perf_counter(), time.process_time()
        with open_case([Path(place)]) as case:
            seconds, used = time.perf_counter() - begun, time.process_time() - cpu
            files = {file.file: {"kind": file.kind, "rows": file.rows} for file in case.files}
            weirds = [f"{weird.file}: {weird.reason}" for weird in case.weirds][:30]
    return {
        "megabytes": round(size / 1e6, 1),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used, 2),
        "megabytes_per_s": round(size / 1e6 / seconds, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak_mib_before_reading": before // 1024,
        "files": files,
        "weirds": weirds,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--only", default="")
    said = parser.parse_args()
    print(json.dumps(measure(said.mb, said.only), indent=2))
