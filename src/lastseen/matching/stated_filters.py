"""What a capture's filter lets through, as far as its text says it plainly: protocols and ports joined by "and".

A pcapng says its filter (if_filter, draft-ietf-opsawg-pcapng), and so may case.toml; the language is pcap-filter(7).
Hosts are not looked at: behind an address translation the packets have other ones. What is not understood excludes
nothing.
"""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Passes", "passes"]

PROTOCOLS: Final = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58, "sctp": 132}
MOST_CHARACTERS: Final = 500
"""Of a filter that people write by hand; longer ones are made by programs and are no plain conjunction."""

_TERM: Final = re.compile(
    r"(?P<bare>tcp|udp|icmp6?|sctp)|(?:(?P<protocol>tcp|udp|sctp) )?port (?P<port>\d{1,5})"
)


@dataclass(frozen=True, slots=True)
class Passes:
    """What may pass: one of `protocols`, with one of `ports` at either end; None: any."""

    protocols: frozenset[int] | None
    ports: frozenset[int] | None

    def excludes(self, protocol: int, ports: tuple[int, int]) -> bool:
        """Whether packets of that protocol with these ports cannot pass."""
        if self.protocols is not None and protocol not in self.protocols:
            return True
        return self.ports is not None and self.ports.isdisjoint(ports)


def passes(text: str) -> Passes | None:
    """What the filter lets through; None where that is not plain.

    >>> passes("tcp port 443").excludes(6, (40000, 22))
    True
    >>> passes("host 10.0.0.1 or port 53") is None
    True
    """
    plain = " ".join(text.lower().replace("&&", " and ").split())
    if not plain or len(plain) > MOST_CHARACTERS:
        return None
    protocols: frozenset[int] | None = None
    ports: frozenset[int] | None = None
    for term in plain.split(" and "):
        found = _TERM.fullmatch(term.strip(" ()"))
        if found is None or "(" in term or ")" in term:
            return None
        name = found["bare"] or found["protocol"]
        if name:
            protocols = frozenset({PROTOCOLS[name]}) & (
                protocols if protocols is not None else frozenset({PROTOCOLS[name]})
            )
        if found["port"]:
            here = frozenset({int(found["port"])})
            if ports is not None and ports != here:
                return None
            ports = here
    return Passes(protocols, ports)
