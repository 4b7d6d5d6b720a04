"""The capture filter, as tcpdump compiles it: the connection's packets however they are wrapped, and no others."""

import ipaddress
import subprocess
from pathlib import Path

import packet_writer as w
import pytest

from lastseen.live.filters import capture_filter

pytestmark = pytest.mark.oracle("tcpdump")

REMOTE, VM, OTHER = "198.51.100.9", "10.0.0.5", "203.0.113.7"
REMOTE6, VM6, OTHER6 = "2001:db8:1::9", "2001:db8:2::5", "2001:db8:3::7"
VTEPS = "172.31.0.1", "172.31.0.2"
PORT = 443


def inner(remote: str = REMOTE, *, port: int = PORT) -> bytes:
    """A packet of the remote's to the machine, with its Ethernet header."""
    vm = VM6 if ":" in remote else VM
    return w.ethernet(w.ip(remote, vm, w.tcp(port, 50_000, data=b"x")))


def answer(remote: str = REMOTE) -> bytes:
    return w.ethernet(w.ip(VM6 if ":" in remote else VM, remote, w.tcp(50_000, PORT)))


def outer(payload: w.Payload) -> bytes:
    return w.ethernet(w.ipv4(*VTEPS, payload))


def quoted(remote: str, *, from_whom: str = "192.0.2.1") -> bytes:
    """A router's word that a packet to the remote was too long."""
    packet = w.ipv4(VM, remote, w.tcp(50_000, PORT, data=bytes(100)))
    return w.ethernet(w.ipv4(from_whom, VM, w.icmp(3, 4, data=packet[:28])))


def fragments(remote: str) -> list[bytes]:
    packets = w.ipv4_fragments(remote, VM, w.tcp(PORT, 50_000, data=bytes(3000)), size=1400, identification=7)
    return [w.ethernet(packet) for packet in packets]


OURS = {
    "plain": inner(),
    "the other way": answer(),
    "with a tag": w.ethernet(w.ipv4(REMOTE, VM, w.tcp(PORT, 50_000)), tags=[(0x8100, 42)]),
    "in Geneve": outer(w.geneve(inner(), vni=5)),
    "in Geneve, the other way": outer(w.geneve(answer(), vni=5)),
    "in Geneve with options": outer(w.geneve(inner(), vni=5, options=bytes(16))),
    "in VXLAN": outer(w.vxlan(inner(), vni=5)),
    "in VXLAN at Linux's own port": outer(w.vxlan(answer(), vni=5, port=8472)),
    "in GRE": outer(w.gre(w.ipv4(REMOTE, VM, w.tcp(PORT, 50_000)))),
    "in Geneve with a tag outside": w.ethernet(w.ipv4(*VTEPS, w.geneve(inner(), vni=5)), tags=[(0x8100, 7)]),
    "quoted by a router": quoted(REMOTE),
}
OTHERS = {
    "another host": inner(OTHER),
    "another port": inner(port=80),
    "another host in Geneve": outer(w.geneve(inner(OTHER), vni=5)),
    "another host in VXLAN": outer(w.vxlan(inner(OTHER), vni=5)),
    "quoted, about another host": quoted(OTHER),
}


def passing(frames: list[bytes], text: str, folder: Path) -> list[bytes]:
    """The frames that tcpdump lets through."""
    (folder / "all.pcap").write_bytes(
        w.pcap([(number * 10**9, frame) for number, frame in enumerate(frames)])
    )
    command = ["tcpdump", "-n", "-r", str(folder / "all.pcap"), "-w", "-", text]
    kept = subprocess.run(command, capture_output=True, check=True).stdout
    return [frame for frame in frames if frame in kept]


@pytest.mark.parametrize("frame", OURS.values(), ids=OURS)
def test_the_connection_passes_however_it_is_wrapped(frame: bytes, tmp_path: Path) -> None:
    text = capture_filter([REMOTE], PORT, outer=True)
    assert passing([frame], text, tmp_path) == [frame]


@pytest.mark.parametrize("frame", OTHERS.values(), ids=OTHERS)
def test_others_do_not(frame: bytes, tmp_path: Path) -> None:
    text = capture_filter([REMOTE], PORT, outer=True)
    assert passing([frame], text, tmp_path) == []


def test_fragments_pass_though_only_the_first_has_a_port(tmp_path: Path) -> None:
    text = capture_filter([REMOTE], PORT, outer=False)
    assert passing(fragments(REMOTE), text, tmp_path) == fragments(REMOTE)
    assert passing(fragments(OTHER), text, tmp_path) == []


@pytest.mark.parametrize("wrapped", [inner(REMOTE6), outer(w.geneve(inner(REMOTE6), vni=5))])
def test_ipv6_passes_plain_and_in_a_tunnel(wrapped: bytes, tmp_path: Path) -> None:
    text = capture_filter([REMOTE6], PORT, outer=True)
    assert passing([wrapped, inner(OTHER6)], text, tmp_path) == [wrapped]


def test_several_addresses_are_one_end_and_none_is_everyone(tmp_path: Path) -> None:
    frames = [inner(), inner(OTHER), inner("192.0.2.200")]
    text = capture_filter([REMOTE, OTHER], None, outer=False)
    assert passing(frames, text, tmp_path) == frames[:2]
    assert capture_filter([], PORT, outer=True) == ""


def test_what_is_no_address_never_becomes_a_filter() -> None:
    with pytest.raises(ValueError, match="address"):
        capture_filter(["1.2.3.4 or host 5.6.7.8"], None, outer=False)
    assert str(ipaddress.ip_address(REMOTE)) in capture_filter([REMOTE], None, outer=False)
