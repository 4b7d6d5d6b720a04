"""`modinfo`."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import modinfo as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Version
from lastseen.tables.sources import Weird

IN_TREE = """\
filename:       /lib/modules/6.1.0-56-amd64/kernel/net/openvswitch/openvswitch.ko
alias:          net-pf-16-proto-16-family-ovs_ct_limit
license:        GPL
description:    Open vSwitch switching datapath
intree:         Y
name:           openvswitch
vermagic:       6.1.0-56-amd64 SMP preempt mod_unload modversions 
signature:      5A:19:1A:19:50:86:97:B3:4F:7A:A4:A8:A7:B8:E9:3C:71:9E:CE:18:
\t\t7E:36:E2:00:6D:FC:4F:89:2F:F1:B1:1C:0D:41:70:74:D3:4C:A3:CC
parm:           debug:int
"""
OUT_OF_TREE = """\
filename:       /lib/modules/3.10.0-1160.el7.x86_64/weak-updates/openvswitch/vport-geneve.ko.xz
version:        2.11.3
license:        GPL
srcversion:     66F54E1566A043CC3030420
vermagic:       3.10.0-1160.el7.x86_64 SMP mod_unload modversions 
"""


def _rows(sample: str) -> list[Version | Weird]:
    return list(reader.read(Text(file="sample.txt", numbered=enumerate(sample.splitlines(), start=1))))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_a_module_of_the_kernels_tree_has_the_kernels_version() -> None:
    """From vermagic; the file tells where it came from."""
    (row,) = _rows(IN_TREE)
    assert isinstance(row, Version)
    assert (row.name, row.version) == ("openvswitch_module", "6.1.0-56-amd64")
    assert row.detail == "/lib/modules/6.1.0-56-amd64/kernel/net/openvswitch/openvswitch.ko"
    assert row.source.line == 1


def test_a_module_with_its_own_version_and_without_a_name() -> None:
    """The name is then that of the file, with the kernel's underscores."""
    (row,) = _rows(OUT_OF_TREE)
    assert isinstance(row, Version)
    assert (row.name, row.version) == ("vport_geneve_module", "2.11.3")


def test_several_modules() -> None:
    """A block each."""
    assert [row.version for row in _rows(IN_TREE + OUT_OF_TREE) if isinstance(row, Version)] == [
        "6.1.0-56-amd64",
        "2.11.3",
    ]


def test_built_in_modules() -> None:
    """Newer tools print name and file only; older ones not even the name."""
    weird, row = _rows("filename:       (builtin)\nname:           loop\n")
    assert isinstance(weird, Weird)
    assert isinstance(row, Version)
    assert (row.name, row.version, row.detail) == ("loop_module", "", "(builtin)")
    assert [type(row) for row in _rows("filename: (builtin)\n")] == [Weird]


def test_other_lines_are_weird() -> None:
    """Fields before a file name, a refusal, prose."""
    for sample in ("version: 2\n", "modinfo: ERROR: Module foo not found.\n", "hello\n"):
        assert isinstance(_rows(sample)[0], Weird)


def test_recognition() -> None:
    """By its first line; by command when there is no output or a refusal."""
    assert _recognised(IN_TREE)
    assert _recognised(OUT_OF_TREE)
    assert _recognised("", "modinfo openvswitch")
    assert _recognised("modinfo: ERROR: Module foo not found.\n", "modinfo foo")
    assert not _recognised("filename: report.txt\n")
    assert not _recognised("")


@given(st.text(), st.sampled_from(["", "filename: (builtin)\n", IN_TREE]))
def test_arbitrary_text_never_raises(text: str, start: str) -> None:
    """Whatever stands in the file."""
    _rows(start + text)
    _recognised(start + text)
