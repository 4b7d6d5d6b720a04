"""`ovs-vsctl show`: nesting, quotes, options."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.ovsdb_records import options_of
from lastseen.evidence.texts import ovs_vsctl as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface, Setting
from lastseen.tables.sources import Weird

SAMPLE = """\
b4220b26-fa22-4147-b1a4-982e3a051f0f
    Manager "ptcp:6640:127.0.0.1"
        is_connected: true
    Bridge br-int
        Controller "tcp:127.0.0.1:6633"
            is_connected: true
        fail_mode: secure
        datapath_type: system
        Port br-int
            Interface br-int
                type: internal
        Port ovn-comput-0
            Interface ovn-comput-0
                type: geneve
                options: {csum="true", key=flow, remote_ip="192.168.50.21"}
    Bridge "br-ex"
        Port "ens4"
            tag: 7
            Interface "ens4"
                error: "could not open network device ens4 (No such device)"
    ovs_version: "3.1.0"
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_interfaces_know_their_bridge_and_type() -> None:
    """The bridge is the master; quotes of old versions do not matter."""
    rows = [(row.name, row.kind, row.master) for row in _rows(SAMPLE) if isinstance(row, Interface)]
    assert rows == [
        ("br-int", "internal", "br-int"),
        ("ovn-comput-0", "geneve", "br-int"),
        ("ens4", "", "br-ex"),
    ]


def test_options_are_settings_of_bridge_and_interface() -> None:
    """Quotes go, order stays."""
    rows = [(row.scope, row.name, row.value) for row in _rows(SAMPLE) if isinstance(row, Setting)]
    scope = "ovs:br-int/ovn-comput-0"
    assert rows == [(scope, "csum", "true"), (scope, "key", "flow"), (scope, "remote_ip", "192.168.50.21")]


def test_a_map_with_escapes_is_unquoted() -> None:
    """Strings may hold commas, braces and quotes."""
    assert options_of(r'{"a key"="x, {y} \"z\"", b=2}') == {"a key": 'x, {y} "z"', "b": "2"}
    assert options_of("{}") == {}


def test_recognised_with_and_without_the_uuid_or_by_command() -> None:
    """Pasting loses the first line and the indent."""
    assert _recognised(SAMPLE)
    assert _recognised("\n".join(line.strip() for line in SAMPLE.splitlines()[1:]))
    assert _recognised("", "ip netns exec netnode env OVS_RUNDIR=/run/ovs-nn ovs-vsctl show")
    assert not _recognised("b4220b26-fa22-4147-b1a4-982e3a051f0f\n")


def test_a_stray_line_is_weird() -> None:
    """Nothing is skipped in silence."""
    assert [type(row) for row in _rows("ovs-vsctl: database connection failed!\n")] == [Weird]


@given(st.text(max_size=300), st.integers(0, 2000), st.randoms(use_true_random=False))
def test_arbitrary_cut_or_shuffled_text_never_raises(noise: str, cut: int, random: object) -> None:
    """Whatever the file holds, reading ends with rows and weirds."""
    lines = (SAMPLE[:cut] + noise + SAMPLE[cut:]).splitlines()
    random.shuffle(lines)  # type: ignore[attr-defined]
    for sample in (noise, SAMPLE[:cut], "\n".join(lines)):
        assert all(row is not None for row in _rows(sample))
        _recognised(sample)


def test_prose_and_source_code_are_not_recognised() -> None:
    """A reader must leave other people's files alone."""
    assert not _recognised("The switch dropped packets, see table=0 and port 1.\nAll is well.\n")
    assert not _recognised("import sys\n\n\ndef drop(port):\n    return port\n")
    assert not _recognised("", "uname -a")
    assert not _recognised("")
