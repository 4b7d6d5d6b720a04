"""Experiments: that what they send really tells the rival features apart."""

import pytest

from lastseen.contrasts import separating_experiment
from lastseen.tables.contrasts import Contrast
from lastseen.tables.judgements import Step


def step(*rivals: str) -> Step:
    """The experiment for a contrast with these features."""
    found = separating_experiment(
        Contrast(
            feature=rivals[0],
            text="",
            lost=9,
            lost_total=9,
            delivered=0,
            delivered_total=9,
            risk_ratio=None,
            p_value=0.001,
            same_as=rivals[1:],
        )
    )
    assert found is not None
    return found


def test_what_is_not_confounded_needs_no_experiment() -> None:
    """Nothing in same_as."""
    alone = Contrast(
        feature="eth.padding",
        text="",
        lost=1,
        lost_total=1,
        delivered=0,
        delivered_total=1,
        risk_ratio=None,
        p_value=0.5,
    )
    assert separating_experiment(alone) is None


def test_padding_ip_length_and_frame_length_are_told_apart_by_two_segments() -> None:
    """41 bytes of IP are padded, 46 fill the smallest frame exactly."""
    found = step("eth.padding", "ip.len == 40", "frame.len == 60")
    assert "(1) 1 byte of TCP payload without timestamps (IP length 41, padded)" in found.text
    assert "(2) 6 bytes of TCP payload without timestamps (IP length 46, not padded)" in found.text
    assert found.text.endswith(
        "Only (1) lost: padding after the IP packet. None lost: an IP length of 40 bytes. "
        "All lost: a frame length of 60 bytes."
    )
    assert "printf 1 | nc -l 9041  # sender" in found.commands
    assert len(found.commands) == len(set(found.commands)) == 5


def test_a_checksum_over_padding_is_told_from_padding_by_a_ping() -> None:
    """Zero padding leaves ICMP's checksum right."""
    found = step("eth.padding", "checksum over padding wrong")
    assert found.commands == ("ping -c 3 -M do -s 12 RECEIVER  # sender",)
    assert found.text.endswith(
        " If it is lost: padding after the IP packet. If it passes: a checksum that is wrong only if padding is summed too."
    )


def test_all_four_of_the_padding_case_are_told_apart() -> None:
    """Ping, one byte, six bytes: four rivals, four outcomes."""
    text = step("eth.padding", "checksum over padding wrong", "ip.len == 40", "frame.len == 60").text
    outcomes = (
        "Only (1) and (2) lost: padding",
        "Only (2) lost: a checksum",
        "Only (1) lost: an IP length",
        "All lost: a frame",
    )
    assert [outcome for outcome in outcomes if outcome not in text] == []


def test_inside_a_tunnel_the_frame_length_is_counted_with_its_headers() -> None:
    """A Geneve frame of 118 bytes around a padded packet is as long around one of 46 bytes."""
    assert (
        "All lost: a frame length of 118 bytes."
        in step("eth.padding", "ip.len == 40", "frame.len == 118").text
    )
    assert (
        "All lost: a frame length of 118 bytes."
        in step("eth.padding", "frame.len == 118", "tcp.len == 0").text
    )


def test_a_length_of_41_needs_another_padded_length() -> None:
    """42 bytes are padded as well and are not 41."""
    found = step("eth.padding", "ip.len == 41")
    assert "2 bytes of TCP payload without timestamps (IP length 42, padded)" in found.text
    assert found.text.endswith(
        "If it is lost: padding after the IP packet. If it passes: an IP length of 41 bytes."
    )


def test_a_bound_on_the_length_is_crossed() -> None:
    """41 bytes are padded though longer than every lost packet; 46 would say nothing here."""
    found = step("eth.padding", "ip.len <= 40")
    assert found.text.endswith(
        "If it is lost: padding after the IP packet. If it passes: an IP length of 40 bytes or less."
    )


def test_short_and_padded_are_the_same_to_every_probe() -> None:
    """All packets up to 45 bytes are padded on Ethernet: said in words, and nothing is claimed."""
    found = step("eth.padding", "ip.len <= 45")
    assert found.commands == ()
    assert (
        "some of these and lack others: padding after the IP packet, an IP length of 45 bytes or less."
        in found.text
    )


def test_a_flag_is_told_from_padding_by_the_same_flag_unpadded() -> None:
    """A padded ping has no FIN."""
    found = step("eth.padding", "tcp.flags.fin == 1")
    assert found.text.endswith(" If it is lost: padding after the IP packet. If it passes: the FIN flag.")


def test_a_flag_is_told_from_an_empty_payload_by_an_empty_ack() -> None:
    """No padding involved, so timestamps may stay on."""
    found = step("tcp.flags.fin == 1", "tcp.len == 0")
    assert "send an empty ACK with TCP timestamps" in found.text
    assert found.text.endswith("If it passes: the FIN flag. If it is lost: no TCP payload.")


def test_the_ip_length_is_told_from_the_payload_by_a_ping_as_long() -> None:
    """The frame is as long as well and stays confounded, which the text says."""
    found = step("ip.len >= 1420", "tcp.len >= 1380", "frame.len >= 1434")
    assert found.commands == ("ping -c 3 -M do -s 1392 RECEIVER  # sender",)
    assert (
        "If it is lost: an IP length of 1420 bytes or more or a frame length of 1434 bytes or more."
        in found.text
    )
    assert "padded" not in found.text


def test_forbidden_fragmentation_is_told_from_length_by_a_short_segment() -> None:
    """Linux forbids the fragmentation of every TCP packet, long or short."""
    found = step("ip.len == 1500", "ip.flags.df == 1")
    assert found.text.endswith(
        "If it passes: an IP length of 1500 bytes. If it is lost: fragmentation forbidden."
    )


def test_forbidden_fragmentation_is_told_from_the_way_by_a_ping_that_allows_it() -> None:
    """The TTL is every probe's; only the second ping has DF clear."""
    found = step("ip.ttl == 63", "ip.flags.df == 1")
    assert found.commands == ("ping -c 3 -M dont -s 12 RECEIVER  # sender",)
    assert "with DF clear, padded" in found.text
    assert found.text.endswith("If it is lost: a TTL of 63. If it passes: fragmentation forbidden.")


@pytest.mark.parametrize("ip_len", [20, 60_000])
def test_a_length_no_ping_has_is_not_pinged(ip_len: int) -> None:
    """Shorter than its headers, or cut by the sender's card after the capture."""
    found = step("eth.padding", "checksum over padding wrong", f"ip.len <= {ip_len}")
    assert "ping -c 3 -M do -s 12 RECEIVER  # sender" in found.commands


@pytest.mark.parametrize(
    "rivals",
    [
        ("ip.len == 1500", "frame.len == 1514"),
        ("eth.src == 02:00:00:00:00:01", "ip.ttl == 63", "vlan.id == 7", "ip.dsfield == 0x04"),
        ("eth.padding and tcp.flags.fin == 1", "eth.padding and tcp.len == 0"),
        ("eth.padding", "ip.len == 60", "frame.len == 80"),
    ],
)
def test_what_no_probe_separates_is_said_in_words(rivals: tuple[str, ...]) -> None:
    """The same measure twice, what all packets of a sender have, pairs, and a trailer that no minimum explains."""
    found = step(*rivals)
    assert found.commands == ()
    assert found.text.startswith("Let the sender send packets that have some of these and lack others: ")


def test_a_link_that_does_not_pad_is_not_thought_to() -> None:
    """54 bytes with 40 of IP: one byte more makes 55, so the frame's length says no more than the packet's."""
    assert step("ip.len == 40", "frame.len == 54").commands == ()


def test_a_frame_length_alone_is_taken_for_plain_ethernet() -> None:
    """66 bytes are 52 of IP."""
    assert "an empty ACK with TCP timestamps" in step("frame.len == 66", "tcp.flags.reset == 1").text
