"""JSON of iproute2 gives the rows of its text, printed by the same tools on the same machine."""

from collections.abc import Callable
from dataclasses import replace
from json import dumps

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import counters, recognised, rows, sample, weirds

from lastseen.evidence.texts import (
    Reader,
    bridge_fdb,
    bridge_link,
    bridge_vlan,
    ip_addr,
    ip_link,
    ip_neigh,
    ip_route,
    ip_rule,
    tc_filter,
    tc_qdisc,
)
from lastseen.evidence.texts import iproute2_json as reader
from lastseen.tables.facts_from_texts import (
    ForwardingEntry,
    Interface,
    Neighbour,
    Route,
    Row,
    Rule,
    Setting,
)
from lastseen.tables.sources import Source, Weird

NOWHERE = Source(file="", line=1)


def _said(found: list[Row | Weird]) -> set[Row]:
    return {replace(row, source=NOWHERE) for row in found if isinstance(row, Row)}


@pytest.mark.parametrize(
    ("json", "text", "reader_of_text", "alike"),
    [
        ("link", "ip_link/iproute2_6_1_ssd", ip_link, None),
        ("addr", "ip_addr/iproute2_6_1", ip_addr, None),
        ("route", "ip_route/main", ip_route, None),
        ("route_pretty", "ip_route/main", ip_route, None),
        ("neigh", "ip_neigh/plain", ip_neigh, None),
        ("rule", "ip_rule/plain", ip_rule, None),
        ("fdb", "bridge_fdb/v6_1", bridge_fdb, None),
        ("bridge_link", "bridge_link/v6_1", bridge_link, None),
        ("qdisc", "tc_qdisc/htb", tc_qdisc, None),
        ("vlan_written", "bridge_vlan/v5_7_written", bridge_vlan, lambda row: isinstance(row, Setting) and "eth0" in row.scope and row.name != "10"),
    ],
)  # fmt: skip
def test_json_and_text_give_the_same_rows(
    json: str, text: str, reader_of_text: Reader, alike: Callable[[Row], bool] | None
) -> None:
    """Counters under the same names, interfaces with the same addresses and kinds."""
    from_text = {row for row in _said(rows(reader_of_text, sample(text))) if alike is None or alike(row)}
    assert from_text
    assert _said(rows(reader, sample(f"iproute2_json/{json}"))) == from_text


def test_error_columns_of_the_second_s() -> None:
    """JSON's names of the second row, mapped to the text's."""
    found = counters(
        reader,
        '[{"ifname":"e","operstate":"UP","stats64":{"rx":{"crc_errors":3,"missed_errors":4,"over_errors":5},"tx":{"carrier_changes":2}}}]',
    )
    assert found == {
        ("e", "rx_crc_errors"): 3,
        ("e", "rx_missed"): 4,
        ("e", "rx_overrun"): 5,
        ("e", "tx_transns"): 2,
    }


def test_filters() -> None:
    """Keys, the action and its numbers; a filter that only announces its kind is no rule of its own."""
    rule = next(
        row
        for row in rows(reader, sample("iproute2_json/filter_written"))
        if isinstance(row, Rule) and row.actions
    )
    assert (rule.match, rule.actions, rule.packets, rule.drops) == (
        "protocol ip flower eth_type ipv4 ip_proto tcp dst_port 80", "gact drop", 5, True,
    )  # fmt: skip
    (text_rule,) = [
        row for row in rows(tc_filter, sample("tc_filter/flower_written")) if isinstance(row, Rule)
    ]
    assert (text_rule.priority, text_rule.packets, text_rule.bytes, text_rule.drops) == (10, 5, 420, True)
    assert text_rule.actions == "gact action drop"
    (u32,) = [
        row
        for row in rows(tc_filter, sample("tc_filter/u32_written"))
        if isinstance(row, Rule) and row.actions
    ]
    assert (u32.place, u32.packets, u32.bytes, u32.drops) == ("ffff:", 5, 300, False)
    assert "match 0a000001/ffffffff at 16" in u32.match
    assert weirds(tc_filter, "hello\n") == [1]
    assert weirds(tc_filter, sample("tc_filter/u32_written") + "hello\n") != []
    named = rows(tc_filter, sample("tc_filter/flower_written"), "tc -s filter show dev eth0 ingress")
    assert [row.place for row in named if isinstance(row, Rule)] == ["eth0 ingress"]
    assert recognised(tc_filter, "", "tc -s filter show dev eth0 ingress")


@pytest.mark.parametrize(
    ("name", "actions", "dropped"),
    [
        ("police_written", "police 0x1 rate 8Kbit burst 200b mtu 2Kb action drop/pipe overhead 0b", 37),
        ("police_old_written", "police 0x2 rate 1Mbit burst 10Kb mtu 2Kb action drop overhead 0b", 11),
        ("random_written", "skbedit  mark 3 pipe; gact action pass random type determ drop val 5", 4),
    ],
)
def test_what_drops_some_of_its_packets_counts_those(name: str, actions: str, dropped: int) -> None:
    """A policer and gact's chance: what they let pass is no hit of a rule that drops."""
    (rule,) = [
        row for row in rows(tc_filter, sample(f"tc_filter/{name}")) if isinstance(row, Rule) and row.actions
    ]
    assert (rule.actions, rule.packets, rule.bytes, rule.drops) == (actions, dropped, None, True)
    uncounted = sample(f"tc_filter/{name}").replace(" (dropped ", " (")
    (rule,) = [row for row in rows(tc_filter, uncounted) if isinstance(row, Rule) and row.actions]
    assert (rule.packets, rule.drops) == (None, True)


@pytest.mark.parametrize(
    ("kind", "prob", "verdict", "packets", "drops"),
    [
        ("police", None, "drop", 3, True),
        ("police", None, "continue", 40, False),
        ("gact", {"random_type": "determ", "control_action": {"type": "drop"}, "val": 5}, "pass", 3, True),
        ("gact", {"random_type": "none", "control_action": {"type": "pass"}, "val": 0}, "drop", 40, True),
    ],
)
def test_what_drops_some_of_its_packets_as_json(
    kind: str, prob: object, verdict: str, packets: int, *, drops: bool
) -> None:
    """The same numbers as in its text."""
    action = {"order": 1, "kind": kind, "control_action": {"type": verdict}}
    action |= {"stats": {"bytes": 4000, "packets": 40, "drops": 3}} | ({"prob": prob} if prob else {})
    text = dumps([{"protocol": "ip", "pref": 1, "kind": "matchall", "options": {"actions": [action]}}])
    (rule,) = [row for row in rows(reader, text) if isinstance(row, Rule)]
    assert (rule.packets, rule.bytes, rule.drops) == (packets, None if packets == 3 else 4000, drops)


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.sampled_from(["drop", "drop/pipe", "pass/drop", "pipe", "continue"]),
)
def test_a_policers_numbers(sent: int, dropped: int, verdict: str) -> None:
    """Whatever they are; one that does not drop counts what it matched."""
    text = sample("tc_filter/police_written").replace("action drop/pipe", f"action {verdict}")
    text = text.replace("40 pkt (dropped 37", f"{sent} pkt (dropped {dropped}")
    (rule,) = [row for row in rows(tc_filter, text) if isinstance(row, Rule) and row.actions]
    does_drop = "drop" in verdict
    assert (rule.packets, rule.drops) == (dropped if does_drop else sent, does_drop)


def test_odd_objects() -> None:
    """A multipath route, an unreachable rule, a mirror, an address that is none, objects nobody knows."""
    routes = rows(
        reader,
        '[{"dst":"10.0.0.1","nexthops":[{"gateway":"10.9.0.1","dev":"a"},{"via":{"family":"inet6","host":"fe80::1"},"dev":"b"}]}]',
    )
    assert [(r.destination, r.via, r.device) for r in routes if isinstance(r, Route)] == [
        ("10.0.0.1/32", "10.9.0.1", "a"), ("10.0.0.1/32", "fe80::1", "b"),
    ]  # fmt: skip
    (rule,) = rows(
        reader,
        '[{"priority":5,"not":null,"src":"all","dst":"10.0.0.0","dstlen":8,"iif":"eth0","action":"blackhole"}]',
    )
    assert isinstance(rule, Rule)
    assert (rule.match, rule.actions, rule.drops) == (
        "not from all to 10.0.0.0/8 iif eth0",
        "blackhole",
        True,
    )
    (mirror,) = rows(
        reader,
        '[{"dev":"eth0","parent":"ffff:","protocol":"all","pref":1,"kind":"matchall","options":{"actions":[{"kind":"mirred","mirred_action":"mirror","to_dev":"ifb0"}]}}]',
    )
    assert isinstance(mirror, Rule)
    assert (mirror.place, mirror.actions) == ("eth0 ffff:", "mirred mirror ifb0")
    (device,) = rows(
        reader,
        '[{"ifname":"tun0","link_type":"none","address":"x","addr_info":[{"local":"y"},{"local":"10.0.0.1","address":"10.0.0.2","prefixlen":32}]}]',
    )
    assert isinstance(device, Interface)
    assert (device.mac, device.addresses) == ("", ("10.0.0.1",))
    assert rows(reader, '[{"dst":"y","lladdr":"z"}]') == []
    assert weirds(reader, '[{"a":1},{}]') == [1]
    queues = counters(
        reader,
        '[{"kind":"fq_codel","handle":"0:","dev":"eth0","parent":":1","drops":3},{"class":"htb","handle":"1:10","dev":"eth0","stats":{"drops":4}}]',
    )
    assert queues == {("eth0", "fq_codel 0: parent :1 dropped"): 3, ("eth0", "class htb 1:10 dropped"): 4}


def test_recognition() -> None:
    """Nothing but brackets needs its command."""
    assert recognised(reader, "[]", "ip -j route")
    assert recognised(reader, "", "bridge -j fdb show")
    assert not recognised(reader, "[]")
    assert not recognised(reader, '[{"ifname": "va", "rx-checksumming": {}}]')
    assert not recognised(reader, "", "ip route")


def test_neighbours_of_proc_and_with_statistics() -> None:
    """`ip -s neigh` has words between MAC and state; /proc tells no freshness."""
    for name in ("s", "proc"):
        found = {
            row.address: row
            for row in rows(ip_neigh, sample(f"ip_neigh/{name}"))
            if isinstance(row, Neighbour)
        }
        assert (found["10.9.0.77"].mac, found["10.9.0.77"].state) == ("02:00:00:00:00:77", "PERMANENT")
    text = "10.0.0.1 dev eth0  FAILED\nfe80::1 dev eth0 lladdr 52:54:00:00:00:01 router STALE \nhello\n"
    assert [(row.mac, row.state) for row in rows(ip_neigh, text) if isinstance(row, Neighbour)] == [
        ("", "FAILED"), ("52:54:00:00:00:01", "STALE"),
    ]  # fmt: skip
    assert weirds(ip_neigh, text) == [3]
    arp = "IP address       HW type     Flags       HW address            Mask     Device\n10.0.0.9 0x1 0x0 00:00:00:00:00:00 * eth0\n10.0.0.8 0x1 0x2 52:54:00:00:00:01 * eth0\n"
    assert [(r.mac, r.state) for r in rows(ip_neigh, arp) if isinstance(r, Neighbour)] == [
        ("", "INCOMPLETE"),
        ("52:54:00:00:00:01", "COMPLETE"),
    ]
    assert recognised(ip_neigh, "", "ip -n vm neigh")


def test_bridges() -> None:
    """A tunnel's far end, a VLAN's flags in both layouts, ports of brctl."""
    entries = [row for row in rows(bridge_fdb, sample("bridge_fdb/v6_1")) if isinstance(row, ForwardingEntry)]
    assert any(
        (row.device, row.destination, row.state) == ("vx0", "10.9.0.2", "permanent") for row in entries
    )
    (entry,) = rows(bridge_fdb, "52:54:00:00:00:01 dev eth0 vlan 10 master br0 \n")
    assert isinstance(entry, ForwardingEntry)
    assert (entry.vlan, entry.master, entry.state) == (10, "br0", "")
    for name in ("old_written", "v5_7_written"):
        vlans = {
            (row.scope, row.name): row.value
            for row in rows(bridge_vlan, sample(f"bridge_vlan/{name}"))
            if isinstance(row, Setting)
        }
        assert vlans["vlan:eth0", "1"] == "PVID Egress Untagged"
        assert vlans["vlan:eth0", "10"] == "tagged"
    assert [
        row.name for row in rows(bridge_link, sample("bridge_link/brctl")) if isinstance(row, Interface)
    ] == ["p0"]
    two = "bridge name\tbridge id\t\tSTP enabled\tinterfaces\nbr0\t\t8000.525400000001\tno\t\teth0\n\t\t\t\t\t\t\teth1\n"
    assert [(r.name, r.master) for r in rows(bridge_link, two) if isinstance(r, Interface)] == [
        ("eth0", "br0"),
        ("eth1", "br0"),
    ]
    assert [weirds(r, "hello you\n") for r in (bridge_fdb, bridge_vlan, bridge_link, ip_rule)] == [[1]] * 4
    assert recognised(bridge_fdb, "", "bridge fdb show br br0")
    assert recognised(bridge_vlan, "", "bridge vlan show")
    assert recognised(bridge_link, "", "brctl show")
    assert recognised(ip_rule, "", "ip rule")
