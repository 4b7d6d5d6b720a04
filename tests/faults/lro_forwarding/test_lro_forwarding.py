"""Packets that a card merged: which texts tell it, and what has to be known of the place where they came in."""

from pathlib import Path

import pytest
from merged_packets import ADDRESSES, GRO, LRO, captures
from written_cases import diagnosed, judgement, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "lro_forwarding"
WARNING = "[  100.000000] {}: received packets cannot be forwarded while LRO is enabled\n"
ETHTOOL, ADDR = "after/router/ethtool.txt", "after/router/ip_addr.txt"
Files = dict[str, bytes | str]


def judged(folder: Path, files: Files, **texts: str) -> Judgement:
    return judgement(diagnosed(write_case(folder, files | {ETHTOOL: LRO} | texts)), SLUG)


def test_it_is_found_with_the_setting(tmp_path: Path) -> None:
    found = judged(tmp_path, captures())
    assert isinstance(found, Supported)
    assert found.confirmed
    assert "passed wire" in found.reasons[1].text


def test_the_kernels_warning_tells_as_well(tmp_path: Path) -> None:
    files = captures() | {"after/router/dmesg.txt": WARNING.format("eth0")}
    found = judgement(diagnosed(write_case(tmp_path, files)), SLUG)
    assert isinstance(found, Supported)
    assert any("cannot be forwarded" in reason.text for reason in found.reasons)


def test_a_warning_of_another_interface_does_not(tmp_path: Path) -> None:
    files = captures() | {"after/router/dmesg.txt": WARNING.format("eth7")}
    assert isinstance(judgement(diagnosed(write_case(tmp_path, files)), SLUG), Untestable)


@pytest.mark.parametrize(
    "text", [GRO, LRO.replace("eth0", "eth1"), ""], ids=["off", "another interface", "none"]
)
def test_without_lro_where_they_come_in_it_is_not_supported(tmp_path: Path, text: str) -> None:
    found = judgement(diagnosed(write_case(tmp_path, captures() | ({ETHTOOL: text} if text else {}))), SLUG)
    assert isinstance(found, Refuted if text == GRO else Untestable)


def test_a_setting_that_is_off_contradicts_an_old_warning(tmp_path: Path) -> None:
    files = captures() | {ETHTOOL: GRO, "after/router/dmesg.txt": WARNING.format("eth0")}
    assert isinstance(judgement(diagnosed(write_case(tmp_path, files)), SLUG), Refuted)


@pytest.mark.parametrize(
    ("addresses", "kind"),
    [(ADDRESSES, Supported), (ADDRESSES.replace("192.0.2.1/", "192.0.2.80/"), Refuted), ("", Untestable)],
    ids=["a router's", "the sender's", "unknown"],
)
def test_without_the_wire_the_addresses_tell_who_sent_them(
    tmp_path: Path, addresses: str, kind: type
) -> None:
    """At the sender itself such sizes are its own segmentation offload."""
    files = captures(wire=False)
    if not addresses:
        files.pop(ADDR)
        files |= {"case.toml": POINTS}
    else:
        files |= {ADDR: addresses}
    assert isinstance(judged(tmp_path, files), kind)


POINTS = "".join(
    f'[[point]]\nname = "{name}"\nfile = "{file}"\nnode = "router"\ninterface = "{name}"\n'
    for name, file in (("eth0", "2_router_eth0.pcap"), ("eth1", "3_router_eth1.pcap"))
)


def test_segments_of_usual_size_are_no_sign(tmp_path: Path) -> None:
    assert isinstance(judged(tmp_path, captures(small=True)), Refuted)


def test_without_the_handshake_nobody_knows_what_is_too_large(tmp_path: Path) -> None:
    found = judged(tmp_path, captures(opening=False))
    assert isinstance(found, Untestable)
    assert any("MSS" in text for text in found.missing)
