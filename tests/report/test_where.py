"""The filter language: Wireshark's meaning, one-line errors, and nothing but those for whatever is typed."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.errors import LastseenError
from lastseen.report.tabular import CONNECTION_FIELDS, LOSS_FIELDS
from lastseen.report.where import MAX_DEPTH, AllOf, AnyOf, Field, Not, holds, parse

ROW: dict[str, Any] = {
    "file": "captures/tap of vm.pcap",
    "a": "10.20.0.15:50184",
    "b": "203.0.113.80:443",
    "address_a": "10.20.0.15",
    "port_a": 50184,
    "address_b": "203.0.113.80",
    "port_b": 443,
    "start_ns": 1_700_000_000_000_000_001,
    "duration_ns": 1_500_000_000,
    "packets_a": 12,
    "packets_b": 18,
    "bytes_a": 517,
    "bytes_b": 34567,
    "fin_a": 0,
    "fin_b": 1,
    "holes_a": 0,
    "holes_b": 0,
    "state": "S1",
    "history": "ShADad",
    "longest_gap_ns": 500_000_000,
    "stall": "waiting_for_fin",
    "stall_ns": 60_000_000_000,
    "tunnel": None,
}
V6 = ROW | {"address_a": "2001:db8::15", "address_b": "2001:db8:1::80", "stall": None}
LOSS: dict[str, Any] = ROW | {"protocol": "udp", "packets": 3, "frames": [5, 9, 13], "direction": "to_client"}


def fits(expression: str, row: dict[str, Any] = ROW) -> bool:
    return holds(parse(expression, CONNECTION_FIELDS), row)


@pytest.mark.parametrize(
    "expression",
    [
        "tcp.port == 443 and ip.addr == 10.20.0.15",
        "tcp.srcport == 50184 && tcp.dstport == 443",
        "tcp.port == 0x1bb",
        "ip.src == 10.20.0.15 and not ip.dst == 10.20.0.15",
        'state == "S1"',
        "state == S1",
        "state == 'S1'",
        'stall == "waiting_for_fin"',
        "stall",
        "not tunnel",
        "duration > 1",
        "duration == 1.5",
        "duration >= 1.5 and duration <= 1.50 and not duration > 1.500000000",
        "longest_gap > .4 and longest_gap < 0.5000000001",
        "start_ns == 1700000000000000001",
        "packets > 15",
        "packets_a == 12 and packets_b == 18",
        'frame.file contains "tap of"',
        "frame.file CONTAINS tap",
        "holes == 0",
        "bytes ge 34567 and fin eq 1 and fin lt 1 and fin le 0 and bytes gt 1 and state ne SF",
        "(((tcp.port==443)))",
        "!(tcp.port==80)&&!tcp.port==81||state==SF",
    ],
)
def test_what_fits(expression: str) -> None:
    assert fits(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "tcp.port == 80",
        "ip.dst == 10.20.0.15",
        "tunnel",
        "not stall",
        "duration > 1.5",
        "state != S1",
        "history contains shad",
        "holes > 0",
        "tunnel contains geneve",
        "ipv6.addr",
    ],
)
def test_what_does_not_fit(expression: str) -> None:
    assert not fits(expression)


# ---- several values, and none ----
def test_a_comparison_holds_for_any_value_and_unequal_for_all() -> None:
    """As in Wireshark since 3.6: `!=` is "all unequal"."""
    assert fits("tcp.port == 443")
    assert fits("tcp.port == 50184")
    assert not fits("tcp.port != 443")
    assert fits("tcp.port != 80")
    assert fits("fin == 0")
    assert not fits("fin != 0")
    assert fits("fin_b != 0")


def test_no_value_fits_no_comparison() -> None:
    assert not fits("tunnel != geneve")
    assert fits("not tunnel == geneve")
    assert not fits("stall != waiting_for_fin", V6)


def test_several_values_in_one_cell() -> None:
    for expression in ("frames == 9", "frame.number > 12", "lost == 3 and packets == 3", "udp.port == 443"):
        assert holds(parse(expression, LOSS_FIELDS), LOSS)
    for expression in ("frames == 10", "frame.number != 9", "tcp.port == 443", "tcp.port", "tcp.port != 1"):
        assert not holds(parse(expression, LOSS_FIELDS), LOSS)


# ---- precedence ----
def test_not_binds_closer_than_and_and_that_closer_than_or() -> None:
    fields = {name: Field(kind="text", columns=(name,)) for name in "abc"}
    either = parse("a or not b and c", fields)
    assert isinstance(either, AnyOf)
    both = either.parts[1]
    assert isinstance(both, AllOf)
    assert isinstance(both.parts[0], Not)
    assert isinstance(parse("(a or not b) and c", fields), AllOf)


@given(
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.sampled_from(["or", "||"]),
    st.sampled_from(["and", "&&"]),
)
def test_expressions_mean_what_python_means(given_values: list[bool], either: str, both: str) -> None:
    fields = {name: Field(kind="text", columns=(name,)) for name in "abc"}
    row = {name: "yes" if value else None for name, value in zip("abc", given_values, strict=True)}
    a, b, c = given_values
    assert holds(parse(f"a {either} b {both} not c", fields), row) == (a or (b and not c))
    assert holds(parse(f"!(a {either} b) {both} c", fields), row) == (not (a or b) and c)
    assert holds(parse(f"not a {both} b {either} c", fields), row) == ((not a and b) or c)


# ---- addresses ----
@pytest.mark.parametrize(
    ("expression", "v4", "v6"),
    [
        ("ip.addr == 10.0.0.0/8", True, False),
        ("ip.addr == 10.99.99.99/8", True, False),
        ("ip.addr == 10.0.0.0/255.0.0.0", True, False),
        ("ip.src == 203.0.113.0/24", False, False),
        ("ip.dst == 203.0.113.0/24", True, False),
        ("ip.addr == 0.0.0.0/0", True, False),
        ("ip.addr != 10.0.0.0/8", False, True),
        ("ip.addr == 2001:db8::/32", False, True),
        ("ip.addr == ::/0", False, True),
        ("ipv6.addr == 2001:db8::15", False, True),
        ("ipv6.addr == 2001:0db8:0:0::0015", False, True),
        ("ipv6.src == 2001:db8:1::/48", False, False),
        ("ipv6.dst == 2001:db8:1::/48", False, True),
        ("ipv6.addr", False, True),
        ("ip.addr", True, True),
    ],
)
def test_addresses_and_networks(expression: str, *, v4: bool, v6: bool) -> None:
    assert (fits(expression), fits(expression, V6)) == (v4, v6)


@given(st.ip_addresses(), st.integers(0, 128))
def test_an_address_is_in_every_network_around_it(address: Any, prefix: int) -> None:
    prefix = min(prefix, address.max_prefixlen)
    assert fits(f"ip.src == {address}/{prefix}", ROW | {"address_a": str(address)})


# ---- errors ----
@pytest.mark.parametrize(
    ("expression", "column", "says"),
    [
        ("", 1, "expected a name, not the end"),
        ("   ", 4, "expected a name, not the end"),
        ("tcp.prot == 443", 1, "there is no name 'tcp.prot'"),
        ("tcp.port == 443 andd stall", 17, "expected 'and', 'or' or the end, not 'andd'"),
        ("tcp.port = 443", 10, "'=' was not expected; write =="),
        ("stall & tunnel", 7, "write &&"),
        ("tcp.port ==", 12, "expected a value after ==, not the end"),
        ("tcp.port == and stall", 13, "expected a value"),
        ("tcp.port == https", 13, "tcp.port is compared with a whole number, not 'https'"),
        ("tcp.port == 1.5", 13, "a whole number"),
        ("tcp.port contains 4", 10, "tcp.port is compared with == != < <= > >=, not 'contains'"),
        ("state < S1", 7, "state is compared with == != contains"),
        ("state == s1", 10, "state is never 's1', but one of OTH, S0, S1"),
        ("stall == none", 10, "but one of waiting_for_fin"),
        ("duration > 1s", 12, "a number of seconds"),
        ("ip.addr == 10.0.0.0/33", 12, "an address or a network"),
        ("ip.addr == 10.0.0", 12, "an address or a network"),
        ("ip.addr == fe80::1%eth0", 12, "an address or a network"),
        ("ip.addr > 10.0.0.1", 9, "ip.addr is compared with == !="),
        ("ipv6.addr == 10.0.0.1", 14, "an IPv6 address"),
        ("(stall", 7, "expected ')' for the '(' of column 1, not the end"),
        ("stall)", 6, "not ')'"),
        ('state == "S1', 10, "this quote is never closed"),
        ('"state" == S1', 1, "expected a name"),
        ("not", 4, "expected a name"),
        ("443 == tcp.port", 1, "there is no name '443'"),
        ("packets > " + "9" * 5000, 11, "a whole number"),
        ("packets > \N{ARABIC-INDIC DIGIT FOUR}", 11, "a whole number"),
        ("(" * 5000, MAX_DEPTH + 2, "more than 100"),
        ("not " * 5000, 4 * (MAX_DEPTH + 1) + 1, "more than 100"),
    ],
)
def test_a_mistake_is_named_with_its_column_and_the_names_there_are(
    expression: str, column: int, says: str
) -> None:
    with pytest.raises(LastseenError) as caught:
        parse(expression, CONNECTION_FIELDS)
    said = str(caught.value)
    assert said.startswith(f"--where, column {column}: ")
    assert says in said
    assert "; names: ip.addr, " in said
    assert "\n" not in said
    assert len(said) < 1000


def test_what_nests_as_deep_as_is_allowed_is_understood() -> None:
    for expression in ("(" * MAX_DEPTH + "stall" + ")" * MAX_DEPTH, "!" * MAX_DEPTH + "stall"):
        assert fits(expression)
    long = " or ".join(["(stall and not tunnel)"] * 5000)
    assert fits(long)


PIECES = st.sampled_from(
    ["tcp.port", "ip.addr", "state", "duration", "stall", "==", "!=", "<", ">=", "contains", "and", "or", "not", "&&", "||",
     "!", "(", ")", '"S1"', "443", "10.0.0.0/8", "::1", "1.5", '"', "'", "\\", "=", "&", "\n", "S1"]
)  # fmt: skip


@given(st.text() | st.lists(PIECES, max_size=12).map(" ".join) | st.lists(PIECES, max_size=12).map("".join))
def test_whatever_is_typed_either_filters_or_is_a_mistake_told(expression: str) -> None:
    for fields, row in ((CONNECTION_FIELDS, ROW), (LOSS_FIELDS, LOSS)):
        mistake = ""
        try:
            tree = parse(expression, fields)
        except LastseenError as error:
            mistake = str(error)
        if mistake:
            assert re.match(r"--where, column [^\n]*$", mistake)
        else:
            assert holds(tree, row | dict.fromkeys(_missing(row), 0)) in {True, False}


def _missing(row: dict[str, Any]) -> set[str]:
    """Columns of the tables that the sample rows leave out."""
    fields = CONNECTION_FIELDS.values(), LOSS_FIELDS.values()
    return {column for each in fields for field in each for column in field.columns} - set(row)


@given(st.text())
def test_any_text_can_be_quoted(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert fits(f'frame.file == "{quoted}"', ROW | {"file": text})
