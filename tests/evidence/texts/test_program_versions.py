"""Versions of programs, one or several in a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import program_versions as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

SEVERAL = """\
PHP 8.2.36 (cli) (built: Nov 18 2026 20:02:04) (NTS)
Copyright (c) The PHP Group
Zend Engine v4.2.36, Copyright (c) Zend Technologies
curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.22 zlib/1.2.13
Release-Date: 2023-02-20, security patched: 7.88.1-10+deb12u15
strace -- version 6.1
tcpdump version 4.99.3
libpcap version 1.10.3 (with TPACKET_V3)
OpenSSL 3.0.22 25 Aug 2026
conntrack v1.4.7 (conntrack-tools)
ip utility, iproute2-6.1.0, libbpf 1.1.2
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
"""


def _rows(sample: str) -> list[Version | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_several_programs_in_one_file() -> None:
    """Lines that tell no version are passed over."""
    assert [(row.name, row.version) for row in _rows(SEVERAL) if isinstance(row, Version)] == [
        ("php", "8.2.36"),
        ("curl", "7.88.1"),
        ("strace", "6.1"),
        ("tcpdump", "4.99.3"),
        ("libpcap", "1.10.3"),
        ("openssl", "3.0.22"),
        ("conntrack", "1.4.7"),
        ("iproute2", "6.1.0"),
        ("os", "Debian GNU/Linux 12 (bookworm)"),
    ]
    assert len(_rows(SEVERAL)) == 9
    assert _recognised(SEVERAL)


@pytest.mark.parametrize(
    ("line", "name", "version", "detail"),
    [
        ("ovs-vswitchd (Open vSwitch) 3.1.0", "ovs-vswitchd", "3.1.0", ""),
        ("ovs-vsctl (Open vSwitch) 2.17.9", "ovs-vsctl", "2.17.9", ""),
        ("ovsdb-server (Open vSwitch) 2.5.0", "ovsdb-server", "2.5.0", ""),
        ("ovn-controller 22.03.3", "ovn-controller", "22.03.3", ""),
        ("PHP 7.4.33 (fpm-fcgi) (built: Jan  1 2024 00:00:00)", "php", "7.4.33", "fpm-fcgi"),
        ("curl 8.5.0 (x86_64-pc-linux-gnu) libcurl/8.5.0", "curl", "8.5.0", "x86_64-pc-linux-gnu"),
        ("ip utility, iproute2-ss170501", "iproute2", "170501", ""),
        ("tc utility, iproute2-5.15.0", "iproute2", "5.15.0", ""),
        ("nftables v1.0.6 (Lester Gooch #5)", "nft", "1.0.6", "Lester Gooch #5"),
        ("iptables v1.8.9 (nf_tables)", "iptables", "1.8.9", "nf_tables"),
        ("ethtool version 6.1", "ethtool", "6.1", ""),
        ("TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u1).", "tshark", "4.0.17", ""),
        ('PRETTY_NAME="Ubuntu 22.04.3 LTS"', "os", "Ubuntu 22.04.3 LTS", ""),
    ],
)
def test_each_program(line: str, name: str, version: str, detail: str) -> None:
    """Its wording alone makes a file of this kind."""
    (row,) = _rows(line)
    assert isinstance(row, Version)
    assert (row.name, row.version, row.detail) == (name, version, detail)
    assert _recognised(line)


def test_an_os_release_file() -> None:
    """Whichever key comes first."""
    sample = 'NAME="Rocky Linux"\nVERSION="9.3 (Blue Onyx)"\nID="rocky"\nPRETTY_NAME="Rocky Linux 9.3 (Blue Onyx)"\n'
    (row,) = _rows(sample)
    assert isinstance(row, Version)
    assert (row.name, row.version) == ("os", "Rocky Linux 9.3 (Blue Onyx)")
    assert _recognised(sample)


@pytest.mark.parametrize(
    "sample",
    [
        "",
        "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.\n",
        "tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n",
        "PHP 8.2.36 Development Server (http://localhost:8000) started\n",
        "curl 7.88.1 has a bug\n",
        "OpenSSL 3.0.22 is old\n",
        "2026-11-22T22:04:36.924Z|00004|bridge|INFO|ovs-vswitchd (Open vSwitch) 3.1.0\n",
        'NAME="value"\n',
        "Notes\ncurl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1\n",
    ],
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """The same programs saying something else, logs, shell files, prose."""
    assert not _recognised(sample)


@given(st.text(), st.sampled_from(["", "curl 7.88.1 (", "PRETTY_NAME="]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
