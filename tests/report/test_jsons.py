"""The contract objects have the contract's names and values."""

import json
from dataclasses import replace
from io import StringIO

import msgspec
import numpy as np
import pytest

from lastseen.errors import LastseenError
from lastseen.report import contracts
from lastseen.report.diagnosis_jsons import diagnosis_json
from lastseen.report.jsons import connections_json, encode, losses_json
from lastseen.report.losses_text import print_losses
from lastseen.report.schemas import schema
from lastseen.report.tabular import LOSS_FIELDS, losses_where
from lastseen.report.where import parse
from lastseen.tables.diagnosis import Diagnosis
from lastseen.tables.packets import FLAGS, LENGTH_FLAGS
from lastseen.tables.points import LOST, UNPROVEN, Matching
from lastseen.tables.quotes import Quote


def test_a_diagnosis_reads_as_the_contract_says(diagnosis: Diagnosis) -> None:
    found = json.loads(encode(diagnosis_json(diagnosis)))
    assert found["schema"] == "lastseen.diagnosis/1"
    assert found["verdict"] == {
        "fault": "ovs_conntrack_padding",
        "grade": "confirmed",
        "summary": diagnosis.verdict.summary,
        "component": "the openvswitch module on compute",
        "last_seen": "compute_genev_sys_6081",
        "missing_at": "compute_tap3f1c9a2e-7b",
        "also": [],
        "indistinguishable": ["nic_padding"],
    }
    assert [(j["judgement"], j["grade"]) for j in found["judgements"]] == [
        ("supported", "confirmed"),
        ("untestable", "possible"),
        ("untestable", "possible"),
        ("refuted", None),
    ]
    assert found["judgements"][0]["for"][0]["source"] == {"file": "captures/genev.pcap", "frame": 17}
    assert found["judgements"][3]["against"][0]["source"] == {"file": "compute/dmesg.txt", "line": 812}
    assert found["symptom"]["connection"] == "10.20.0.15:50184 > 203.0.113.80:443"
    assert (found["symptom"]["waited_ns"], found["symptom"]["ended_by"]) == (60_060_000_000, "timeout")
    assert found["contrasts"][0]["risk_ratio"] is None
    assert found["contrasts"][0]["p_value"] == pytest.approx(0.00056)
    assert found["weirds"][0] == {"file": "log0", "line": 1, "reason": "odd line", "count": 1}
    assert found["evidence"][1]["kind"] is None


def test_losses_are_counted_by_connection_direction_and_hop(matching: Matching) -> None:
    found = json.loads(encode(losses_json(matching)))
    assert found["losses"] == [
        {
            "from": "compute_genev_sys_6081",
            "to": "compute_tap3f1c9a2e-7b",
            "connection": "10.20.0.15:50184 > 203.0.113.80:443",
            "direction": "to_client",
            "packets": 20,
            "unproven": 1,
            "bytes": 200,
            "frames": list(range(1, 21)),
            "icmp_errors": [],
        }
    ]
    assert [hop["sent"] for hop in found["hops"]] == [24, 24, 6]
    assert (found["hops"][1]["lost"], found["hops"][1]["delivered"]) == (20, 3)
    assert found["hops"][0]["delay_ns"] == {"p50": 42_000, "p99": 53_000}
    assert [point["order"] for point in found["points"]] == [1, 2, 3]
    assert found["points"][1]["clock_offset_ns"] == -1_234_567


def test_nothing_delivered_has_no_delay(matching: Matching) -> None:
    empty = replace(matching.hops[1], delays_ns=np.zeros(0, np.int64))
    (hop,) = losses_json(replace(matching, hops=(empty,))).hops
    assert (hop.delay_ns.p50, hop.delay_ns.p99) == (None, None)


def test_unproven_packets_alone_are_no_loss_row(matching: Matching) -> None:
    fate = np.where(matching.hops[1].fate == LOST, UNPROVEN, matching.hops[1].fate).astype(np.uint8)
    found = losses_json(replace(matching, hops=(replace(matching.hops[1], fate=fate),)))
    assert (found.losses, found.hops[0].unproven) == ([], 21)


def test_an_error_about_an_unproven_packet_is_named_and_no_loss(matching: Matching) -> None:
    """Row 20 of the hop is unproven; the error that quotes it stands in the second point's file."""
    hop = matching.hops[1]
    row = int(np.flatnonzero(hop.fate == UNPROVEN)[0])
    told = {"ip_version": 4, "type": 3, "code": 4, "mtu": 1300}
    quotes = [
        Quote(hop=1, row=row, point=0, error_row=7, **told),
        Quote(hop=1, row=0, point=0, error_row=8, **told),
    ]
    found = losses_json(matching, quotes=quotes)
    (unproven,) = found.unproven_errors
    assert (unproven.from_, unproven.to, unproven.direction) == (
        "compute_genev_sys_6081", "compute_tap3f1c9a2e-7b", "to_client"
    )  # fmt: skip
    assert unproven.connection == "10.20.0.15:50184 > 203.0.113.80:443"
    assert [(e.frame, e.point_frame, e.text) for e in unproven.icmp_errors] == [
        (row + 1, 8, "fragmentation needed, MTU 1300")
    ]
    assert [e.frame for e in found.losses[0].icmp_errors] == [1]
    assert losses_where(found, parse("packets > 0", LOSS_FIELDS)).unproven_errors == []
    written = StringIO()
    print_losses(matching, quotes=quotes, stream=written)
    text = " ".join(written.getvalue().split())
    assert (
        f"packets of unproven fate * 203.0.113.80:443 says 'fragmentation needed, MTU 1300' of frame {row + 1} "
        in text
    )


@pytest.mark.parametrize("flags", ["A", "F"])
def test_lost_acknowledgments_may_be_a_gap_of_the_capture_and_are_told_apart(
    matching: Matching, flags: str
) -> None:
    """Nobody repeats them; a FIN somebody would."""
    matching.points[1].capture.packets[:4, LENGTH_FLAGS] = FLAGS[flags]
    written = StringIO()
    print_losses(matching, stream=written)
    assert ("Mere acknowledgments among them: 4." in " ".join(written.getvalue().split())) == (flags == "A")


def test_a_flipped_conversation_still_names_its_client_first(matching: Matching) -> None:
    points = list(matching.points)
    table = points[1].connections.copy()
    table["originator"] = 0
    points[1] = replace(points[1], connections=table)
    flipped = replace(matching.conversations, flipped=np.array([[False, True, False]]))
    turned = replace(matching, points=tuple(points), conversations=flipped)
    assert losses_json(turned).losses[0].connection == "10.20.0.15:50184 > 203.0.113.80:443"


def test_losses_of_several_connections_and_of_none_are_told_apart(matching: Matching) -> None:
    points = list(matching.points)
    group_of = points[1].group_of.copy()
    group_of[:5] = -1
    group_of[10:15] = 1
    points[1] = replace(points[1], group_of=group_of, flow_groups=np.zeros(1, np.uint32))
    rows = losses_json(replace(matching, points=tuple(points))).losses
    assert [(row.connection[:4], row.packets, row.frames[0]) for row in rows] == [
        ("", 5, 1),
        ("10.2", 10, 6),
        ("203.", 5, 11),
    ]


def test_a_connection_reads_as_the_contract_says(matching: Matching) -> None:
    (row,) = json.loads(encode(connections_json(matching.points[1:2])))["connections"]
    assert row == {
        "file": "captures/genev.pcap",
        "a": "10.20.0.15:50184",
        "b": "203.0.113.80:443",
        "start_ns": 1_700_000_000_000_000_001,
        "duration_ns": 60_060_000_000,
        "packets": [12, 18],
        "bytes": [517, 34567],
        "syn": [0, 0],
        "fin": [0, 1],
        "rst": [0, 0],
        "retransmitted": [2, 0],
        "holes": [0, 100],
        "state": "S1",
        "history": "ShADad",
        "longest_gap_ns": 60_060_000_000,
        "stall": "waiting_for_fin",
        "tunnel": "geneve vni 100 192.168.50.11 > 192.168.50.21",
        "stall_ns": 60_060_000_000,
    }


def test_no_connection_is_an_empty_list(matching: Matching) -> None:
    empty = replace(matching.points[0], connections=matching.points[0].connections[:0])
    assert connections_json([empty]).connections == []
    assert connections_json([]).connections == []


def test_what_is_encoded_fits_its_own_schema_type(diagnosis: Diagnosis, matching: Matching) -> None:
    """Strict decoding checks every type and that nothing required is missing."""
    for contract in (diagnosis_json(diagnosis), losses_json(matching), connections_json(matching.points)):
        assert isinstance(msgspec.json.decode(encode(contract), type=type(contract)), type(contract))


def test_the_same_answer_gives_the_same_bytes(diagnosis: Diagnosis) -> None:
    assert encode(diagnosis_json(diagnosis)) == encode(diagnosis_json(diagnosis))


def test_a_hostile_file_name_is_only_a_string(diagnosis: Diagnosis) -> None:
    encoded = encode(diagnosis_json(diagnosis))
    assert b"\x1b" not in encoded
    assert json.loads(encoded)["evidence"][1]["file"].startswith("evil\x1b[31m")


def test_eight_bit_controls_are_escaped(diagnosis: Diagnosis) -> None:
    noted = replace(diagnosis, ranking="a\x9b31m\x7f\u00e4")
    encoded = encode(diagnosis_json(noted))
    assert b"a\\u009b31m\\u007f\xc3\xa4" in encoded
    assert json.loads(encoded)["ranking"] == "a\x9b31m\x7f\u00e4"


@pytest.mark.parametrize("name", ["diagnosis", "losses", "connections"])
def test_a_schema_is_found_by_both_its_names(name: str) -> None:
    assert schema(name) == schema(f"lastseen.{name}/1")
    assert schema(name)["$id"] == f"lastseen.{name}/1"


def test_an_unknown_schema_says_which_there_are() -> None:
    with pytest.raises(LastseenError, match="diagnosis, losses, connections"):
        schema("nonsense")


def test_every_contract_is_documented() -> None:
    documented = schema("diagnosis")["$defs"]
    assert [name for name, entry in documented.items() if "description" not in entry] == []
    assert "for" in documented["JudgementJson"]["properties"]
    assert set(contracts.__all__) >= set(documented)
