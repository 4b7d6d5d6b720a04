"""Tables of the switch's database in every format: the same records give the same rows."""

from pathlib import Path

import pytest
import text_samples as t

from lastseen.evidence.texts import ovs_vsctl_list, ovs_vsctl_tables
from lastseen.tables.facts_from_texts import Counter, Interface, Setting, Version

SAMPLES = Path(__file__).parent / "samples"

DUMP = """\
Bridge table
_uuid                                datapath_type fail_mode name
------------------------------------ ------------- --------- ------
5ae64ef7-9d32-40d5-9a6d-d09252c3f17f netdev        secure    br-int

CT_Zone table
_uuid external_ids timeout_policy
----- ------------ --------------

Interface table
_uuid                                name  ofport link_state statistics
------------------------------------ ----- ------ ---------- ---------------------
75325679-55c2-47d2-bb6b-c6cedfcff114 lsrob 2      up         {rx_packets=16, x=y}
"""
DUMP_LIST = """\
Bridge table
_uuid               : 5ae64ef7-9d32-40d5-9a6d-d09252c3f17f
datapath_type       : netdev
fail_mode           : secure
name                : br-int

Port table
_uuid               : 5ae64ef7-9d32-40d5-9a6d-d09252c3f17e
name                : bond0
lacp                : active
tag                 : 7
"""


def _values(rows: list[object]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for row in rows:
        match row:
            case Setting():
                found.add((row.scope, row.name, row.value))
            case Counter():
                found.add((row.scope, row.name, str(row.value)))
            case Version():
                found.add((row.name, row.version))
            case Interface():
                found.add((row.name, row.kind, row.mac, row.state, str(row.mtu_bytes), str(row.ifindex)))
    return found


@pytest.mark.parametrize("table", ["bridge", "port", "open_vswitch"])
def test_every_format_tells_the_same(table: str) -> None:
    """List, table, CSV and JSON of the same records, as 3.1.0 printed them one after the other."""
    forms = [
        _values(t.rows(ovs_vsctl_tables, (SAMPLES / f"ovs_vsctl_tables/{table}_f_{form}.txt").read_text()))
        for form in ("list", "table", "csv", "json")
    ]
    assert forms[0]
    assert forms.count(forms[0]) == len(forms)


def test_interfaces_are_the_same_in_every_format() -> None:
    """JSON of interfaces is read by the reader of all JSON tables."""
    forms = [
        _values(t.rows(ovs_vsctl_list, (SAMPLES / f"ovs_vsctl_list/f_{form}.txt").read_text()))
        for form in ("list", "table", "csv")
    ]
    forms.append(
        _values(t.rows(ovs_vsctl_tables, (SAMPLES / "ovs_vsctl_tables/interface_f_json.txt").read_text()))
    )
    assert ("gen1", "geneve", "b6:65:61:95:dc:f2", "up", "None", "0") in forms[0]
    assert ("lsrob", "rx_packets", "16") in forms[0]
    assert ("ovs:/lsrob", "external_ids:iface-id", "vm-b") in forms[0]
    assert forms.count(forms[0]) == len(forms)


def test_the_switch_has_a_version_and_options() -> None:
    """Options of maps have the map's name before theirs."""
    found = _values(
        t.rows(ovs_vsctl_tables, (SAMPLES / "ovs_vsctl_tables/open_vswitch_f_list.txt").read_text())
    )
    assert ("openvswitch", "3.1.0") in found
    assert ("ovs_switch", "other_config:vlan-limit", "0") in found
    assert ("ovs_switch", "external_ids:system-id", "hv1") in found


def test_a_dump_names_its_tables_and_unknown_ones_are_passed_over() -> None:
    """As tables or as lists; a statistic that is no number is left out."""
    assert t.recognised(ovs_vsctl_tables, DUMP)
    assert t.recognised(ovs_vsctl_tables, DUMP_LIST)
    assert t.settings(ovs_vsctl_tables, DUMP) == {
        ("ovs_bridge:br-int", "datapath_type"): "netdev",
        ("ovs_bridge:br-int", "fail_mode"): "secure",
    }
    assert t.counters(ovs_vsctl_tables, DUMP) == {("ovs_interface", "lsrob", "rx_packets"): 16}
    assert t.settings(ovs_vsctl_tables, DUMP_LIST)["ovs_port:bond0", "tag"] == "7"
    assert not t.weirds(ovs_vsctl_tables, DUMP)
    assert not t.weirds(ovs_vsctl_tables, DUMP_LIST)


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ('{"data":[[1,2]],"headings":["a"]}', "not as many values as columns"),
        ('{"data":[1],"headings":["a"]}', "not as many values as columns"),
        ('{"data":{"a":1},"headings":["a"]}', "JSON that is no table"),
        ('{"data":[[["uuid","x"], 1', "JSON that is damaged or cut off: the rest was not read"),
        ("name,tag,trunks\na,b\n", "not as many values as columns"),
        ('name,tag,trunks\n"' + "a" * 140_000 + '"\n', "not as many values as columns"),
        ("_uuid tag trunks\nx y z\n", "a row before the names of its columns"),
        ("name : x\nodd\n", "not a 'column : value' line"),
    ],
)
def test_damage_is_weird(sample: str, reason: str) -> None:
    """Too few values, no table, cut JSON, rows without dashes."""
    assert reason in [text for _, text in t.weirds(ovs_vsctl_tables, sample)]


def test_json_values_of_every_type_are_text() -> None:
    """RFC 7047: strings, numbers, booleans, sets, maps and UUIDs; a broken pair is left out."""
    sample = (
        '{"data":[["b",["set",[1,"a b"]],true,["map",[["k",["uuid","u"]],["odd"]]]]],'
        '"headings":["name","flood_vlans","stp_enable","other_config"]}'
    )
    assert t.settings(ovs_vsctl_tables, sample) == {
        ("ovs_bridge:b", "flood_vlans"): '[1, "a b"]',
        ("ovs_bridge:b", "stp_enable"): "true",
        ("ovs_bridge:b", "other_config:k"): "u",
    }


def test_an_interface_without_a_name_is_weird_and_other_json_is_not_ours() -> None:
    """What iproute2 prints with -j is another's."""
    sample = '{"data":[[1,"up"]],"headings":["ofport","link_state"]}'
    assert t.weirds(ovs_vsctl_tables, sample) == [(1, "an interface without a name")]
    assert not t.recognised(ovs_vsctl_tables, '[{"ifindex":1}]')
    assert not t.recognised(ovs_vsctl_list, sample)
    assert t.recognised(ovs_vsctl_tables, "", "ovs-vsctl -t 5 list Open_vSwitch")
    assert t.recognised(ovs_vsctl_tables, "", "ovsdb-client -f list dump")


def test_no_text_makes_it_raise() -> None:
    """Noise, cut and shuffled samples."""
    t.survives_any_text(ovs_vsctl_tables, DUMP + DUMP_LIST)
    t.survives_any_text(ovs_vsctl_tables, (SAMPLES / "ovs_vsctl_tables/bridge_f_json.txt").read_text())
