"""Mining: what the lost packets share, said once, ranked, and independent of the order of packets."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.contrasts import mine
from lastseen.tables.contrasts import Contrast
from lastseen.tables.details import CHECKSUM_BAD, CHECKSUM_GOOD, COLUMNS, DetailRows

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
SOUND = {
    "ip_version": 4, "ip_hdr_len": 20, "ip_proto": 6, "ip_ttl": 62, "ip_df": 1, "ip_id": 7, "vlan_id": -1,
    "eth_src": 0x020000000001, "checksum": CHECKSUM_GOOD, "tcp_window": 501,
    "tcp_wscale": -1, "tcp_fastopen": -1, "outer_src_port": -1,
}  # fmt: skip


def rows(*packets: dict[str, int]) -> DetailRows:
    table = [[(SOUND | packet).get(name, 0) for name in COLUMNS] for packet in packets]
    return np.array(table, np.int64).reshape(-1, len(COLUMNS))


def tcp(flags: int, payload: int = 0, *, header: int = 20, **columns: int) -> dict[str, int]:
    """A packet as Ethernet carries it: short ones are padded."""
    ip_len = 20 + header + payload
    fill = max(46 - ip_len, 0)
    lengths = {
        "ip_len": ip_len,
        "frame_len": 14 + ip_len + fill,
        "padding_len": fill,
        "untrimmed_residual": fill,
    }
    return lengths | {"tcp_hdr_len": header, "payload_len": payload, "tcp_flags": flags} | columns


PADDED = rows(*[tcp(ACK)] * 4, *[tcp(FIN | ACK)] * 10, *[tcp(RST, tcp_window=0, ip_id=0)] * 6)
PASSED = rows(
    tcp(SYN | ACK, header=32, tcp_mss=1460, ip_id=0),
    *[tcp(PSH | ACK, n) for n in (1262, 242, 144, 1029, 628)],
)


def by_name(contrasts: tuple[Contrast, ...]) -> dict[str, Contrast]:
    return {contrast.feature: contrast for contrast in contrasts}


def test_padding_explains_what_short_lengths_would_too() -> None:
    """Twenty padded FIN, ACK and RST lost, a SYN-ACK and data delivered: padding, and what cannot be told from it."""
    found = mine(PADDED, PASSED, hop=3)
    assert found[0] == Contrast(
        feature="eth.padding",
        text="padding after the IP packet",
        lost=20,
        lost_total=20,
        delivered=0,
        delivered_total=6,
        risk_ratio=None,
        p_value=pytest.approx(1 / 230230),
        same_as=("checksum over padding wrong", "ip.len == 40", "frame.len == 60"),
        hop=3,
    )
    empty = by_name(found)["tcp.len == 0"]
    assert (empty.lost, empty.delivered, empty.same_as) == (20, 1, ())


def test_constants_and_rarities_are_left_out() -> None:
    """What every packet has, what few of the lost have, and what the delivered have more often."""
    found = by_name(mine(PADDED, PASSED, hop=0))
    assert not found.keys() & {
        "ip.ttl == 62",
        "ip.flags.df == 1",
        "tcp.flags.reset == 1",
        "tcp.flags.ack == 1",
    }
    assert "tcp.flags.fin == 1" in found


def test_the_risk_ratio_compares_with_and_without() -> None:
    """10 of 10 FINs are lost and 10 of the 16 others: 1.6 times the risk."""
    assert by_name(mine(PADDED, PASSED, hop=0))["tcp.flags.fin == 1"].risk_ratio == pytest.approx(1.6)


def test_only_long_packets_lost_gives_a_bound() -> None:
    """The path MTU's shape: no equality, and IP before TCP and frame."""
    lost = rows(*[tcp(ACK, n) for n in (1448, 1400, 1380)])
    (first, *_) = mine(lost, rows(*[tcp(ACK, n) for n in (100, 900, 20)]), hop=0)
    assert (first.feature, first.same_as) == ("ip.len >= 1420", ("tcp.len >= 1380", "frame.len >= 1434"))


def test_a_flag_is_named_before_the_length_that_comes_with_it() -> None:
    """A firewall that drops FINs, timestamps on, so that nothing is padded."""
    lost = rows(*[tcp(FIN | ACK, header=32, tcp_timestamps=1)] * 3)
    passed = rows(*[tcp(PSH | ACK, n, header=32, tcp_timestamps=1) for n in (10, 20, 30)])
    first = mine(lost, passed, hop=0)[0]
    assert first.feature == "tcp.flags.fin == 1"
    assert first.same_as == ("tcp.len == 0", "ip.len == 52", "frame.len == 66")


def test_a_wrong_checksum_is_named_first() -> None:
    """Even where the damaged packets are padded too."""
    lost = rows(*[tcp(ACK, checksum=CHECKSUM_BAD, untrimmed_residual=9)] * 3)
    assert mine(lost, PASSED, hop=0)[0].feature == "tcp.checksum.status == bad"


def test_nothing_lost_is_nothing_to_explain() -> None:
    """An empty answer, with and without delivered packets."""
    assert mine(rows(), PASSED, hop=0) == mine(rows(), rows(), hop=0) == ()


def test_nothing_delivered_leaves_a_description() -> None:
    """What all lost share and is worth a word; no ratio, no significance."""
    found = mine(PADDED, rows(), hop=1)
    assert [contrast.feature for contrast in found] == [
        "eth.padding", "checksum over padding wrong", "tcp.len == 0", "ip.len == 40", "frame.len == 60",
    ]  # fmt: skip
    assert {(c.lost, c.delivered, c.delivered_total, c.risk_ratio, c.p_value, c.hop) for c in found} == {
        (20, 0, 0, None, 1.0, 1)
    }


def test_nothing_delivered_stays_short() -> None:
    """Six rows, however much the lost share."""
    everything = tcp(0xFF, ip_fragment=1, tcp_sack_blocks=1, tcp_window=0)
    assert len(mine(rows(everything), rows(), hop=0)) == 6


def test_two_features_together_where_neither_separates_alone() -> None:
    """FINs pass unpadded and padded ones without FIN pass: only padded FINs are lost."""
    lost = rows(*[tcp(FIN | ACK)] * 6)
    passed = rows(*[tcp(FIN | ACK, header=32, tcp_timestamps=1)] * 5, *[tcp(ACK)] * 5, *[tcp(ACK, 900)] * 3)
    first, *rest = mine(lost, passed, hop=2)
    assert (first.feature, first.separates, first.hop) == ("eth.padding and tcp.flags.fin == 1", True, 2)
    assert first.text == "padding after the IP packet and the FIN flag"
    assert sum(" and " in contrast.feature for contrast in rest) <= 2
    assert first.p_value < by_name(tuple(rest))["eth.padding"].p_value


def test_no_pair_where_one_feature_does_as_well() -> None:
    """Separated by padding alone; every pair with it adds nothing."""
    assert not [c for c in mine(PADDED, PASSED, hop=0) if " and " in c.feature]


def test_a_pair_where_no_single_feature_is_commoner_among_the_lost() -> None:
    """Each flag is as common among the delivered; both at once are not."""
    lost = rows(*[tcp(FIN | PSH, 9)] * 2, *[tcp(0, 9)] * 2)
    passed = rows(*[tcp(FIN, 9)] * 8, *[tcp(PSH, 9)] * 8)
    assert [c.feature for c in mine(lost, passed, hop=0)] == ["tcp.flags.fin == 1 and tcp.flags.push == 1"]


def test_nothing_to_say_where_lost_and_delivered_are_alike() -> None:
    """Random loss has no feature, and no pair makes one up."""
    assert mine(rows(tcp(ACK)), rows(tcp(ACK), tcp(ACK)), hop=0) == ()


def test_at_most_twelve_rows() -> None:
    """The best ones."""
    flags = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80)
    lost = rows(
        *[
            tcp(
                0xFF,
                9,
                header=44,
                tcp_sack_blocks=1,
                ip_dsfield=4,
                vlan_id=7,
                tcp_mss=1,
                tcp_window=0,
                ip_id=0,
            )
        ]
        * 9
    )
    passed = rows(*[tcp(f, 9, header=44) for f in flags for _ in range(f)],
                  *[tcp(0, 9, **{name: value}) for name, value in
                    (("tcp_sack_blocks", 1), ("ip_dsfield", 4), ("vlan_id", 7), ("tcp_mss", 1), ("tcp_window", 0), ("ip_id", 0))])  # fmt: skip
    found = mine(lost, passed, hop=0)
    assert len(found) == 12
    assert [c.p_value for c in found] == sorted(c.p_value for c in found)


PACKET = st.builds(
    tcp,
    st.sampled_from((ACK, FIN | ACK, RST, PSH | ACK)),
    st.sampled_from((0, 1, 6, 500)),
    header=st.sampled_from((20, 32)),
    ip_ttl=st.sampled_from((62, 63)),
    ip_version=st.sampled_from((4, 6)),
)
PACKETS = st.lists(PACKET, max_size=12)


@given(PACKETS, PACKETS, st.randoms(use_true_random=False))
def test_the_order_of_packets_does_not_matter(
    lost: list[dict[str, int]], passed: list[dict[str, int]], chance: object
) -> None:
    """Captures list packets by time; a contrast has none."""
    before = mine(rows(*lost), rows(*passed), hop=0)
    chance.shuffle(lost)  # type: ignore[attr-defined]
    chance.shuffle(passed)  # type: ignore[attr-defined]
    assert mine(rows(*lost), rows(*passed), hop=0) == before


@given(PACKETS, PACKETS)
def test_everything_twice_keeps_the_risk_ratios(
    lost: list[dict[str, int]], passed: list[dict[str, int]]
) -> None:
    """A ratio of risks knows no sample size."""
    once = by_name(mine(rows(*lost), rows(*passed), hop=0))
    twice = by_name(mine(rows(*lost, *lost), rows(*passed, *passed), hop=0))
    common = once.keys() & twice.keys()
    assert {name: once[name].risk_ratio for name in common} == {
        name: twice[name].risk_ratio for name in common
    }


@given(PACKETS, PACKETS)
def test_every_contrast_keeps_its_promises(lost: list[dict[str, int]], passed: list[dict[str, int]]) -> None:
    """Ranked, at least half of the lost, a ratio above 1 or none, and no set of packets said twice."""
    found = mine(rows(*lost), rows(*passed), hop=0)
    assert len(found) <= 12
    assert sum(" and " in c.feature for c in found) <= 3
    for contrast in found:
        assert 2 * contrast.lost >= contrast.lost_total == len(lost)
        assert contrast.risk_ratio is None or contrast.risk_ratio > 1
        assert 0 <= contrast.p_value <= 1
    said = [name for c in found for name in (c.feature, *c.same_as)]
    assert len(said) == len(set(said))
    assert [c.separates for c in found] == sorted((c.separates for c in found), reverse=True)


def test_forty_thousand_packets_take_a_moment() -> None:
    """100 ms asked for; three tries, as the machine has other work."""
    chance = np.random.default_rng(1)
    table = chance.integers(0, 2, (40_000, len(COLUMNS)))
    table[:, COLUMNS.index("ip_version")] = 4
    table[:, COLUMNS.index("tcp_flags")] = chance.integers(0, 256, 40_000)
    table[:, COLUMNS.index("ip_len")] = chance.integers(40, 1500, 40_000)

    def seconds() -> float:
        begun = time.perf_counter()
        mine(table[:20_000], table[20_000:], hop=0)
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 0.1
