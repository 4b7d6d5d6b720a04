"""What only captures show, a rule on the length does as well: both are named unless the hop tells of a switch."""

from pathlib import Path

import pytest
from written_cases import TAP, TUNNEL, diagnosed, nft_rules, seed_talk, seen, write_case

POINTS = """
[[point]]
name = "wan0"
file = "1_wan0.pcap"
node = "host"
interface = "wan0"
[[point]]
name = "tap0"
file = "2_tap0.pcap"
node = "host"
interface = "tap0"
"""


@pytest.mark.parametrize(
    ("name", "alike"), [("wan0", ("firewall_deny",)), ("genev_sys_6081", ()), ("qvo3f1c9a2e-7b", ())]
)
def test_two_captures_without_a_switch_name_the_rule_as_well(
    tmp_path: Path, name: str, alike: tuple[str, ...]
) -> None:
    captures: dict[str, bytes | str] = {
        f"1_{name}.pcap": seen([seed_talk()], TUNNEL),
        "2_tap0.pcap": seen([seed_talk()], TAP),
    }
    verdict = diagnosed(write_case(tmp_path, captures)).verdict
    assert (verdict.fault, verdict.grade) == ("ovs_conntrack_padding", "probable")
    assert verdict.indistinguishable == alike


def test_rules_that_are_known_tell_the_two_apart(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "1_wan0.pcap": seen([seed_talk()], TUNNEL),
        "2_tap0.pcap": seen([seed_talk()], TAP),
        "after/host/nft.txt": nft_rules(),
        "case.toml": POINTS,
    }
    verdict = diagnosed(write_case(tmp_path, files)).verdict
    assert verdict.fault == "ovs_conntrack_padding"
    assert verdict.indistinguishable == ()
