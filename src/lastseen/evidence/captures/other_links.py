"""Names of link types that are not read (tcpdump.org/linktypes.html): a refusal says which."""

from typing import Final

__all__ = ["name_of"]

_NAMES: Final = {
    6: "IEEE 802.5 Token Ring",
    8: "SLIP",
    10: "FDDI",
    100: "ATM with LLC and SNAP",
    104: "Cisco HDLC",
    107: "Frame Relay",
    119: "802.11 with Prism header",
    122: "IP over Fibre Channel",
    138: "IP over FireWire",
    143: "DOCSIS",
    147: "user-defined",
    163: "802.11 with AVS header",
    166: "PPP with direction",
    187: "Bluetooth HCI H4",
    189: "USB, Linux header",
    192: "PPI",
    195: "IEEE 802.15.4",
    201: "Bluetooth HCI H4 with direction",
    220: "USB, Linux header padded",
    227: "SocketCAN",
    240: "netANALYZER",
    242: "IP over InfiniBand",
    247: "InfiniBand",
    249: "USBPcap",
    251: "Bluetooth Low Energy",
    253: "netlink",
    254: "Bluetooth Linux monitor",
    274: "Ethernet with preamble",
}


def name_of(link_type: int) -> str:
    """The link type by number and, where it has a known one, by name."""
    name = _NAMES.get(link_type)
    return f"{link_type} ({name})" if name else str(link_type)
