"""Only commands whose undo is known are run; everything a person must fill in or judge is shown instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.remedies.forms import AddRule, SetMtu, SetOffload, SetSysctl, actions_of, is_applicable


def test_the_known_forms_are_understood() -> None:
    assert actions_of(["sysctl -w net.netfilter.nf_conntrack_checksum=0"]) == [
        SetSysctl(key="net.netfilter.nf_conntrack_checksum", value="0")
    ]
    assert actions_of(["ethtool -K eth0 gro off tso on"]) == [
        SetOffload(interface="eth0", feature="gro", on=False),
        SetOffload(interface="eth0", feature="tso", on=True),
    ]
    assert actions_of(["ip link set dev eth0 mtu 1400"]) == [SetMtu(interface="eth0", mtu=1400)]
    rule = "nft insert rule inet filter forward tcp flags fin accept"
    assert actions_of([rule]) == [AddRule(argv=tuple(rule.split()))]
    assert is_applicable(
        ["iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"]
    )


@pytest.mark.parametrize(
    "command",
    [
        "sysctl -w kernel.panic=1",
        "sysctl -w net.ipv4.tcp_ecn=FORMER_VALUE; reboot",
        "sysctl -w net.ipv4.ip_forward=$(id)",
        "ethtool -K TAP gro off",
        "ip link set dev <interface> mtu 1400",
        "ip link set dev eth0 mtu 5",
        "ip link set dev eth0 down",
        "nft flush ruleset",
        "nft delete rule ip filter input handle 3",
        "iptables -F",
        "reboot",
        "# repeat the request",
        "conntrack -S; dmesg | tail",
        "sysctl -w 'net.ipv4",
        "",
    ],
)
def test_everything_else_is_left_to_people(command: str) -> None:
    assert not is_applicable([command])


def test_one_unknown_command_makes_the_whole_remedy_a_text() -> None:
    assert not is_applicable(["sysctl -w net.ipv4.tcp_ecn=2", "systemctl restart network"])
    assert not is_applicable([])


@given(st.text())
def test_no_text_makes_it_raise(command: str) -> None:
    is_applicable(
        [command, f"sysctl -w {command}", f"nft {command}", f"iptables {command}", f"ethtool -K {command}"]
    )
