"""Reasons of drops by name. Numbers differ between kernels, so one is read only with a table printed beside it.

The table is the kernel's own: the `print fmt` line of /sys/kernel/tracing/events/skb/kfree_skb/format, which names
every reason of that kernel. Source: Linux include/net/dropreason-core.h and include/trace/events/skb.h (5.17 to 6.18).
"""

import re

__all__ = ["named_reasons", "reason_name"]

_FORMAT = re.compile(r"^print fmt:.{0,400}__print_symbolic\(REC->reason,")
_PAIR = re.compile(r"\{\s?(?P<number>0x[0-9a-fA-F]{1,8}|\d{1,10}),\s?\"(?P<name>\w{1,64})\"\s?\}")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,8}|\d{1,10}")
_PREFIX = "SKB_DROP_REASON_"


def named_reasons(line: str) -> dict[int, str]:
    """The number of every reason, if the line is the format of the kfree_skb event; else nothing."""
    if not _FORMAT.match(line):
        return {}
    return {int(found["number"], 0): found["name"] for found in _PAIR.finditer(line)}


def reason_name(text: str, names: dict[int, str]) -> str:
    """The reason without its prefix; a number by the table, or as printed when the table has none for it.

    >>> reason_name("SKB_DROP_REASON_NETFILTER_DROP", {}), reason_name("3", {3: "NO_SOCKET"}), reason_name("0x33", {})
    ('NETFILTER_DROP', 'NO_SOCKET', '0x33')
    """
    if _NUMBER.fullmatch(text):
        return names.get(int(text, 16 if text.startswith("0x") else 10), text)
    return text.removeprefix(_PREFIX)
