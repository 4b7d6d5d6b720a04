"""`ipset`, `conntrack -C`, ulogd's files."""

import pytest
from reading import counters, recognised, rows, sample, weirds

from lastseen.evidence.texts import conntrack_count, ipset_list, ulogd
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import LogLine, Rule, Setting

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("name", ["v7", "save"])
def test_sets_with_members(name: str) -> None:
    """Both forms name limits and members; only `list` counts them."""
    found = rows(ipset_list, sample(f"ipset_list/{name}"))
    settings = {(row.scope, row.name): row.value for row in found if isinstance(row, Setting)}
    assert settings["ipset:n1", "maxelem"] == "65536"
    assert settings["ipset:s1", "type"] == "hash:ip"
    members = {(row.place, row.match): row.packets for row in found if isinstance(row, Rule)}
    assert members == {("s1", "10.0.0.1"): 0, ("n1", "10.1.0.0/16,tcp:80"): None}
    assert (("s1", "entries") in counters(ipset_list, sample(f"ipset_list/{name}"))) == (name == "v7")


def test_ipset_damage() -> None:
    """A number that is none gives no counter; other text is weird."""
    assert counters(ipset_list, "Name: a\nType: hash:ip\nNumber of entries: many\n") == {}
    assert weirds(ipset_list, "Name: a\nType: hash:ip\nhello\n") == [3]
    assert recognised(ipset_list, "", "ipset list")
    assert not recognised(ipset_list, "Name: nginx\nVersion: 1\n")


def test_count_of_connections() -> None:
    """Known by its command only."""
    assert counters(conntrack_count, sample("conntrack_count/needs_command")) == {("", "entries"): 42}
    assert counters(conntrack_count, "7\n", "cat /proc/sys/net/netfilter/nf_conntrack_count") == {
        ("", "entries"): 7
    }
    assert weirds(
        conntrack_count, "conntrack v1.4.7 (conntrack-tools): ok\nOperation failed\n", "conntrack -C"
    ) == [2]
    assert not recognised(conntrack_count, "42\n")


@pytest.mark.parametrize(
    ("name", "clock", "at_ns"),
    [
        ("logemu", "yearless", (328 * 86_400 + 9 * 3600 + 58 * 60 + 22) * 10**9),
        ("gprint", "wall", 1_795_600_702_448_919_000),
        ("json_written", "wall", 1_795_600_702_448_919_000),
    ],
)
def test_ulogd_names_the_packet(name: str, clock: str, at_ns: int) -> None:
    """In all three outputs."""
    (row,) = rows(ulogd, sample(f"ulogd/{name}"))
    assert isinstance(row, LogLine)
    assert (row.reason, row.clock, row.at_ns) == ("fw-drop:", clock, at_ns)
    assert row.packet is not None
    assert (row.packet.src, row.packet.dst.port) == (Endpoint(address="10.9.0.1", port=43962), 9997)
    assert (row.packet.tcp_seq, row.packet.tcp_flags, row.packet.ip_len_bytes) == (1029317124, 2, 60)
    assert (row.packet.ip_id, row.packet.ip_ttl, row.packet.out_device) == (40539, 64, "va")


def test_ulogd_times() -> None:
    """The stamp before the packet where the packet has no time of its own; a local or impossible one is unknown."""

    def at_ns(stamp: str) -> int | None:
        (row,) = rows(ulogd, '{"oob.prefix": "x", "timestamp": "' + stamp + '"}')
        assert isinstance(row, LogLine)
        assert row.packet is None
        return row.at_ns

    assert at_ns("2026-11-25T09:58:22.448919+00:00") == 1_795_600_702_448_919_000
    assert [at_ns(stamp) for stamp in ("2026-11-25T09:58:22", "x", "9999-01-01T00:00:00+00:00")] == [None] * 3


def test_ulogd_damage() -> None:
    """Cut JSON and other text are weird."""
    assert weirds(ulogd, '{"oob.prefix": "x"\nhello\n[1]\n') == [1, 2, 3]
    assert not recognised(ulogd, "Nov 25 09:58:22 vm kernel: fw IN= OUT=va SRC=10.9.0.1 DST=10.9.0.2\n")
    assert not recognised(ulogd, '{"a": 1}\n')


def test_what_connection_tracking_sends_to_ulogd_has_its_topic() -> None:
    """nf_log 2 bound to nfnetlink_log: the kernel's text is the prefix."""
    line = (
        "Nov 25 09:48:14 compute nf_ct_proto_6: SEQ is over upper bound 403455421 (over the window of the receiver)  "
        "IN=w1 OUT= MAC=ce:d1:19:3c:3b:b9:1a:84:f5:01:f5:b2:08:00 SRC=198.51.100.9 DST=10.0.0.5 LEN=1500 TOS=00 PREC=0x00 "
        "TTL=64 ID=39758 DF PROTO=TCP SPT=80 DPT=56366 SEQ=403519780 ACK=1969594966 WINDOW=64 ACK URGP=0 MARK=0x0 \n"
    )
    (row,) = rows(ulogd, line)
    assert isinstance(row, LogLine)
    assert (row.topic, row.reason[:22]) == ("conntrack_invalid", "SEQ is over upper boun")
    assert row.packet is not None
    assert row.packet.ip_id == 39758
