"""`ip addr`: which addresses a node has."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ip_addr as reader
from lastseen.evidence.texts import ip_link
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface
from lastseen.tables.sources import Weird

SAMPLE = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host 
       valid_lft forever preferred_lft forever
2: eth0@if8: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1442 qdisc noqueue state UP group default qlen 1000
    link/ether fa:16:3e:aa:00:15 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    altname enp0s3
    inet 10.20.0.15/24 brd 10.20.0.255 scope global dynamic eth0
       valid_lft 86000sec preferred_lft 86000sec
    inet 10.20.0.16/24 scope global secondary eth0
       valid_lft forever preferred_lft forever
    inet6 fe80:0::f816:3eff:feaa:15/64 scope link 
       valid_lft forever preferred_lft forever
3: ppp0: <POINTOPOINT,UP,LOWER_UP> mtu 1492 qdisc fq_codel state UNKNOWN group default qlen 3
    link/ppp 
    inet 100.64.0.9 peer 10.0.0.1/32 scope global ppp0
       valid_lft forever preferred_lft forever
"""
NO_ADDRESSES = """\
9: ovs-system: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 0a:c4:cf:3e:3e:d8 brd ff:ff:ff:ff:ff:ff
"""
FOLDED = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: ens3    inet 192.168.50.21/24 brd 192.168.50.255 scope global ens3\\       valid_lft forever preferred_lft forever
2: ens3    inet6 fe80::5054:ff:fe00:101/64 scope link \\       valid_lft forever preferred_lft forever
"""
STATISTICS = SAMPLE + "    RX: bytes packets errors dropped missed mcast\n    1 2 3 4 5 6\n"


def _rows(sample: str) -> list[Interface | Counter | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _head(sample: str, command: str = "") -> Head:
    return Head(lines=tuple(sample.splitlines()), command=command)


def _interfaces(sample: str) -> dict[str, Interface]:
    rows = _rows(sample)
    assert not [row for row in rows if isinstance(row, Weird)]
    return {row.name: row for row in rows if isinstance(row, Interface)}


def test_addresses_of_every_interface() -> None:
    """Canonical, with prefix lengths; a point-to-point address has none of its own."""
    interfaces = _interfaces(SAMPLE)
    assert interfaces["lo"].addresses == ("127.0.0.1/8", "::1/128")
    assert interfaces["eth0"].addresses == ("10.20.0.15/24", "10.20.0.16/24", "fe80::f816:3eff:feaa:15/64")
    assert interfaces["ppp0"].addresses == ("100.64.0.9",)
    eth0 = interfaces["eth0"]
    assert (eth0.ifindex, eth0.mac, eth0.mtu_bytes, eth0.state, eth0.kind) == (
        2,
        "fa:16:3e:aa:00:15",
        1442,
        "UP",
        "",
    )


def test_one_line_output() -> None:
    """`ip -o addr` repeats the name for each address."""
    interfaces = _interfaces(FOLDED)
    assert interfaces["ens3"].addresses == ("192.168.50.21/24", "fe80::5054:ff:fe00:101/64")
    assert interfaces["ens3"].ifindex == 2


def test_counters_of_ip_s_addr() -> None:
    """They are those of `ip link`."""
    assert [row.name for row in _rows(STATISTICS) if isinstance(row, Counter)][-1] == "rx_mcast"


def test_a_broken_address_is_left_out() -> None:
    """The interface stays."""
    assert _interfaces(SAMPLE.replace("127.0.0.1/8", "127.0.0/8"))["lo"].addresses == ("::1/128",)


def test_recognition() -> None:
    """Every form is claimed here and not by `ip link`; the command counts when there is no output."""
    for sample in (SAMPLE, NO_ADDRESSES, FOLDED, STATISTICS):
        assert reader.recognise(_head(sample))
        assert not ip_link.recognise(_head(sample))
    assert reader.recognise(_head("", "ip -n vm addr"))
    assert reader.recognise(_head("", "ip a"))
    assert not reader.recognise(_head("", "ip addr add 10.0.0.1/8 dev lo"))
    assert not reader.recognise(_head("1: lo inet is an address\n"))
    assert not reader.recognise(_head("inet 10.0.0.1\n"))
    assert not reader.recognise(_head(""))


def test_lines_before_an_interface_are_weird() -> None:
    """A file cut at its start."""
    assert isinstance(_rows(SAMPLE[100:])[0], Weird)


@given(st.text(), st.sampled_from(["", SAMPLE, "2: a    inet 1.1.1.1/8 "]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    reader.recognise(_head(start + text))
