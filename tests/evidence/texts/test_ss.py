"""`ss -tn` and its options: headers, the second line, one-line output, odd addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ss
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.facts_from_texts import Socket
from lastseen.tables.sources import Weird

HEADER = "State      Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n"
FIRST = (
    "FIN-WAIT-1 0      32        10.20.0.15:50184 203.0.113.80:443  "
    "timer:(on,3.084ms,4) ino:0 sk:b cgroup:unreachable:1 ---"
)
SECOND = (
    "sack cubic wscale:7,7 rto:4032 backoff:4 rtt:50.613/20.062 cwnd:1 send 221603bps pacing_rate 4432024bps "
    "delivery_rate 1002856bps delivered:4 app_limited busy:5068ms unacked:1 retrans:1/5 snd_wnd:64128"
)
NO_CGROUP = "Failed to find cgroup2 mount\nFailed to find cgroup2 mount\n"
LOCAL = Endpoint(address="10.20.0.15", port=50184)
PEER = Endpoint(address="203.0.113.80", port=443)


def rows(text: str) -> list[Socket | Weird]:
    return list(ss.read(Text("ss.txt", enumerate(text.split("\n"), 1), node="vm", snapshot="after")))


def sockets(text: str) -> list[Socket]:
    found = rows(text)
    assert all(isinstance(row, Socket) for row in found), found
    return [row for row in found if isinstance(row, Socket)]


@pytest.mark.parametrize(
    "text",
    [
        f"$ ip netns exec vm ss -tnoie\n{NO_CGROUP}{HEADER}{FIRST}\n\t {SECOND}\n",
        f"{HEADER}{FIRST}\n         {SECOND}",
        f"{FIRST}\n\t {SECOND}",
        f"{FIRST}\t {SECOND}",
        f"{FIRST} {SECOND}\n\n",
    ],
)
def test_two_lines_one_line_with_and_without_header(text: str) -> None:
    (row,) = sockets(text)
    assert (row.state, row.local, row.peer) == ("FIN-WAIT-1", LOCAL, PEER)
    assert (row.recv_q_bytes, row.send_q_bytes, row.timer) == (0, 32, "on,3.084ms,4")
    assert row.info["rto"] == "4032"
    assert row.info["retrans"] == "1/5"
    assert row.info["cgroup"] == "unreachable:1"
    assert (row.info["send"], row.info["pacing_rate"]) == ("221603bps", "4432024bps")
    assert row.info["delivery_rate"] == "1002856bps"
    assert (row.info["sack"], row.info["cubic"], row.info["app_limited"]) == ("", "", "")
    assert (row.node, row.snapshot) == ("vm", "after")


def test_each_socket_has_its_own_second_line() -> None:
    text = "ESTAB 0 0 10.0.0.1:22 10.0.0.2:5000\n\t cubic rto:204\nESTAB 7 9 10.0.0.1:22 10.0.0.3:5000\n\t bbr rto:208\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*"
    found = sockets(HEADER + text)
    assert [row.info.get("rto") for row in found] == ["204", "208", None]
    assert [row.source.line for row in found] == [2, 4, 6]
    assert (found[1].recv_q_bytes, found[1].send_q_bytes) == (7, 9)
    assert (found[2].state, found[2].send_q_bytes, found[2].peer) == (
        "LISTEN",
        128,
        Endpoint(address="0.0.0.0"),
    )


@pytest.mark.parametrize(
    ("shown", "endpoint"),
    [
        ("[::1]:631", Endpoint(address="::1", port=631)),
        ("[2001:db8::5]:443", Endpoint(address="2001:db8::5", port=443)),
        ("[::ffff:10.0.0.5]:443", Endpoint(address="10.0.0.5", port=443)),
        ("::ffff:10.0.0.5:443", Endpoint(address="10.0.0.5", port=443)),
        ("[fe80::1%eth0]:546", Endpoint(address="fe80::1", port=546)),
        ("[fe80::1]%eth0:546", Endpoint(address="fe80::1", port=546)),
        ("10.0.0.5%ens3:68", Endpoint(address="10.0.0.5", port=68)),
        (":::22", Endpoint(address="::", port=22)),
        ("*:22", Endpoint(address="::", port=22)),
        ("10.0.0.5:https", Endpoint(address="10.0.0.5", port=443)),
    ],
)
def test_addresses(shown: str, endpoint: Endpoint) -> None:
    (row,) = sockets(f"ESTAB 0 0 {shown} 10.0.0.2:5000")
    assert row.local == endpoint
    assert row.info.get("iface") == {True: shown.rpartition(":")[0].rpartition("%")[2].rstrip("]")}.get(
        "%" in shown
    )


def test_the_columns_that_come_and_go() -> None:
    """`ss -a` of all families has a Netid, `ss state established` has no State."""
    (udp,) = sockets(
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        "u_str ESTAB 0 0 * 12345 * 12346\nnl UNCONN 0 0 rtnl:kernel *\n"
        'udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd resolve",pid=7,fd=13))\n'
    )
    assert (udp.state, udp.info["netid"], udp.local.port) == ("UNCONN", "udp", 53)
    assert udp.info["users"] == '(("systemd resolve",pid=7,fd=13))'
    (filtered,) = sockets(
        "Recv-Q Send-Q Local Address:Port Peer Address:Port\n0      0      10.0.0.1:22 10.0.0.2:33\n"
    )
    assert (filtered.state, filtered.peer.port) == ("", 33)


def test_memory_and_congestion_words() -> None:
    (row,) = sockets(
        "ESTAB 0 0 10.0.0.1:22 10.0.0.2:33 timer:(keepalive,9min52sec,0)\n"
        "\t skmem:(r0,rb131072,t0,tb46080) bbr:(bw:1.2Mbps,mrtt:5.1) rwnd_limited:20ms(1.5%) rto:204"
    )
    assert row.timer == "keepalive,9min52sec,0"
    assert row.info == {
        "skmem": "(r0,rb131072,t0,tb46080)",
        "bbr": "(bw:1.2Mbps,mrtt:5.1)",
        "rwnd_limited": "20ms(1.5%)",
        "rto": "204",
    }


@pytest.mark.parametrize(
    "line", ["not a socket", "ESTAB 0 0 10.0.0.300:22 10.0.0.2:5000", "ESTAB 0 0 10.0.0.3:99999999 10.0.0.2:5000",
             "ESTAB 0 0 10.0.0.3:nosuchservice 10.0.0.2:5000", "\t cubic rto:204"],
)  # fmt: skip
def test_odd_lines_are_weirds(line: str) -> None:
    assert [type(row) for row in rows(HEADER + line)] == [Weird]


@pytest.mark.parametrize(
    "text", [HEADER, NO_CGROUP + HEADER + FIRST, FIRST, "ESTAB 0 0 10.0.0.1:22 10.0.0.2:5000\n\t cubic"]
)
def test_recognised_without_a_command_line(text: str) -> None:
    assert ss.recognise(Head(tuple(text.split("\n"))))


@pytest.mark.parametrize(
    "text",
    [
        "", ("Active Internet connections (servers and established)\nProto Recv-Q Send-Q Local Address Foreign Address State\n"
        "tcp 0 0 10.0.0.1:22 10.0.0.2:33 ESTABLISHED"), "Total: 180\nTCP:   12 (estab 2, closed 1)",
        "ESTABLISHED connections: 10", "cubic rto:204", "tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
    ],
)  # fmt: skip
def test_not_recognised(text: str) -> None:
    assert not ss.recognise(Head(tuple(text.split("\n"))))


def test_empty_output_is_recognised_by_its_command() -> None:
    assert ss.recognise(Head(("Failed to find cgroup2 mount",), "ip netns exec vm ss -tnoie"))
    assert not ss.recognise(Head(("Total: 180",), "ss -s"))
    assert not ss.recognise(Head((), "nft list ruleset"))


@given(st.text() | st.text(alphabet='ESTAB 0123456789.:[]%*()"\t\n-x'))
def test_no_text_raises(text: str) -> None:
    rows(text)
    ss.recognise(Head(tuple(text.split("\n"))))


@given(st.integers(0, len(FIRST + SECOND)), st.permutations([HEADER.strip(), FIRST, "\t " + SECOND, FIRST]))
def test_cut_or_shuffled_output_gives_rows_or_weirds(length: int, lines: list[str]) -> None:
    rows(f"{FIRST}\n\t{SECOND}"[:length])
    rows("\n".join(lines))


@pytest.mark.parametrize("rest", ['a:(" ' * 12_000, "a:(" * 20_000, " " * 60_000 + "x", "a:(x " * 12_000])
def test_a_hostile_line_is_read_in_passing(rest: str) -> None:
    (row,) = sockets(f"ESTAB 0 0 10.0.0.1:22 10.0.0.2:33 {rest}")
    assert len(row.info) <= ss.MAX_WORDS
