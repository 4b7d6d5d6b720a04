"""What rules say where one fact is missing, is another connection's, or tells the opposite."""

from pathlib import Path

import packet_writer as w
import pytest
from case_scripts import against, for_it, judged, missing, script
from new_flows import first_syns_lost
from written_cases import Talk, View, packets, seen

from lastseen.faults.tracks import MOST_PACKETS
from lastseen.tables.judgements import Supported


def lost_syns(*, passes: bool, ttl: int, last: int | None = None) -> dict[str, bytes | str]:
    """Three SYNs with few hops left; the last one passes, or none does. `last`: its own TTL."""
    talk = Talk(timestamps=True)
    for number, at_ms in enumerate((50, 1050, 3050)):
        left = last if last is not None and number == 2 else ttl
        talk.send(at_ms, "S", client=True, again=0 if number else None, ttl=left)
    if passes:
        talk.send(3050.5, "SA")
        talk.send(3051, "A", client=True)
    beside = script("ttl_expiry").other()
    down = View(delay_ms=-0.1, drop=lambda s: s in talk.sent and s.number < (2 if passes else 3))
    return {"1_wan0.pcap": seen([talk, beside], down), "2_lan0.pcap": seen([talk, beside], View())}


def test_packets_with_as_few_hops_left_that_pass_speak_against_expiry(tmp_path: Path) -> None:
    files = lost_syns(passes=True, ttl=1)
    assert "as few hops left passed" in against(judged(tmp_path, files, "ttl_expiry"))


def test_the_same_packet_that_passes_with_more_hops_left_tells_expiry(tmp_path: Path) -> None:
    said = judged(tmp_path, lost_syns(passes=True, ttl=1, last=64), "ttl_expiry")
    assert "that passed had at least 64 hops left" in for_it(said)


def test_expiry_needs_a_packet_that_passed_or_a_routers_message(tmp_path: Path) -> None:
    assert "a packet with a larger TTL that passed" in missing(
        judged(tmp_path, lost_syns(passes=False, ttl=1), "ttl_expiry")
    )


def wrong_outside(*, counted: bool) -> dict[str, bytes | str]:
    """Six SYNs in a tunnel, all with a wrong outer checksum; none of that connection passes."""
    made = script("vxlan_nat_checksum")
    pod, talk = made._talks()
    del talk.sent[6:]
    pod.exchange(64_000)
    change = View(change=lambda sent: made._tunnelled(sent, wrong=sent in talk.sent))
    return {
        "1_peer_flannel.pcap": seen([pod, talk], View(delay_ms=-0.2, drop=lambda s: s in talk.sent)),
        "2_node_eth0.pcap": seen([pod, talk], change),
        "before/peer/nstat.txt": made._nstat(3),
        "after/peer/nstat.txt": made._nstat(9 if counted else 3),
    }


@pytest.mark.parametrize("counted", [True, False])
def test_where_nothing_passed_somebody_has_to_have_found_the_checksum_wrong(
    tmp_path: Path, counted: bool
) -> None:
    said = judged(tmp_path, wrong_outside(counted=counted), "vxlan_nat_checksum")
    assert isinstance(said, Supported) == counted
    if counted:
        assert "lost packets is wrong; the tunnel end" in for_it(said)


def test_frames_without_ethernet_headers_tell_no_wrong_neighbour(tmp_path: Path) -> None:
    made = script("wrong_mac").talk()
    lost = View(drop=lambda s: s.from_client and s.at_ms >= 100)
    bare = [(at, frame[14:]) for at, frame in packets([made], View(delay_ms=0.1))]
    files: dict[str, bytes | str] = {
        "1_server_port.pcap": seen([made], lost),
        "2_client_port.pcap": w.pcap(bare, link_type=101),
    }
    assert "a capture with Ethernet headers" in missing(judged(tmp_path, files, "wrong_mac"))


@pytest.mark.parametrize("is_mine", [True, False])
def test_bytes_that_wait_unread_are_those_of_the_connection(tmp_path: Path, is_mine: bool) -> None:
    made = script("zero_window")
    port = 40000 if is_mine else 40001
    sockets = (
        "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        f"ESTAB 7200   0      10.0.0.5:{port}      192.0.2.80:443\n"
    )
    files = made.captures(made.transfer(shut=True)) | {"mid/vm/ss_-tinom.txt": sockets}
    said = for_it(judged(tmp_path, files, "zero_window"))
    assert ("7200 bytes wait unread in the socket 10.0.0.5:40000" in said) == is_mine


def test_a_count_without_its_limit_does_not_tell_a_full_table(tmp_path: Path) -> None:
    files = first_syns_lost() | {"mid/sysctl.txt": "net.netfilter.nf_conntrack_count = 262144\n"}
    assert "the table was full" in missing(judged(tmp_path, files, "conntrack_table_full"))


def nat_rules(*sources: str) -> str:
    lines = "".join(f"\t\tip saddr {source} masquerade\n" for source in sources)
    return f"table ip n {{\n\tchain post {{\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n{lines}\t}}\n}}\n"


@pytest.mark.parametrize("source", ["10.0.0.0/24", "203.0.113.0/24"])
def test_a_rule_that_translates_counts_where_it_takes_the_lost_packets(tmp_path: Path, source: str) -> None:
    """No packet that passed shows it: the capture behind is before the translation."""
    files = first_syns_lost() | {"after/router/nft.txt": nat_rules("198.51.100.0/24", source)}
    said = str(judged(tmp_path, files, "conntrack_snat_race"))
    assert (f"ip saddr {source} masquerade" in said) == (source == "10.0.0.0/24")


@pytest.mark.parametrize("is_mine", [True, False])
def test_a_wait_of_another_connection_is_not_felt_on_this(tmp_path: Path, is_mine: bool) -> None:
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=180)
    talk.send(11, "A")
    talk.send(3011, "PA", size=900)
    talk.send(3012, "A", client=True)
    talk.send(3020, "FA")
    talk.send(3021, "FA", client=True)
    talk.send(3022, "A")
    port = 40000 if is_mine else 49999
    strace = (
        f'9 1700000000.011000 recvfrom(5<TCP:[10.0.0.5:{port}->192.0.2.80:443]>, "HTTP/1.1 200 OK", 4096, 0, NULL, NULL) = 15 '
        "<3.000200>\n"
        f'9 1700000003.020000 recvfrom(5<TCP:[10.0.0.5:{port}->192.0.2.80:443]>, "", 4096, 0, NULL, NULL) = 0 <0.000200>\n'
    )
    files: dict[str, bytes | str] = {"tap.pcap": seen([talk], View()), "strace.txt": strace}
    said = for_it(judged(tmp_path, files, "slow_server"))
    assert ("recvfrom waited 3.00 s on this connection until data came" in said) == is_mine


def test_an_attempt_with_the_ports_of_a_refused_one_was_not_refused(tmp_path: Path) -> None:
    """Another server was asked from the same port: its silence is not the router's refusal."""
    asked = Talk(client=("10.0.0.5", 41000), server=("192.0.2.81", 8080))
    asked.send(50, "S", client=True)
    error = w.icmp(3, 13, rest=bytes(4), data=asked.sent[-1].packet)
    asked.raw(50.5, w.ipv4("10.0.0.1", "10.0.0.5", error, identification=7))
    silent = Talk(client=("10.0.0.5", 41000), server=("192.0.2.82", 8080))
    silent.send(60, "S", client=True)
    silent.send(1060, "S", client=True, again=0)
    said = judged(tmp_path, {"tap.pcap": seen([asked, silent], View())}, "firewall_deny")
    assert "192.0.2.81:8080" in for_it(said)
    assert "192.0.2.82" not in for_it(said)


def test_a_point_that_saw_only_the_reset_does_not_tell_what_it_refused(tmp_path: Path) -> None:
    """The SYN went another way; the refusal is told from the point that saw both."""
    talk = Talk(client=("10.0.0.5", 41000), server=("192.0.2.80", 8080))
    talk.send(50, "S", client=True)
    talk.send(50.5, "RA")
    works = Talk(timestamps=True)
    works.opening()
    works.exchange(20)
    files: dict[str, bytes | str] = {
        "1_server.pcap": seen([works, talk], View()),
        "2_tap.pcap": seen(
            [works, talk], View(delay_ms=0.2, drop=lambda s: s in talk.sent and s.from_client)
        ),
    }
    said = judged(tmp_path, files, "port_closed")
    assert "1_server.pcap" in str(said)


def test_without_calls_a_wait_for_a_name_is_probable(tmp_path: Path) -> None:
    made = script("dns_timeout")
    said = judged(tmp_path, made.captures(made.lookup(dead=True)), "dns_timeout")
    assert isinstance(said, Supported)
    assert not said.confirmed


def small_writes(*, delay_ms: float) -> Talk:
    """Requests in two small pieces; the second leaves only after the first is acknowledged, `delay_ms` late."""
    talk = Talk(timestamps=True)
    talk.opening()
    for number in range(10):
        at_ms = 20 + 100 * number
        talk.send(at_ms, "PA", client=True, size=40)
        talk.send(at_ms + delay_ms, "A")
        talk.send(at_ms + delay_ms + 0.2, "PA", client=True, size=60)
        talk.send(at_ms + delay_ms + 1, "PA", size=300)
        talk.send(at_ms + delay_ms + 1.3, "A", client=True)
    return talk


@pytest.mark.parametrize("counted", [2, None, 40])
def test_delayed_acknowledgments_are_confirmed_by_as_many_that_a_host_counted(
    tmp_path: Path, counted: int | None
) -> None:
    files: dict[str, bytes | str] = {"1_client.pcap": seen([small_writes(delay_ms=40)], View())}
    for when, value in (("before", 0), ("after", counted)):
        if value is not None and counted is not None:
            files[f"{when}/server/nstat.txt"] = f"#kernel\nTcpExtDelayedACKs  {value}  0.0\n"
    said = judged(tmp_path, files, "nagle_delayed_ack")
    assert isinstance(said, Supported)
    assert said.confirmed == (counted == 40)


def test_a_window_that_shuts_after_the_packets_looked_at_is_not_told(tmp_path: Path) -> None:
    """Of a connection the first 20,000 packets are read again."""
    talk = Talk(timestamps=True)
    talk.opening()
    talk.send(10, "PA", client=True, size=120)
    for part in range(MOST_PACKETS):
        talk.send(11 + part / 10, "A", size=1)
    late = 11 + MOST_PACKETS / 10
    talk.send(late, "A", client=True, window=0)
    for probe in (200, 600, 1400):
        talk.next_seq[1] -= 1
        talk.send(late + probe, "A")
        talk.next_seq[1] += 1
        talk.send(late + probe + 0.5, "A", client=True, window=0)
    talk.send(late + 3000, "A", client=True)
    talk.send(late + 3001, "PA", size=900)
    said = judged(tmp_path, {"tap.pcap": seen([talk], View())}, "zero_window")
    assert "the packets that close the window" in missing(said)
