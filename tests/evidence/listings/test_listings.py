"""Listings of tshark and tcpdump, read as the captures they were printed from.

The oracle is the capture itself: what a listing of it gives must be what the capture gives, or be said to be unknown.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen.cli.answering import answered
from lastseen.cli.pipeline import case_points, matched, opened
from lastseen.cli.progress import Progress
from lastseen.evidence.case import open_case
from lastseen.evidence.lines import head_of
from lastseen.evidence.listings.documents import DOCUMENT, kind_of
from lastseen.evidence.listings.reader import listing_reader
from lastseen.evidence.texts.text import Text
from lastseen.report.diagnosis_jsons import diagnosis_json
from lastseen.report.jsons import connections_json, encode, losses_json
from lastseen.tables.details import CHECKSUM_GOOD, column
from lastseen.tables.endpoints import endpoints_of
from lastseen.tables.packets import INFO_IP_ID, INFO_LISTED, MISC
from lastseen.tables.sources import Weird

STUDY = Path(__file__).parent / "samples" / "case_study.txt"
EXAMPLES = Path(__file__).parents[3] / "examples"
POINTS = sorted((EXAMPLES / "lab/fw_drop_fin/captures").glob("*.pcap"))

TSHARK_1_10 = """\
  1   0.000000     10.0.0.5 -> 192.0.2.9    TCP 74 46518 > https [SYN] Seq=0 Win=28040 Len=0 MSS=1402 SACK_PERM=1 TSval=77 TSecr=0 WS=128
  2   0.020000    192.0.2.9 -> 10.0.0.5     TCP 66 https > 46518 [SYN, ACK] Seq=0 Ack=1 Win=65535 Len=0 MSS=1400 SACK_PERM=1 WS=1024
  3   0.021000     10.0.0.5 -> 192.0.2.9    TCP 60 46518 > https [ACK] Seq=1 Ack=1 Win=28160 Len=0
  4   0.030000     10.0.0.5 -> 192.0.2.9    TLSv1 571 Client Hello
  5   0.050000    192.0.2.9 -> 10.0.0.5     TCP 60 https > 46518 [FIN, ACK] Seq=1 Ack=518 Win=67584 Len=0
"""
TCPDUMP_3_9 = """\
13:09:00.000001 IP 10.0.0.5.46518 > 192.0.2.9.443: S 505148140:505148140(0) win 49640 <mss 1460,nop,nop,sackOK>
13:09:00.020000 IP 192.0.2.9.443 > 10.0.0.5.46518: S 811:811(0) ack 505148141 win 49640 <mss 1460>
13:09:00.021000 IP 10.0.0.5.46518 > 192.0.2.9.443: . ack 1 win 49680
13:09:00.030000 IP 10.0.0.5.46518 > 192.0.2.9.443: P 1:101(100) ack 1 win 49680
13:09:00.040000 IP 192.0.2.9.443 > 10.0.0.5.46518: R 1:1(0) ack 101 win 0
"""
NAMES = """\
12:00:00.000000 eth0  Out IP vm.example.46518 > a-host-with-a-long-name.example.https: Flags [S], seq 3000000000, win 64240, options [mss 1460], length 0
12:00:00.010000 eth0  In  IP a-host-with-a-long-name.example.https > vm.example.46518: Flags [S.], seq 4000000000, ack 3000000001, win 65160, options [mss 1460], length 0
"""
VXLAN = """\
12:00:00.000000 IP 192.168.9.1.45149 > 192.168.9.2.4789: VXLAN, flags [I] (0x08), vni 100
IP 10.0.0.1.51225 > 10.0.0.2.22: Flags [S], seq 3466093226, win 64240, options [mss 1460], length 0
"""
GENEVE = """\
12:00:00.000000 IP 20.0.0.2.43443 > 20.0.0.1.6081: Geneve, Flags [C], vni 0xa, options [8 bytes]: IP 30.0.0.2.51225 > 30.0.0.1.22: Flags [S], seq 397610159, win 14600, options [mss 1460], length 0
"""
VERBOSE = """\
12:00:00.000000 52:54:00:00:00:01 > 52:54:00:00:00:02, ethertype IPv4 (0x0800), length 60: (tos 0x10, ttl 63, id 332, offset 0, flags [DF], proto TCP (6), length 40)
    10.0.0.1.443 > 10.0.0.2.50184: Flags [F.], cksum 0x31a0 (correct), seq 226589280, ack 2117653540, win 501, length 0
"""


def _connections(*paths: Path) -> list[dict[str, Any]]:
    """What `lastseen connections --json` says."""
    with opened(paths, Progress(), texts=False) as case:
        told = connections_json(case_points(case), weirds=case.weirds)
    found: list[dict[str, Any]] = json.loads(encode(told))["connections"]
    return found


def _losses(*paths: Path) -> dict[str, Any]:
    """What `lastseen losses --json` says."""
    with opened(paths, Progress(), texts=False) as case:
        found: dict[str, Any] = json.loads(encode(losses_json(matched(case, Progress()))))
    return found


def _printed(command: Sequence[str], capture: Path, into: Path) -> Path:
    """What a tool prints of a capture, in a file."""
    program, *options = command
    done = subprocess.run(
        [program, "-nr", str(capture), *options], capture_output=True, text=True, check=True, timeout=60
    )
    listing = into / f"{capture.stem}.txt"
    listing.write_text(done.stdout)
    return listing


def _one(text: str, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "listing.txt"
    file.write_text(text)
    (found,) = _connections(file)
    return found


# ---- the capture is the oracle ----
@pytest.mark.oracle("tshark", "tcpdump")
@pytest.mark.parametrize(
    "command",
    [
        ["tshark"], ["tshark", "-t", "ad"], ["tshark", "-t", "dd"], ["tcpdump", "-tttt", "-v", "-e"],
        ["tcpdump", "-ttt"], ["tcpdump", "-vv", "-S"], ["tcpdump", "-tt", "-e", "-#"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_listing_has_the_connection_of_its_capture(command: list[str], tmp_path: Path) -> None:
    """Every column but the file, and the time of day where the listing has none."""
    capture = POINTS[1]
    (mine,) = _connections(_printed(command, capture, tmp_path))
    (truth,) = _connections(capture)
    other = {name for name in truth if truth[name] != mine[name]}
    assert other <= {"file", "start_ns", "duration_ns", "longest_gap_ns", "stall_ns"}
    assert abs(mine["duration_ns"] - truth["duration_ns"]) < 1_000_000


@pytest.mark.oracle("tshark", "tcpdump")
@pytest.mark.parametrize("command", [["tshark"], ["tcpdump"], ["tcpdump", "-v", "-e"]], ids=" ".join)
def test_listings_of_several_points_show_the_losses_of_their_captures(
    command: list[str], tmp_path: Path
) -> None:
    """The same packets between the same points, whether numbers are relative or absolute."""
    listings = [_printed(command, capture, tmp_path) for capture in POINTS]
    lost = [
        [
            (row["direction"], row["packets"], row["unproven"], row["bytes"])
            for row in _losses(*files)["losses"]
        ]
        for files in (POINTS, listings)
    ]
    assert lost[0] == lost[1] != []


@pytest.mark.oracle("tcpdump")
def test_listings_are_diagnosed_without_what_they_do_not_print(tmp_path: Path) -> None:
    """The place of the loss is found; no shared feature is made of a TTL nobody printed."""
    listings = [_printed(["tcpdump"], capture, tmp_path) for capture in POINTS]
    said = json.loads(encode(diagnosis_json(answered(listings, Progress()).diagnosis)))
    assert (said["verdict"]["grade"], said["verdict"]["last_seen"]) == ("unattributed", "cmp_wire_w1.txt")
    assert not any("ttl" in contrast["feature"] for contrast in said["contrasts"])


@pytest.mark.parametrize(("tool", "fate"), [("tshark", "unproven"), ("tcpdump", "packets")])
def test_a_whole_connection_absent_from_a_listing_with_relative_numbers_is_unproven(
    tool: str, fate: str, tmp_path: Path
) -> None:
    """It may be there under another address and number; absolute numbers would have been the same."""
    lines = TSHARK_1_10.splitlines() if tool == "tshark" else TCPDUMP_3_9.splitlines()
    lone = (
        lines[0].replace("46518", "40000").replace("505148140", "905148140").replace("TSval=77", "TSval=78")
    )
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("\n".join([lines[0], lone, *lines[1:]]) + "\n")
    second.write_text("\n".join(lines) + "\n")
    found = [row for row in _losses(first, second)["losses"] if "40000" in row["connection"]]
    assert [row[fate] for row in found] in ([1], [])


@pytest.mark.kernel
@pytest.mark.oracle("tcpdump")
def test_a_listing_meets_a_capture_of_another_point(tmp_path: Path) -> None:
    """Absolute numbers agree; what the listing does not print is not called rewritten."""
    listing = _printed(["tcpdump"], POINTS[1], tmp_path)
    found = _losses(listing, POINTS[2])
    assert [(row["packets"], row["direction"]) for row in found["losses"]] == [(6, "to_client")]
    assert not any(hop["rewritten"] for hop in found["hops"])


# ---- generations ----
def test_tshark_with_service_names_and_hidden_numbers(tmp_path: Path) -> None:
    """The payload of a TLS line comes from its frame; ports' names are numbers."""
    found = _one(TSHARK_1_10, tmp_path)
    assert (found["a"], found["b"], found["bytes"], found["fin"]) == (
        "10.0.0.5:46518",
        "192.0.2.9:443",
        [517, 0],
        [0, 1],
    )


def test_tcpdump_before_4_0(tmp_path: Path) -> None:
    """Flags without brackets, lengths in round ones."""
    found = _one(TCPDUMP_3_9, tmp_path)
    assert (found["bytes"], found["rst"], found["state"]) == ([100, 0], [0, 1], "RSTR")


def test_host_names_stand_for_addresses(tmp_path: Path) -> None:
    """Long ones shortened but not confused; the interface before them is none."""
    found = _one(NAMES, tmp_path)
    with open_case([tmp_path / "listing.txt"]) as case:
        source, _ = endpoints_of(case.captures[0].capture.flows[0], 0)
    assert (source.address, source.port) == ("vm.example", 46518)
    assert found["a"] == "vm.example:46518"
    assert found["b"].startswith("a-host-with~") or found["b"].startswith("a-host-with-"[:11])
    assert found["syn"] == [1, 1]


@pytest.mark.parametrize(("text", "tunnel"), [(VXLAN, "vxlan vni 100 192.168.9.1 > 192.168.9.2"), (GENEVE, "geneve vni 10 20.0.0.2 > 20.0.0.1")])  # fmt: skip
def test_the_inside_of_a_tunnel_is_described(text: str, tunnel: str, tmp_path: Path) -> None:
    """On the same line or on the next one."""
    assert _one(text, tmp_path)["tunnel"] == tunnel


def test_verbose_lines_tell_header_and_padding(tmp_path: Path) -> None:
    """And what no line tells is -1, not 0."""
    file = tmp_path / "v.txt"
    file.write_text(VERBOSE + TCPDUMP_3_9)
    with open_case([file]) as case:
        capture = case.captures[0].capture
        rows = case.details(capture, np.arange(2))
    names = ("ip_id", "ip_ttl", "ip_df", "padding_len", "checksum", "eth_src")
    assert [int(column(rows, name)[0]) for name in names] == [332, 63, 1, 6, CHECKSUM_GOOD, 0x525400000001]
    assert [int(column(rows, name)[1]) for name in names] == [-1, -1, -1, -1, 0, -1]
    info = capture.packets[:2, MISC] >> 24
    assert (info & INFO_LISTED).all()
    assert (info & INFO_IP_ID > 0).tolist() == [True, False]


# ---- documents ----
def test_the_document_that_began_it_yields_its_connection() -> None:
    """No FIN of the remote end in the VM, one on the host; a gap; the reset is told, not shown."""
    vm, host = _connections(STUDY)
    assert (vm["a"], vm["b"], vm["fin"], vm["packets"]) == ("?:46518", "?:443", [0, 0], [8, 4])
    assert vm["bytes"] == [825, 3848]
    assert host["fin"] == [0, 1]
    said = json.loads(encode(diagnosis_json(answered([STUDY], Progress()).diagnosis)))
    assert said["symptom"]["call"] == "poll"
    reasons = " ".join(weird["reason"] for weird in said["weirds"])
    assert "resets the connection from our end" in reasons
    assert "a gap: the segment before" in reasons
    assert "prints no times, no addresses" in reasons
    assert said["verdict"]["grade"] == "blind"
    assert said["next"]


def test_a_line_cut_out_of_a_listing_makes_absence_no_proof(tmp_path: Path) -> None:
    """`...` between packets does not make two points of one."""
    lines = TCPDUMP_3_9.splitlines()
    file = tmp_path / "mail.txt"
    file.write_text(
        "Dear all,\n\nlook at this:\n\n" + "\n".join([*lines[:3], "[...]", *lines[3:]]) + "\n\nThanks\n"
    )
    with open_case([file]) as case:
        (read,) = case.captures
    assert len(read.capture.packets) == len(lines)
    assert read.capture.listed is not None
    assert read.capture.listed.is_partial


def test_lines_without_ports_between_two_open_connections_are_left_out(tmp_path: Path) -> None:
    """Which of both they are of is not printed, so it is not guessed."""
    other = TSHARK_1_10.splitlines()[0].replace("46518", "46519")
    text = "\n".join([*TSHARK_1_10.splitlines()[:3], other, *TSHARK_1_10.splitlines()[3:]]) + "\n"
    file = tmp_path / "two.txt"
    file.write_text(text)
    first, second = _connections(file)
    assert first["bytes"] == second["bytes"] == [0, 0]
    with open_case([file]) as case:
        assert any("left out" in weird.reason for weird in case.weirds)


@pytest.mark.parametrize(
    "text", ["a -> b", "x → y\n" * 50, "key -> value 12\n", "12:00:00 IP\n", "", "→ → →"]
)
def test_other_texts_are_no_listing(text: str) -> None:
    """An arrow is no packet."""
    assert kind_of(head_of(text.encode()) or head_of(b"x")) is None  # type: ignore[arg-type]


def test_a_document_is_one_with_prose() -> None:
    """And the rest are their tools' listings."""
    kinds = [kind_of(head_of(text.encode())) for text in (TSHARK_1_10, TCPDUMP_3_9, STUDY.read_text())]  # type: ignore[arg-type]
    assert kinds == ["tshark listing", "tcpdump listing", DOCUMENT]


# ---- hostile input ----
SAMPLES = (TSHARK_1_10, TCPDUMP_3_9, NAMES, VXLAN, GENEVE, VERBOSE, STUDY.read_text())


def _read(text: str) -> None:
    head = head_of(text.encode())
    reader = None if head is None else listing_reader(head)
    if reader is not None:
        rows = list(reader.read(Text("x.txt", enumerate(text.split("\n"), start=1))))
        assert all(isinstance(row, Weird) or row.source.file == "x.txt" for row in rows)


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_listing_never_raises(data: st.DataObject) -> None:
    """Cut, spliced with another one, with anything in between."""
    one, other = data.draw(st.sampled_from(SAMPLES)), data.draw(st.sampled_from(SAMPLES))
    at, to = data.draw(st.integers(0, len(one))), data.draw(st.integers(0, len(other)))
    _read(one[:at] + data.draw(st.text(max_size=20)) + other[to:])


@pytest.mark.parametrize(
    "filler", ["→ ", "-> ", "a", "0:", "IP ", "[TCP ", "(tos 0x0, ", " > ", "\u00a0", "1.2."]
)
def test_long_lines_are_read_soon(filler: str) -> None:
    """64 KiB of one thing behind the beginning of a packet."""
    for start in ("", TSHARK_1_10[:60], TCPDUMP_3_9[:60], VERBOSE[:120]):
        _read(start + filler * (65_000 // len(filler)) + "\n" + TSHARK_1_10)
