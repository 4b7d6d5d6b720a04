"""ct_state: one numeric form for what three programs print three ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.tables.ct_state import CT_STATE_BITS, ct_state


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("ct_state=+inv+trk", (0x30, 0x30)),
        ("priority=50,ct_state=-new-est+rel-inv,ct_zone=100,reg5=0x1", (0x04, 0x17)),
        ("ct_state=-trk,ip,reg5=0x1", (0, 0x20)),
        ("ct_state=0x30/0x30,ip", (0x30, 0x30)),
        ("ct_state=est|rpl|trk,ct_zone=100", (0x2A, 0xFF)),
        ("recirc_id(0x2),ct_state(0x30/0x3f),ct_zone(0/0)", (0x30, 0x3F)),
        ("recirc_id(0),ct_state(0/0x20)", (0, 0x20)),
        ("ct_state(0/0)", (0, 0)),
        ("ct_state(0x2a)", (0x2A, 0xFF)),
        ("ct_state(-new-est-rel-rpl-inv-trk)", (0, 0x3F)),
        ("ct_state(+snat+dnat)", (0xC0, 0xC0)),
    ],
)
def test_every_form_gives_value_and_mask(match: str, expected: tuple[int, int]) -> None:
    """OpenFlow and datapath, names and hex, signed and plain."""
    assert ct_state(match) == expected


@pytest.mark.parametrize(
    "match",
    [
        "",
        "ip,tcp",
        "ct_zone=3",
        "ct_state=+odd+trk",
        "ct_state=odd|trk",
        "ct_state(0x2",
        "ct_state(+)",
        "xct_state=+trk",
    ],
)
def test_absent_or_unreadable_is_none(match: str) -> None:
    """An unknown name makes the field unreadable instead of wrong."""
    assert ct_state(match) is None


@given(st.integers(0, 255), st.integers(0, 255))
def test_names_and_numbers_agree(value: int, mask: int) -> None:
    """Printing any value and mask both ways reads back the same."""
    value &= mask
    signs = "".join(
        f"{'+' if value & bit else '-'}{name}" for name, bit in CT_STATE_BITS.items() if mask & bit
    )
    assert ct_state(f"ct_state({value:#x}/{mask:#x})") == (value, mask)
    if mask:
        assert ct_state(f"ip,ct_state={signs}") == (value, mask)


@given(st.text(max_size=80))
def test_no_text_raises(noise: str) -> None:
    """Whatever stands in the field, the answer is numbers or None."""
    ct_state(f"ct_state={noise}")
    ct_state(f"ct_state({noise})")
    ct_state(noise)
