"""`ip -br`."""

from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import ip_brief as reader
from lastseen.tables.facts_from_texts import Interface


def test_link_and_addr() -> None:
    """MAC or addresses; the peer is no part of the name."""
    link = {row.name: row for row in rows(reader, sample("ip_brief/link")) if isinstance(row, Interface)}
    assert link["va"].state == "UP"
    assert len(link["va"].mac) == 17
    addr = {row.name: row for row in rows(reader, sample("ip_brief/addr")) if isinstance(row, Interface)}
    assert addr["va"].addresses[0] == "10.9.0.1/24"
    assert addr["va"].mac == ""


def test_other_text() -> None:
    """Is weird, and not claimed."""
    assert weirds(reader, "lo UNKNOWN 127.0.0.1/8 \nhello\n") == [2]
    assert not recognised(reader, "Everything UPSIDE down\n")
    assert recognised(reader, "", "ip -br addr")
