"""`ethtool -k`, and what `ethtool -K` says it changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ethtool_features as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Setting
from lastseen.tables.sources import Weird

SAMPLE = """\
Features for tap3f1c9a2e-7b:
rx-checksumming: on
tx-checksumming: on
\ttx-checksum-ipv4: off [fixed]
\ttx-checksum-ip-generic: on
large-receive-offload: off [fixed]
tx-udp_tnl-csum-segmentation: off [requested on]
rx-gro-hw: on [not requested]
"""
OLD = """\
Offload parameters for eth0:
rx-checksumming: on
tcp segmentation offload: off
"""
CHANGES = """\
Actual changes:
tx-checksumming: off
\ttx-checksum-ip-generic: off
tcp-segmentation-offload: off
\ttx-tcp-segmentation: off [requested on]
Could not change any device features
"""


def _rows(sample: str, command: str = "") -> list[Setting | Weird]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str, command: str = "") -> dict[tuple[str, str], str]:
    rows = _rows(sample, command)
    assert not [row for row in rows if isinstance(row, Weird)]
    return {(row.scope, row.name): row.value for row in rows if isinstance(row, Setting)}


def test_features_of_an_interface() -> None:
    """The state that is, fixed or wished otherwise."""
    values = _values(SAMPLE)
    assert {scope for scope, _ in values} == {"offload:tap3f1c9a2e-7b"}
    assert {name: value for (_, name), value in values.items()} == {
        "rx-checksumming": "on",
        "tx-checksumming": "on",
        "tx-checksum-ipv4": "off",
        "tx-checksum-ip-generic": "on",
        "large-receive-offload": "off",
        "tx-udp_tnl-csum-segmentation": "off",
        "rx-gro-hw": "on",
    }


def test_the_oldest_form() -> None:
    """Blanks in names become hyphens."""
    assert _values(OLD) == {
        ("offload:eth0", "rx-checksumming"): "on",
        ("offload:eth0", "tcp-segmentation-offload"): "off",
    }


def test_changes_belong_to_the_interface_of_the_command() -> None:
    """Without the command the interface is unknown."""
    assert _values(CHANGES, "ethtool -K eth1 tx off")["offload:eth1", "tx-tcp-segmentation"] == "off"
    assert _values(CHANGES)["offload:", "tx-checksumming"] == "off"


def test_several_interfaces_in_one_file() -> None:
    """Each block has its own heading."""
    assert {scope for scope, _ in _values(SAMPLE + "\n" + OLD)} == {"offload:tap3f1c9a2e-7b", "offload:eth0"}


def test_other_lines_are_weird() -> None:
    """A cut line; a refusal of the tool is none."""
    assert isinstance(_rows(SAMPLE + "rx-fcs: o")[-1], Weird)
    assert _rows("Cannot get device udp-fragmentation-offload settings: Operation not supported\n") == []


def test_recognition() -> None:
    """By heading, or by command when there is no output."""
    for sample in (SAMPLE, OLD, CHANGES, "Cannot get device udp large send offload settings: x\n" + SAMPLE):
        assert _recognised(sample)
    assert _recognised("", "ethtool -k eth0")
    assert not _recognised("", "ethtool -i eth0")


@pytest.mark.parametrize(
    "sample", ["", "Features for you and me:\n", "Actual changes:\nnone\n", "rx-checksumming: on\n"]
)
def test_other_files_are_not_claimed(sample: str) -> None:
    """Prose and settings files."""
    assert not _recognised(sample)


@given(st.text(), st.sampled_from(["", SAMPLE, "Actual changes:\n", "rx-"]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
