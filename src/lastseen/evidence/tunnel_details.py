"""How a tunnel device is set up, from the words or the JSON of `ip -d link`: identifier, ends, port, outer checksums.

Whether the outer UDP checksum is written (`udpcsum`) decides who notices a damaged or rewritten outer packet. Source:
iproute2's ip/iplink_vxlan.c and ip/iplink_geneve.c; a word that is missing is unknown, as older versions print only
what is set.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from lastseen.evidence.json_elements import text_of

__all__ = ["TUNNEL_KINDS", "tunnel_of_json", "tunnel_of_words"]

TUNNEL_KINDS: Final = frozenset({"vxlan", "geneve"})
_VALUES: Final = ("id", "remote", "local", "dstport")
_SWITCHES: Final = ("udpcsum", "udp6zerocsumtx", "udp6zerocsumrx", "external")
_JSON_VALUES: Final = {
    "id": "id", "remote": "remote", "remote6": "remote", "local": "local", "local6": "local", "port": "dstport",
}  # fmt: skip
_JSON_SWITCHES: Final = {
    "udp_csum": "udpcsum", "udp_zero_csum6_tx": "udp6zerocsumtx", "udp_zero_csum6_rx": "udp6zerocsumrx",
    "external": "external",
}  # fmt: skip


def tunnel_of_words(words: Iterable[str]) -> dict[str, str]:
    """name -> value; "on" or "off" for switches.

    >>> tunnel_of_words("vxlan id 42 dev eth0 dstport 4789 noudpcsum".split())
    {'id': '42', 'dstport': '4789', 'udpcsum': 'off'}
    """
    listed = list(words)
    found = {word: value for word, value in pairwise(listed) if word in _VALUES}
    for word in listed:
        if word in _SWITCHES:
            found[word] = "on"
        elif word.removeprefix("no") in _SWITCHES:
            found[word.removeprefix("no")] = "off"
    return found


def tunnel_of_json(info: dict[str, Any]) -> dict[str, str]:
    """The same of an `info_data` object."""
    found = {named: text_of(info[word]) for word, named in _JSON_VALUES.items() if text_of(info.get(word))}
    for word, named in _JSON_SWITCHES.items():
        if isinstance(info.get(word), bool):
            found[named] = "on" if info[word] else "off"
    return found
