"""Open vSwitch's side of the padding fault: flows, module and kernel, and what a trimmed log line still tells."""

import re
from pathlib import Path

import pytest
from written_cases import (
    diagnosed,
    judgement,
    log_line,
    lost_short,
    nft_rules,
    seed_talk,
    two_points,
    write_case,
)

from lastseen.faults.invalid import takes_invalid
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.judgements import Supported
from lastseen.tables.sources import Source

SEED = seed_talk()
LOST = [sent for sent in SEED.sent if lost_short(sent)]
UNAME = "$ uname -a\nLinux compute-07 4.14.0 #1 SMP Debian 4.14.1 (2017-11-16) x86_64 GNU/Linux\n"
MODINFO = (
    "$ modinfo openvswitch\nfilename:       /lib/modules/4.14.0/kernel/net/openvswitch/openvswitch.ko\n"
    "license:        GPL\ndescription:    Open vSwitch switching datapath\nsrcversion:     33D4C6D0D5B0D9DE6D2F8A1\n"
    "depends:        nf_conntrack\nvermagic:       4.14.0 SMP mod_unload \n"
)
SYSCTL = "net.netfilter.nf_conntrack_acct = 0\nnet.netfilter.nf_conntrack_checksum = 1\n"
DATAPATH = "recirc_id(0x1),in_port(2),ct_state(+inv+trk),eth(),eth_type(0x0800),ipv4(frag=no), packets:6, bytes:360, used:0.5s, actions:drop\n"


def flows(packets: int, size: int) -> str:
    """A switch's flows with the one that drops what conntrack calls invalid."""
    return (
        "$ ovs-ofctl dump-flows br-int\nNXST_FLOW reply (xid=0x4):\n"
        f" cookie=0x1, duration=79.9s, table=82, n_packets={packets}, n_bytes={size}, idle_age=0, priority=50,ct_state=+inv+trk actions=drop\n"
        " cookie=0x1, duration=79.9s, table=82, n_packets=90, n_bytes=9000, idle_age=0, priority=40,ct_state=+est+trk actions=NORMAL\n"
    )


def judged(folder: Path, texts: dict[str, bytes | str]) -> Supported:
    found = judgement(diagnosed(write_case(folder, {**two_points([SEED]), **texts})))
    assert isinstance(found, Supported)
    return found


def test_the_flow_that_dropped_confirms_and_shows_the_padding(tmp_path: Path) -> None:
    files = {"before/ofctl.txt": flows(0, 0), "after/ofctl.txt": flows(7, 420)}
    found = judged(tmp_path, files)
    assert found.confirmed
    assert any("60 bytes a packet where 54 would be trimmed" in reason.text for reason in found.reasons)


def test_a_flow_hit_by_much_else_confirms_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path, {"before/ofctl.txt": flows(0, 0), "after/ofctl.txt": flows(70, 4200)})
    assert not found.confirmed
    assert not any("hits of the rule" in missing for missing in found.missing)


def test_the_switch_is_the_component_where_it_is_known_to_be_there(tmp_path: Path) -> None:
    interfaces = "2: tunnel: <UP> mtu 1500\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n3: tap: <UP> mtu 1500\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
    files = {
        "before/compute/ip_addr.txt": interfaces, "after/compute/ofctl.txt": flows(7, 420),
        "before/compute/uname.txt": UNAME, "before/compute/modinfo.txt": MODINFO,
        "before/compute/sysctl.txt": SYSCTL, "mid/compute/dpctl.txt": DATAPATH,
    }  # fmt: skip
    found = judged(tmp_path, files)
    assert found.component == "Open vSwitch connection tracking on compute-07"
    said = [reason.text for reason in found.reasons]
    assert "conntrack verifies checksums there (nf_conntrack_checksum = 1)" in said
    assert "a datapath flow of that time matches ct_state +inv+trk and drops" in said
    assert any(
        re.match(r"the Open vSwitch module in use is .* on kernel 4\.14\.0; the trim is in", t) for t in said
    )


def test_the_linux_bridge_is_the_component_where_both_points_are_its_ports(tmp_path: Path) -> None:
    links = "".join(
        f"{n}: {name}: <UP> mtu 1500 master qbr1\n    link/ether 02:00:00:00:00:0{n} brd ff:ff:ff:ff:ff:ff\n"
        for n, name in enumerate(("tunnel", "tap"), 2)
    )
    files = {"before/compute/ip_addr.txt": links, "after/compute/ofctl.txt": flows(7, 420)}
    found = judged(tmp_path, files)
    assert found.component == "connection tracking (netfilter) of the Linux bridge qbr1 on compute"


def test_a_module_without_a_kernel_is_named_alone(tmp_path: Path) -> None:
    said = [reason.text for reason in judged(tmp_path, {"modinfo.txt": MODINFO}).reasons]
    assert any(
        t.startswith("the Open vSwitch module in use is") and "kernel 4" not in t.partition(";")[0]
        for t in said
    )


def test_a_line_without_its_length_still_joins(tmp_path: Path) -> None:
    text = "".join(log_line(sent).replace("LEN=40 ", "") for sent in LOST)
    found = judged(tmp_path, {"dmesg.txt": text})
    assert found.confirmed
    assert not any("all of IP length" in reason.text for reason in found.reasons)


def test_a_rule_without_bytes_still_counts(tmp_path: Path) -> None:
    """iptables-save -c and nft count both; a flow list with hidden statistics does not."""
    text = flows(7, 0).replace(" n_bytes=0,", "")
    found = judged(tmp_path, {"after/ofctl.txt": text})
    assert not any("bytes a packet" in reason.text for reason in found.reasons)


def test_a_rule_on_length_that_was_hit_otherwise_explains_nothing(tmp_path: Path) -> None:
    texts = {"after/nft.txt": nft_rules(extra="ip length < 46 counter packets 99 bytes 3960 drop")}
    assert isinstance(judged(tmp_path, texts), Supported)


@pytest.mark.parametrize(
    ("layer", "match", "expected"),
    [
        ("nft", "ct state invalid", True),
        ("nft", "ct state { invalid, untracked }", True),
        ("nft", "ct state != invalid", False),
        ("nft", 'iifname "invalid0"', False),
        ("iptables", "-m conntrack --ctstate INVALID", True),
        ("iptables", "-m state --state NEW,INVALID", True),
        ("iptables", "-m conntrack ! --ctstate INVALID", False),
        ("openflow", "ct_state=+inv+trk,ip", True),
        ("openflow", "ct_state=-inv+trk,ip", False),
        ("openflow", "ip", False),
    ],
)
def test_only_rules_that_take_invalid_packets_are_counted(layer: str, match: str, *, expected: bool) -> None:
    """A negated match takes all others."""
    rule = Rule(
        source=Source(file="a"),
        layer=layer,
        place="p",
        priority=None,
        match=match,
        actions="drop",
        packets=1,
        bytes=1,
    )
    assert takes_invalid(rule) is expected
