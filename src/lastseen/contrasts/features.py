"""What may distinguish a lost packet, as one table, ordered from what says most of a mechanism to what says least.

A feature is data, conditions on columns, and no function: so the same feature can be asked of captured packets
and of packets an experiment would send, and it can be found again by its name. Names are Wireshark's display
filters where it has one. Where in its connection a packet stands is left out on purpose, but for the window that
connection tracking follows: whatever is lost at the end of a connection would then always be explained by the end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.contrasts.tracked_window import ACK_OVER, SEQ_OVER, SEQ_UNDER
from lastseen.tables.counted import counted
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD, CHECKSUM_PARTIAL, DetailRows, column

__all__ = ["TABLE", "Condition", "Feature", "Field", "features", "holds", "named"]

Bools = npt.NDArray[np.bool_]
Condition = tuple[str, str, int]
"""(column, operator, value); operators are those of `_OPERATORS`."""

_OPERATORS: Final[dict[str, Callable[[npt.NDArray[np.int64], int], Bools]]] = {
    "==": lambda values, value: values == value,
    ">": lambda values, value: values > value,
    ">=": lambda values, value: values >= value,
    "<=": lambda values, value: values <= value,
    "has": lambda values, bits: values & bits != 0,
}
_IN_WORDS: Final = {"==": "", ">=": " or more", "<=": " or less"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something a packet has (all `conditions` hold) or has not. `text` completes "packets with ...".

    `telling`: worth saying of the lost packets even where no delivered one is there to compare with.
    """

    name: str
    text: str
    conditions: tuple[Condition, ...]
    telling: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A number each packet has where `where` holds; the features come from the values the lost packets have.

    `bounded`: lost packets of different values may still lie all above or all below the delivered ones. `noun`: what
    the number counts, for one.
    """

    name: str
    text: str
    column: str
    where: Condition
    form: Callable[[int], str] = str
    noun: str = ""
    bounded: bool = False
    telling: bool = False

    def feature(self, operator: str, value: int) -> Feature:
        """The feature "field operator value"."""
        said = counted(value, self.noun) if self.noun else self.form(value)
        return Feature(
            name=f"{self.name} {operator} {self.form(value)}",
            text=self.text.format(said) + _IN_WORDS[operator],
            conditions=((self.column, operator, value), self.where),
            telling=self.telling and operator == "==",
        )


def _mac(value: int) -> str:
    return value.to_bytes(6, "big").hex(":")


def _hex(value: int) -> str:
    return f"0x{value:02x}"


def _is(name: str, text: str, *conditions: Condition) -> Feature:
    return Feature(name=name, text=text, conditions=conditions)


def _mere(name: str, text: str, *conditions: Condition) -> Feature:
    """A feature too ordinary to mean anything by itself."""
    return Feature(name=name, text=text, conditions=conditions, telling=False)


_ANY: Final = ("frame_len", ">=", 0)
_IP: Final = ("ip_version", ">", 0)
_IPV4: Final = ("ip_version", "==", 4)
_TCP: Final = ("tcp_hdr_len", ">", 0)
_UDP: Final = ("ip_proto", "==", 17)
_BAD: Final = ("checksum", "==", CHECKSUM_BAD)

# fmt: off
TABLE: Final[tuple[Feature | Field, ...]] = (
    _is("tcp.checksum.status == bad", "a wrong TCP checksum", _BAD, ("ip_proto", "==", 6)),
    _is("udp.checksum.status == bad", "a wrong UDP checksum", _BAD, ("ip_proto", "==", 17)),
    _is("icmpv6.checksum.status == bad", "a wrong ICMPv6 checksum", _BAD, ("ip_proto", "==", 58)),
    _is("eth.padding", "padding after the IP packet", ("padding_len", ">", 0)),
    _is("checksum over padding wrong", "a checksum that is wrong only if padding is summed too",
        ("untrimmed_residual", ">", 0), ("checksum", "==", CHECKSUM_GOOD)),
    _is("tcp.checksum.status == partial", "a checksum left to the network card",
        ("checksum", "==", CHECKSUM_PARTIAL)),
    _is("beyond the tracked window", "bytes beyond the window that the packets before them allow",
        ("tracked_window", "==", SEQ_OVER)),
    _is("acknowledges unseen bytes", "an acknowledgment of bytes that did not pass before",
        ("tracked_window", "==", ACK_OVER)),
    _is("before the tracked window", "bytes more than a window back", ("tracked_window", "==", SEQ_UNDER)),
    _is("ip fragment", "only a fragment of an IP packet", ("ip_fragment", "==", 1)),
    _is("tcp.flags.syn == 1", "the SYN flag", ("tcp_flags", "has", 0x02)),
    _is("tcp.flags.fin == 1", "the FIN flag", ("tcp_flags", "has", 0x01)),
    _is("tcp.flags.reset == 1", "the RST flag", ("tcp_flags", "has", 0x04)),
    _is("tcp.flags.urg == 1", "the URG flag", ("tcp_flags", "has", 0x20)),
    _is("tcp.flags.ece == 1", "the ECE flag", ("tcp_flags", "has", 0x40)),
    _is("tcp.flags.cwr == 1", "the CWR flag", ("tcp_flags", "has", 0x80)),
    _mere("tcp.flags.push == 1", "the PSH flag", ("tcp_flags", "has", 0x08)),
    _mere("tcp.flags.ack == 1", "the ACK flag", ("tcp_flags", "has", 0x10)),
    _is("tcp.options.sack", "SACK blocks", ("tcp_sack_blocks", "==", 1)),
    _mere("tcp.options.mss", "an MSS option", ("tcp_mss", ">", 0)),
    _is("tcp.options.tfo", "a Fast Open option", ("tcp_fastopen", ">=", 0)),
    _mere("tcp.options.wscale", "a window scale option", ("tcp_wscale", ">=", 0)),
    _mere("tcp.options.sack_perm", "an option that permits SACK", ("tcp_sack_permitted", "==", 1)),
    _mere("not tcp.options.timestamp", "no TCP timestamps", ("tcp_timestamps", "==", 0), _TCP),
    _is("tcp.window_size_value == 0", "a closed receive window", ("tcp_window", "==", 0), _TCP),
    _is("tcp.len == 0", "no TCP payload", ("payload_len", "==", 0), _TCP),
    Field(name="ip.len", text="an IP length of {}", noun="byte", column="ip_len", where=_IP,
          bounded=True, telling=True),
    Field(name="tcp.len", text="a TCP payload of {}", noun="byte", column="payload_len", where=_TCP,
          bounded=True, telling=True),
    Field(name="frame.len", text="a frame length of {}", noun="byte", column="frame_len", where=_ANY,
          bounded=True, telling=True),
    Field(name="tcp.hdr_len", text="a TCP header of {}", noun="byte", column="tcp_hdr_len", where=_TCP),
    _mere("ip.flags.df == 1", "fragmentation forbidden", ("ip_df", "==", 1), _IPV4),
    _mere("ip.flags.df == 0", "fragmentation allowed", ("ip_df", "==", 0), _IPV4),
    _mere("ip.id == 0", "an IP identification of 0", ("ip_id", "==", 0), _IPV4),
    _mere("ip.version == 6", "an IPv6 header", ("ip_version", "==", 6)),
    Field(name="vlan.id", text="the VLAN tag {}", column="vlan_id", where=("vlan_id", ">=", 0)),
    Field(name="ip.dsfield", text="the traffic class {}", column="ip_dsfield", where=_IP, form=_hex),
    Field(name="ip.ttl", text="a TTL of {}", column="ip_ttl", where=_IP),
    Field(name="eth.src", text="the source address {}", column="eth_src", where=("eth_src", ">=", 0), form=_mac),
    Field(name="tcp.srcport", text="the source port {}", column="src_port", where=_TCP),
    Field(name="tcp.dstport", text="the destination port {}", column="dst_port", where=_TCP),
    Field(name="udp.srcport", text="the source port {}", column="src_port", where=_UDP),
    Field(name="udp.dstport", text="the destination port {}", column="dst_port", where=_UDP),
    Field(name="tunnel.udp.srcport", text="the tunnel's source port {}", column="outer_src_port",
          where=("outer_src_port", ">=", 0)),
    Field(name="tunnel.key", text="the tunnel's key {}", column="tunnel_key", where=("tunnel", ">", 0)),
)
# fmt: on
"""In order of priority: of features that pick the same packets the first one stands for all.

A damaged or misjudged packet explains its loss; what a flag or an option may meet in a firewall comes next; lengths
are mostly consequences of these, the frame's one of the IP packet's; addresses and marks say where, not why.
"""


def features(lost: DetailRows) -> tuple[Feature, ...]:
    """Every feature to ask of these lost packets (at least one), by priority, each name once.

    Lengths that all lost share give an equality; lengths that differ give their bounds.
    """
    found = (
        feature
        for entry in TABLE
        for feature in ((entry,) if isinstance(entry, Feature) else _of_field(entry, lost))
    )
    by_name: dict[str, Feature] = {}
    for feature in found:
        by_name.setdefault(feature.name, feature)
    return tuple(by_name.values())


def _of_field(field: Field, lost: DetailRows) -> Iterator[Feature]:
    if not _holds(field.where, lost).all():
        return
    values = column(lost, field.column)
    low, high = int(values.min()), int(values.max())
    if low < 0:  # a listing does not print it
        return
    if low == high:
        yield field.feature("==", low)
    elif field.bounded:
        yield field.feature(">=", low)
        yield field.feature("<=", high)


def holds(feature: Feature, rows: DetailRows) -> Bools:
    """bool[n]: which of the packets have the feature."""
    return reduce(np.logical_and, (_holds(condition, rows) for condition in feature.conditions))


def _holds(condition: Condition, rows: DetailRows) -> Bools:
    name, operator, value = condition
    return _OPERATORS[operator](column(rows, name), value)


def named(name: str) -> Feature | None:
    """The feature of that name; None where the name is of no feature or its value is no decimal number."""
    field_name, _, rest = name.partition(" ")
    operator, _, value = rest.partition(" ")
    for entry in TABLE:
        if isinstance(entry, Feature):
            if entry.name == name:
                return entry
        elif entry.name == field_name and operator in _IN_WORDS and value.isdecimal():
            return entry.feature(operator, int(value))
    return None
