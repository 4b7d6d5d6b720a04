"""`ovs-vsctl list interface`: records, empty sets, the driver."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ovs_vsctl_list as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface, Setting
from lastseen.tables.sources import Weird

SAMPLE = """\
_uuid               : fccd4990-c2c6-42d5-ad0e-022008d2c869
admin_state         : up
external_ids        : {attached-mac="fa:16:3e:aa:00:15"}
ifindex             : 8
ingress_policing_burst: 0
link_state          : up
mac_in_use          : "46:e3:17:91:91:91"
mtu                 : 1442
mtu_request         : []
name                : tap3f1c9a2e-7b
ofport              : 1
options             : {}
statistics          : {collisions=0, rx_bytes=586}
status              : {driver_name=veth, driver_version="1.0", firmware_version=""}
type                : ""

_uuid               : d8b4c5fd-cca8-4157-9044-4058bbd0075d
admin_state         : up
ifindex             : 10
link_state          : up
mac_in_use          : "62:03:af:43:c2:62"
mtu                 : []
name                : "ovn-netnod-0"
ofport              : 2
options             : {csum="true", key=flow, remote_ip="192.168.50.11"}
status              : {tunnel_egress_iface=ens3, tunnel_egress_iface_carrier=up}
type                : geneve
"""


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def test_each_record_is_an_interface() -> None:
    """The type is the kind; a system device's kind is its driver; `[]` is unknown."""
    first, second = (row for row in _rows(SAMPLE) if isinstance(row, Interface))
    assert (first.name, first.kind, first.ifindex, first.mtu_bytes) == ("tap3f1c9a2e-7b", "veth", 8, 1442)
    assert (first.mac, first.state, first.source.line) == ("46:e3:17:91:91:91", "up", 1)
    assert (second.name, second.kind, second.mtu_bytes) == ("ovn-netnod-0", "geneve", None)


def test_options_are_settings_without_a_bridge() -> None:
    """The command does not tell the bridge, so its place in the scope is empty."""
    settings = {(row.scope, row.name): row.value for row in _rows(SAMPLE) if isinstance(row, Setting)}
    assert settings["ovs:/ovn-netnod-0", "csum"] == "true"
    assert len([name for _, name in settings if not name.startswith("external_ids:")]) == 3
    assert settings["ovs:/tap3f1c9a2e-7b", "external_ids:attached-mac"] == "fa:16:3e:aa:00:15"


def test_records_need_no_blank_line_between() -> None:
    """A column that comes again opens the next record."""
    joined = SAMPLE.replace("\n\n", "\n")
    names = [row.name for row in _rows(joined) if isinstance(row, Interface)]
    assert names == ["tap3f1c9a2e-7b", "ovn-netnod-0"]


def test_recognised_by_interface_columns_or_command() -> None:
    """Other tables print the same way and are left alone."""
    assert _recognised(SAMPLE)
    assert _recognised("name                : eth0\nofport              : 1\nlink_state          : up\n")
    assert _recognised("", "ovs-vsctl --columns=name list Interface tap1")
    assert not _recognised(
        "_uuid               : 1\nfail_mode           : secure\nname                : br-int\n"
    )
    assert not _recognised("", "ovs-vsctl list bridge")


def test_a_nameless_record_and_a_stray_line_are_weird() -> None:
    """A record cut before its name cannot be placed."""
    assert [type(row) for row in _rows(SAMPLE[:120] + "\nstray\n")].count(Weird) >= 2


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
