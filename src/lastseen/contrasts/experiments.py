"""Which single experiment would tell features apart that picked the same packets so far.

Each probe is a packet a host can be made to send, written as a row of the same columns a captured packet has.
Under the hypothesis "the feature is why they are lost" a probe is lost exactly if it has the feature. So each set
of probes sorts the rival features by which probes they would lose; the set that tells most of them apart, and of
those the smallest, is the experiment. What it says follows from the packets; no rule per pair of features is kept.

Sizes: Ethernet fills frames up to 60 bytes without the checksum (IEEE 802.3, 3.2.8), an IP packet up to 46. So a
TCP segment without options and with 1 to 5 bytes of payload is padded though it is no longer 40 bytes of IP, and
one with 6 bytes has the same frame length without padding.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from lastseen.contrasts.features import holds, named
from lastseen.tables.contrasts import Contrast
from lastseen.tables.details import CHECKSUM_GOOD, COLUMNS, DetailRows
from lastseen.tables.judgements import Step

__all__ = ["separating_experiment"]

SMALLEST_PADDED_TO: Final = 46
"""Bytes of IP packet in the smallest Ethernet frame."""
ETHERNET_HEADER: Final = 14
LARGEST_PING: Final = 9216
"""Bytes of IP packet: jumbo frames end about here, and longer packets in captures were still to be cut (TSO)."""
PING_HEADERS: Final = 28
"""IPv4 and ICMP echo headers, bytes."""
MOST_PROBES: Final = 3
"""More is no longer one experiment."""
INHERITED: Final = ("eth.src ", "ip.dsfield ", "ip.ttl ", "vlan.id ", "tunnel.key ")
"""What every packet of the same sender has on the same way, probes too."""

_NO_OPTION: Final = {"tcp_wscale": -1, "tcp_fastopen": -1}
_FIN_ACK, _PSH_ACK, _ACK = 0x11, 0x18, 0x10
_STAMPS_OFF: Final = "sysctl -w net.ipv4.tcp_timestamps=0  # receiver; later back to 1"
_STAMPS_ON: Final = "sysctl -w net.ipv4.tcp_timestamps=1  # both ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """A packet to send in the direction of the lost ones. `columns`: what is not 0 of its detail row."""

    text: str
    commands: tuple[str, ...]
    columns: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The lost packets' IP length, what their link adds to it, and how far it fills up short packets; bytes."""

    ip_len: int
    overhead: int
    filled_to: int


def separating_experiment(contrast: Contrast) -> Step | None:
    """The cheapest experiment that separates the features of this contrast; None where nothing is confounded.

    "Sender" is the host whose packets are lost, "receiver" the other end; in the commands, RECEIVER and SENDER
    stand for their addresses, and the comment says where a command is run. Features that no known probe separates
    give a step in words only.
    """
    if not contrast.same_as:
        return None
    rivals = (contrast.feature, *contrast.same_as)
    probes, outcomes = _best(rivals)
    if len(set(outcomes)) == 1 or _has_trailer(rivals):
        return Step(
            text="Let the sender send packets that have some of these and lack others: "
            f"{', '.join(map(_words, rivals))}. What every lost one has and no delivered one is what matters."
        )
    numbered = (f"({number}) {probe.text}" for number, probe in enumerate(probes, start=1))
    sent = probes[0].text if len(probes) == 1 else "; ".join(numbered)
    commands = dict.fromkeys(command for probe in probes for command in probe.commands)
    return Step(text=f"Let the sender send {sent}. {_reading(rivals, outcomes)}", commands=tuple(commands))


def _best(rivals: tuple[str, ...]) -> tuple[tuple[_Probe, ...], list[tuple[bool, ...]]]:
    """The probes that tell most rivals apart, as few as possible; for each rival which probes it would lose."""
    sizes = _sizes(rivals)
    probes = _probes(sizes)
    rows = np.concatenate([_row(probe, sizes) for probe in probes])
    lost = [_would_lose(rival, rows) for rival in rivals]
    chosen = min(
        (c for size in range(1, MOST_PROBES + 1) for c in combinations(range(len(probes)), size)),
        key=lambda c: -len({tuple(row[i] for i in c) for row in lost}),  # the first of equals is the smallest
    )
    return tuple(probes[i] for i in chosen), [tuple(row[i] for i in chosen) for row in lost]


def _would_lose(rival: str, rows: DetailRows) -> list[bool]:
    """For each probe, whether it has the feature; what is not known of a probe it has like the lost packets."""
    feature = None if rival.startswith(INHERITED) else named(rival)
    return [True] * len(rows) if feature is None else [bool(has) for has in holds(feature, rows)]


def _probes(sizes: _Sizes) -> tuple[_Probe, ...]:
    """Cheapest first."""
    return (
        _ping(sizes.ip_len, df=1),
        _payload(1),
        _payload(SMALLEST_PADDED_TO - 40),
        _payload(2),
        _Probe(
            text="an empty ACK with TCP timestamps (IP length 52, not padded)",
            commands=(
                _STAMPS_ON,
                "nc -l 9052  # sender",
                "printf 1 | nc SENDER 9052  # receiver",
                "ss -tino 'dport = :9052'  # receiver: 'retrans' or 'timer:(on' means the ACK was lost",
            ),
            columns=_tcp(52, _ACK, tcp_hdr_len=32, tcp_timestamps=1),
        ),
        _Probe(
            text="a FIN with TCP timestamps (IP length 52, not padded)",
            commands=(
                _STAMPS_ON,
                "nc -l 9053  # sender; Ctrl-C once connected sends the FIN",
                "nc SENDER 9053  # receiver: ends at once if the FIN arrives",
            ),
            columns=_tcp(52, _FIN_ACK, tcp_hdr_len=32, tcp_timestamps=1),
        ),
        _ping(sizes.ip_len, df=0),
    )


def _ping(ip_len: int, *, df: int) -> _Probe:
    """An echo request; zero padding leaves its checksum right, as ICMP's covers no length (RFC 792)."""
    note = ", padded, its checksum right with or without padding" if ip_len < SMALLEST_PADDED_TO else ""
    return _Probe(
        text=f"a ping of IP length {ip_len} with DF {'set' if df else 'clear'}{note} (only where other pings pass)",
        commands=(f"ping -c 3 -M {'do' if df else 'dont'} -s {ip_len - PING_HEADERS} RECEIVER  # sender",),
        columns={"ip_version": 4, "ip_len": ip_len, "ip_id": 1, "ip_df": df, "ip_proto": 1},
    )


def _payload(size: int) -> _Probe:
    """A data segment with a header of 20 bytes, on a connection of its own: Nagle would hold a second one back."""
    ip_len, port = 40 + size, 9040 + size
    text = "123456"[:size]
    return _Probe(
        text=f"{size} byte{'s' * (size > 1)} of TCP payload without timestamps (IP length {ip_len}, "
        f"{'padded' if ip_len < SMALLEST_PADDED_TO else 'not padded'})",
        commands=(
            _STAMPS_OFF,
            f"printf {text} | nc -l {port}  # sender",
            f"nc SENDER {port}  # receiver: does {text} appear?",
        ),
        columns=_tcp(ip_len, _PSH_ACK, tcp_hdr_len=20, payload_len=size),
    )


def _tcp(ip_len: int, flags: int, **columns: int) -> dict[str, int]:
    """A sound TCP packet as Linux sends it."""
    fill = max(SMALLEST_PADDED_TO - ip_len, 0)
    sound = {"checksum": CHECKSUM_GOOD, "untrimmed_residual": fill, "ip_id": 1, "ip_df": 1, "tcp_window": 501}
    return {"ip_version": 4, "ip_proto": 6, "ip_len": ip_len, "tcp_flags": flags, **sound, **columns}


def _row(probe: _Probe, sizes: _Sizes) -> DetailRows:
    """int64[1, columns]: the probe as it would be captured where the lost packets were."""
    ip_len = probe.columns["ip_len"]
    lengths = {
        "frame_len": sizes.overhead + max(ip_len, sizes.filled_to),
        "padding_len": max(SMALLEST_PADDED_TO - ip_len, 0),
    }
    columns = _NO_OPTION | probe.columns | lengths
    return np.array([[columns.get(name, 0) for name in COLUMNS]], np.int64)


def _sizes(rivals: tuple[str, ...]) -> _Sizes:
    """What the rivals' own names say of lengths, else what is usual."""
    padded = "eth.padding" in rivals
    ip_len, frame_len = _number("ip.len", rivals), _number("frame.len", rivals)
    usual = 40 if ip_len is None or not PING_HEADERS <= ip_len <= LARGEST_PING else ip_len
    is_filled = padded or ip_len is None or ip_len >= SMALLEST_PADDED_TO
    filled_to = SMALLEST_PADDED_TO if is_filled else 0
    if frame_len is None or (ip_len is None and not padded):
        return _Sizes(usual, ETHERNET_HEADER, filled_to)
    return _Sizes(usual, frame_len - max(ip_len or 0, filled_to), filled_to)


def _number(field: str, rivals: tuple[str, ...]) -> int | None:
    """The value the first rival about that field compares with."""
    values = (rival.rpartition(" ")[2] for rival in rivals if rival.startswith(f"{field} ") and named(rival))
    return next(map(int, values), None)


def _has_trailer(rivals: tuple[str, ...]) -> bool:
    """Padding behind packets that need none: some device adds it, and whether to the probes too nobody knows."""
    at_least = [f for f in rivals if f.startswith(("ip.len == ", "ip.len >= "))]
    return "eth.padding" in rivals and (_number("ip.len", tuple(at_least)) or 0) >= SMALLEST_PADDED_TO


def _reading(rivals: tuple[str, ...], outcomes: list[tuple[bool, ...]]) -> str:
    """What each outcome means, a sentence each."""
    return " ".join(
        f"{_which(outcome)}: {' or '.join(_words(r) for r, o in zip(rivals, outcomes, strict=True) if o == outcome)}."
        for outcome in dict.fromkeys(outcomes)
    )


def _which(outcome: tuple[bool, ...]) -> str:
    if len(outcome) == 1:
        return "If it is lost" if outcome[0] else "If it passes"
    lost = [f"({number})" for number, is_lost in enumerate(outcome, start=1) if is_lost]
    if len(lost) == len(outcome):
        return "All lost"
    return f"Only {' and '.join(lost)} lost" if lost else "None lost"


def _words(rival: str) -> str:
    feature = named(rival)
    return rival if feature is None else feature.text
