"""`ip route`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ip_route as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Route
from lastseen.tables.sources import Weird

SAMPLE = """\
default via 10.20.0.1 dev eth0 
10.20.0.0/24 dev eth0 proto kernel scope link src 10.20.0.15 
203.0.113.0/24 dev ens4 scope link 
10.0.0.5 via 10.20.0.2 dev eth0 proto static metric 100 
"""
V6 = """\
::1 dev lo proto kernel metric 256 pref medium
2001:db8:0::/64 dev eth0 proto kernel metric 256 pref medium
local fe80::1 dev eth0 table local proto kernel metric 0 pref medium
default via fe80::2 dev eth0 proto ra metric 1024 expires 1797sec pref medium
"""
MULTIPATH = """\
default proto static 
\tnexthop via 10.0.0.1 dev eth0 weight 1 
\tnexthop via 10.0.1.1 dev eth1 weight 1 
unreachable 10.9.0.0/16 
blackhole 10.8.0.0/16 proto static 
"""


def _rows(sample: str) -> list[Route | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _routes(sample: str) -> list[tuple[str, str, str]]:
    return [(row.destination, row.device, row.via) for row in _rows(sample) if isinstance(row, Route)]


def test_routes() -> None:
    """Destination, device and gateway; a host's route has the full prefix length."""
    assert _routes(SAMPLE) == [
        ("default", "eth0", "10.20.0.1"),
        ("10.20.0.0/24", "eth0", ""),
        ("203.0.113.0/24", "ens4", ""),
        ("10.0.0.5/32", "eth0", "10.20.0.2"),
    ]
    assert len(_rows(SAMPLE)) == 4


def test_ipv6_routes() -> None:
    """Canonical prefixes, whatever table."""
    assert _routes(V6) == [
        ("::1/128", "lo", ""),
        ("2001:db8::/64", "eth0", ""),
        ("fe80::1/128", "eth0", ""),
        ("default", "eth0", "fe80::2"),
    ]


def test_next_hops_and_routes_that_discard() -> None:
    """A row a next hop; discarding routes have neither device nor gateway."""
    assert _routes(MULTIPATH) == [
        ("default", "eth0", "10.0.0.1"),
        ("default", "eth1", "10.0.1.1"),
        ("10.9.0.0/16", "", ""),
        ("10.8.0.0/16", "", ""),
    ]
    assert [row.source.line for row in _rows(MULTIPATH) if isinstance(row, Route)] == [2, 3, 4, 5]


def test_a_gateway_of_the_other_family() -> None:
    """`via inet6`."""
    assert _routes("10.0.0.0/8 via inet6 fe80::2 dev eth0\n") == [("10.0.0.0/8", "eth0", "fe80::2")]


def test_the_answer_of_route_get() -> None:
    """The cache line says nothing of its own."""
    sample = "203.0.113.80 via 10.20.0.1 dev eth0 src 10.20.0.15 uid 0 \n    cache \n"
    assert _routes(sample) == [("203.0.113.80/32", "eth0", "10.20.0.1")]
    assert len(_rows(sample)) == 1


def test_other_lines_are_weird() -> None:
    """Text, a prefix that is none, a next hop without its route."""
    for sample in ("hello\n", "10.0.0.0.0/8 dev eth0\n", "\tnexthop via 10.0.0.1 dev eth0\n"):
        assert isinstance(_rows(sample)[0], Weird)


@pytest.mark.parametrize("sample", [SAMPLE, V6, MULTIPATH])
def test_recognised_by_content(sample: str) -> None:
    """Every form."""
    assert _recognised(sample)


def test_recognised_by_command_when_empty() -> None:
    """Not by commands that change routes."""
    assert _recognised("", "ip -n vm route")
    assert _recognised("", "ip -6 r")
    assert _recognised("", "ip route show table all")
    assert not _recognised("", "ip route add default via 10.0.0.1")
    assert not _recognised("")


@pytest.mark.parametrize(
    "sample",
    [
        "10.0.0.1 dev eth0 lladdr 52:54:00:00:01:01 REACHABLE\n10.0.0.2 dev eth0  FAILED\n",
        "10.0.0.1 came via the gateway\n",
        "default\n",
        "0:\tfrom all lookup local\n",
    ],
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """Neighbours, rules, prose."""
    assert not _recognised(sample)


@given(st.text(), st.sampled_from(["", "default ", MULTIPATH, "10.0.0.0/8 via "]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
