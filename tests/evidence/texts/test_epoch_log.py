"""Logs whose lines begin with seconds since the epoch."""

from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import epoch_log as reader
from lastseen.tables.facts_from_texts import LogLine


def test_a_servers_log() -> None:
    """Exact to the nanosecond, in UTC."""
    found = [row for row in rows(reader, sample("epoch_log/server")) if isinstance(row, LogLine)]
    assert (found[0].at_ns, found[0].text) == (1795385080277964000, "listening 203.0.113.80")
    assert (found[-1].clock, found[-1].zone_known, found[-1].topic) == ("wall", True, "")


def test_continuations_and_other_lines() -> None:
    """A traceback belongs to its line; a line without a time is weird."""
    assert weirds(reader, "1795385080.277 failed\n  File x\nhello\n") == [3]
    assert weirds(reader, "  File x\n") == [1]


def test_traces_and_packets_are_others() -> None:
    """strace -ttt, tcpdump -tt with and without an interface, the journal's short-unix, a bare time."""
    for line in (
        "1795385080.277964 poll([{fd=3, events=POLLIN}], 1, 60000) = 0 (Timeout)",
        "1795385080.277964 IP 10.0.0.1.80 > 10.0.0.2.4000: Flags [S], length 0",
        "1795385080.277964 eth0  In  IP 10.0.0.1.80 > 10.0.0.2.4000: Flags [S], length 0",
        "1795385080.277964 cmp1 kernel: x",
        "1795385080.277964",
    ):
        assert not recognised(reader, f"{line}\n")
