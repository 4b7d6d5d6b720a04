"""Whether a rule of a firewall or switch takes a packet: yes, no, or not to be told from what a capture shows.

A hit counter that moved by as much as was lost may be chance; a rule that, read as text, takes every lost packet and no
delivered one is not. Only terms about headers and interfaces are understood, as nftables 1.1 (`nft list ruleset`),
iptables 1.8 (`iptables-save`) and Open vSwitch 3.x (`ovs-ofctl dump-flows`) print them; anything else makes the
answer "unknown" unless another term already says no.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lastseen.tables.details import DetailRows, column
from lastseen.tables.facts_from_texts import Rule
from lastseen.tables.packets import FLAGS

__all__ = ["NO", "UNKNOWN", "YES", "Passage", "takes"]

Answers = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
Term = Callable[[DetailRows], Bools]

NO, UNKNOWN, YES = 0, 1, 2
"""Ordered, so that the least of all terms is the rule's answer."""
_PROTOCOLS: Final = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "gre": 47,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "sctp": 132,
}
_FLAG_NAMES: Final = {
    "fin": "F",
    "syn": "S",
    "rst": "R",
    "psh": "P",
    "ack": "A",
    "urg": "U",
    "ecn": "E",
    "cwr": "C",
}
_SERVICES: Final = {
    "http": 80,
    "https": 443,
    "ssh": 22,
    "domain": 53,
    "smtp": 25,
    "mysql": 3306,
    "http-alt": 8080,
}
"""Names `nft` and `iptables -L` print where nobody asked for numbers (/etc/services)."""
_ALL: Final = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The interfaces the packets in question come in at and would leave by; "": not known."""

    enters: str = ""
    leaves: str = ""


def takes(rule: Rule, rows: DetailRows, passage: Passage) -> Answers:
    """int8[n]: YES, NO or UNKNOWN for each packet. A rule without any term takes all."""
    terms = {"nft": _nft, "iptables": _iptables, "openflow": _openflow, "datapath": _openflow}[rule.layer]
    answers = np.full(len(rows), YES, np.int8)
    for term in terms(rule.match, passage):
        said = (
            np.full(len(rows), UNKNOWN, np.int8)
            if term is None
            else np.where(term(rows), YES, NO).astype(np.int8)
        )
        answers = np.minimum(answers, said)
    return answers


# ---- terms ----
def _compare(name: str, operator: str, values: str, *, read: Callable[[str], int | None]) -> Term | None:
    """A column against a number, a range, a list of these, or a bound."""
    spans = [_span(part.strip(), read) for part in values.strip("{} ").split(",") if part.strip()]
    known = [span for span in spans if span is not None]
    if not known or len(known) != len(spans):
        return None
    low, high = known[0]
    if operator in ("<", "<=", ">", ">="):
        bound = {"<": (-1, low - 1), "<=": (-1, low), ">": (high + 1, 1 << 63), ">=": (high, 1 << 63)}[
            operator
        ]
        known = [bound]
    return _within(name, known, negated=operator == "!=")


def _within(name: str, spans: list[tuple[int, int]], *, negated: bool) -> Term:
    def term(rows: DetailRows) -> Bools:
        values = column(rows, name)
        found = np.zeros(len(rows), np.bool_)
        for low, high in spans:
            found |= (values >= low) & (values <= high)
        return ~found if negated else found

    return term


def _span(text: str, read: Callable[[str], int | None]) -> tuple[int, int] | None:
    whole = read(text)
    if whole is not None:
        return whole, whole
    low, _, high = text.partition("-" if "-" in text else ":")
    first, last = read(low), read(high)
    return None if first is None or last is None else (first, last)


def _number(text: str) -> int | None:
    text = text.strip().lower()
    try:
        return _SERVICES[text] if text in _SERVICES else int(text, 0)
    except ValueError:
        return None


def _protocol(text: str) -> int | None:
    return _PROTOCOLS.get(text.strip().lower(), _number(text))


def _mac(text: str) -> int | None:
    digits = text.strip().replace(":", "")
    return int(digits, 16) if re.fullmatch(r"[0-9a-fA-F]{12}", digits) else None


def _address(name: str, operator: str, values: str) -> Term | None:
    """IPv4 only: a detail row keeps an IPv6 address as a digest, which knows no prefixes."""
    spans = []
    for part in (part.strip() for part in values.strip("{} ").split(",")):
        low, dash, high = part.partition("-")
        try:
            first = ipaddress.IPv4Network(low, strict=False)
            last = ipaddress.IPv4Network(high, strict=False) if dash else first
        except ValueError:
            return None
        spans.append((int(first.network_address), int(last.broadcast_address)))
    return _within(name, spans, negated=operator == "!=")


def _flags(mask: int, value: int, *, any_of: bool = False, negated: bool = False) -> Term:
    def term(rows: DetailRows) -> Bools:
        masked = column(rows, "tcp_flags") & mask
        found: Bools = (masked != 0 if any_of else masked == value) & (column(rows, "tcp_hdr_len") > 0)
        return ~found if negated else found

    return term


def _flag_bits(text: str) -> int | None:
    names = [name for name in re.split(r"[|,\s()]+", text.strip().lower()) if name]
    if names in (["none"], ["0x0"]):
        return 0
    if names == ["all"]:
        return sum(FLAGS[letter] for letter in "FSRPAU")
    if any(name not in _FLAG_NAMES for name in names):
        return None
    return sum(FLAGS[_FLAG_NAMES[name]] for name in names)


def _constant(known: str, wanted: str, *, negated: bool) -> Term | None:
    """An interface name; a trailing `*` or `+` stands for anything."""
    if not known:
        return None
    stem = wanted.rstrip("*+")
    same = known.startswith(stem) if stem != wanted else known == wanted
    return lambda rows: np.full(len(rows), same != negated)


def _is(name: str, value: int) -> Term:
    return _within(name, [(value, value)], negated=False)


# ---- nftables ----
_OPERATOR: Final = r"(?P<op>==|!=|<=|>=|<|>)?\s*"
_VALUE: Final = r"(?P<value>\{[^{}]{0,2000}\}|[^\s{}]{1,100})"
_NFT: Final = re.compile(
    rf"(?:(?:iifname|iif)\s+(?P<not_in>!=\s*)?\"?(?P<enters>[^\s\"]{{1,32}})\"?"
    rf"|(?:oifname|oif)\s+(?P<not_out>!=\s*)?\"?(?P<leaves>[^\s\"]{{1,32}})\"?"
    rf"|tcp flags (?P<flags>[^\"]{{1,80}}?(?=\s+(?:ct|ip|ip6|meta|tcp|udp|limit|iifname|oifname)\b|$))"
    rf"|ip frag-off\s*&\s*(?P<offset>0x1fff|8191|0x3fff)\s*!=\s*(?:0x0|0)"
    r"|(?P<field>(?:ip|ip6|tcp|udp|th|meta|ether|icmp|icmpv6|igmp|sctp|dccp|udplite|esp|ah) [a-z0-9]{2,16})"
    rf"\s+{_OPERATOR}{_VALUE})(?=\s|$)\s*"
)
_NFT_NUMBERS: Final = {
    "tcp dport": ("dst_port", 6), "tcp sport": ("src_port", 6), "udp dport": ("dst_port", 17),
    "udp sport": ("src_port", 17), "th dport": ("dst_port", 0), "th sport": ("src_port", 0), "ip length": ("ip_len", 0),
    "ip ttl": ("ip_ttl", 0), "ip id": ("ip_id", 0), "icmp type": ("icmp_type", 1), "icmp code": ("icmp_code", 1),
    "tcp window": ("tcp_window", 6), "meta length": ("ip_len", 0),
}  # fmt: skip
"""`meta length` counts what the hook sees, which is the IP packet in the hooks of routing."""
_NFT_HEADERS: Final = {
    "tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "igmp": 2, "sctp": 132, "dccp": 33, "udplite": 136,
    "esp": 50, "ah": 51,
}  # fmt: skip
"""A field of a header takes packets only that have the header (nft(8), payload expressions; IANA protocol numbers)."""


def _nft(match: str, passage: Passage) -> Iterator[Term | None]:
    rest = match.strip()
    while rest:
        found = _NFT.match(rest)
        if found is None:
            yield None
            rest = rest.partition(" ")[2].strip()
            continue
        yield from _nft_terms(found, passage)
        rest = rest[found.end() :]


def _nft_terms(found: re.Match[str], passage: Passage) -> Iterator[Term | None]:
    if found["enters"]:
        yield _constant(passage.enters, found["enters"], negated=bool(found["not_in"]))
    elif found["leaves"]:
        yield _constant(passage.leaves, found["leaves"], negated=bool(found["not_out"]))
    elif found["flags"]:
        yield _nft_flags(found["flags"])
    elif found["offset"]:
        yield (
            _within("ip_frag_offset", [(1, 1 << 20)], negated=False)
            if found["offset"] != "0x3fff"
            else _is("ip_fragment", 1)
        )
    else:
        yield from _nft_field(found["field"], found["op"] or "==", found["value"])


def _nft_field(field: str, operator: str, value: str) -> Iterator[Term | None]:
    if field in _NFT_NUMBERS:
        name, protocol = _NFT_NUMBERS[field]
        if protocol:
            yield _is("ip_proto", protocol)
        yield _compare(name, operator, value, read=_number)
    elif field in ("ip protocol", "meta l4proto", "ip6 nexthdr"):
        yield _compare("ip_proto", operator, value, read=_protocol)
    elif field in ("ip saddr", "ip daddr"):
        yield _address("ip_src" if field == "ip saddr" else "ip_dst", operator, value)
    elif field in ("ether saddr", "ether daddr"):
        yield _compare("eth_src" if field == "ether saddr" else "eth_dst", operator, value, read=_mac)
    elif field == "meta nfproto":
        yield _is("ip_version", 6 if value == "ipv6" else 4)
    else:
        header = field.partition(" ")[0]
        if header in _NFT_HEADERS:
            yield _is("ip_proto", _NFT_HEADERS[header])
        yield None


def _nft_flags(text: str) -> Term | None:
    """`fin`, `fin,rst`, `& (fin | rst) == fin`, `& fin != 0x0`, `fin / fin,syn`."""
    masked = re.fullmatch(r"&\s*(?P<mask>\([^()]*\)|\w+)\s*(?P<op>==|!=)\s*(?P<value>.+)", text.strip())
    slashed = re.fullmatch(r"(?P<op>!=\s*|==\s*)?(?P<value>[^/]+?)\s*/\s*(?P<mask>.+)", text.strip())
    found = masked or slashed
    if found:
        mask, value = _flag_bits(found["mask"]), _flag_bits(found["value"])
        if mask is None or value is None:
            return None
        return _flags(mask, value, negated=(found["op"] or "").strip() == "!=")
    exact = text.strip().startswith("==")
    bits = _flag_bits(text.strip().removeprefix("=="))
    return None if bits is None else _flags(_ALL if exact else bits, bits, any_of=not exact)


# ---- iptables ----
_IPTABLES: Final = re.compile(
    r"(?P<negated>!\s+)?(?P<option>-{1,2}[a-z][\w-]{0,30})(?P<values>(?:\s+(?!-|!\s)\S{1,500})*)\s*"
)
_MODULES_READ: Final = frozenset({"tcp", "udp", "icmp", "multiport", "length", "mac", "comment"})


def _iptables(match: str, passage: Passage) -> Iterator[Term | None]:
    for found in _IPTABLES.finditer(re.sub(r'"[^"]*"', "_", match)):
        values, negated = found["values"].split(), bool(found["negated"])
        if found["option"] == "--comment":
            continue
        if found["option"] == "-m":
            if values and values[0] not in _MODULES_READ:
                yield None
            continue
        yield _iptables_term(found["option"], values, passage, negated=negated)


def _iptables_term(option: str, values: list[str], passage: Passage, *, negated: bool) -> Term | None:
    value, operator = values[0] if values else "", "!=" if negated else "=="
    numbers = {
        "--dport": "dst_port", "--dports": "dst_port", "--sport": "src_port", "--sports": "src_port",
        "--length": "ip_len", "--icmp-type": "icmp_type", "--destination-port": "dst_port", "--source-port": "src_port",
    }  # fmt: skip
    if option in numbers:
        return _compare(numbers[option], operator, value, read=_number)
    match option:
        case "-p":
            return _compare("ip_proto", operator, value, read=_protocol)
        case "-s" | "-d":
            return _address("ip_src" if option == "-s" else "ip_dst", operator, value)
        case "-i":
            return _constant(passage.enters, value, negated=negated)
        case "-o":
            return _constant(passage.leaves, value, negated=negated)
        case "--mac-source":
            return _compare("eth_src", operator, value, read=_mac)
        case "-f":
            return _within("ip_frag_offset", [(1, 1 << 20)], negated=negated)
        case "--syn":
            return _flags(sum(FLAGS[letter] for letter in "FSRA"), FLAGS["S"], negated=negated)
        case "--tcp-flags" if len(values) == 2:  # noqa: PLR2004 - mask and value
            mask, wanted = _flag_bits(values[0]), _flag_bits(values[1])
            return None if mask is None or wanted is None else _flags(mask, wanted, negated=negated)
    return None


# ---- OpenFlow ----
_OPENFLOW: Final = {
    "tp_dst": "dst_port", "tp_src": "src_port", "tcp_dst": "dst_port", "tcp_src": "src_port", "udp_dst": "dst_port",
    "udp_src": "src_port", "nw_ttl": "ip_ttl", "icmp_type": "icmp_type", "icmp_code": "icmp_code",
}  # fmt: skip
_BOOKKEEPING: Final = frozenset({"priority", "table", "cookie", "duration", "idle_age"})


def _openflow(match: str, passage: Passage) -> Iterator[Term | None]:
    """Names of Open vSwitch's ovs-fields(7). A port number says nothing of the interface; the passage is not used."""
    del passage
    for part in (part.strip() for part in match.split(",")):
        name, _, value = part.partition("=")
        if name and name not in _BOOKKEEPING:
            yield _openflow_term(name, value)


def _openflow_term(name: str, value: str) -> Term | None:
    if name in _OPENFLOW:
        return _compare(_OPENFLOW[name], "==", value, read=_number)
    match name:
        case "ip":
            return _is("ip_version", 4)
        case "ipv6":
            return _is("ip_version", 6)
        case "tcp" | "udp" | "icmp" | "sctp":
            return _is("ip_proto", _PROTOCOLS[name])
        case "nw_proto":
            return _compare("ip_proto", "==", value, read=_protocol)
        case "nw_src" | "nw_dst" | "ip_src" | "ip_dst":
            return _address("ip_src" if name.endswith("src") else "ip_dst", "==", value)
        case "dl_src" | "dl_dst" | "eth_src" | "eth_dst":
            return _compare("eth_src" if name.endswith("src") else "eth_dst", "==", value, read=_mac)
        case "tcp_flags":
            return _openflow_flags(value)
        case "nw_frag" | "ip_frag" if value in ("later", "yes", "no"):
            return _within(
                "ip_frag_offset" if value == "later" else "ip_fragment", [(1, 1 << 20)], negated=value == "no"
            )
    return None


def _openflow_flags(value: str) -> Term | None:
    """`+fin-syn`; other forms are numbers that nobody writes by hand."""
    signed = re.findall(r"([+-])([a-z]{3})", value)
    if not signed or "".join(sign + name for sign, name in signed) != value:
        return None
    wanted = [_FLAG_NAMES.get(name) for sign, name in signed if sign == "+"]
    named = [_FLAG_NAMES.get(name) for _, name in signed]
    if None in named:
        return None
    return _flags(sum(FLAGS[n] for n in named if n), sum(FLAGS[n] for n in wanted if n))
