"""`ovs-dpctl show`: rows and indents of every version."""

from hypothesis import given
from hypothesis import strategies as st

from lastseen.evidence.texts import ovs_dpctl_show as reader
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Counter, Interface
from lastseen.tables.sources import Weird

SAMPLE = """\
system@ovs-system:
  lookups: hit:346 missed:42 lost:3
  flows: 5
  masks: hit:755 total:5 hit/pkt:1.95
  cache: hit:233 hit-rate:60.05%
  caches:
    masks-cache: size:256
  port 0: ovs-system (internal)
    RX packets:0 errors:0 dropped:0 overruns:0 frame:0
    TX packets:0 errors:0 dropped:0 aborted:0 carrier:0
    collisions:0
    RX bytes:0  TX bytes:0
  port 1: genev_sys_6081 (geneve: packet_type=ptap)
    RX packets:0 errors:? dropped:? overruns:? frame:?
    TX packets:0 errors:? dropped:? aborted:? carrier:?
    collisions:?
    RX bytes:0  TX bytes:0
    UPCALL packets:5 errors:?
  port 2: tap3f1c9a2e-7b
    RX packets:103 errors:0 dropped:2 overruns:0 frame:0
    TX packets:58 errors:0 dropped:0 aborted:0 carrier:0
    collisions:0
    RX bytes:11196 (10.9 KiB)  TX bytes:23695 (23.1 KiB)
"""
OLD = "system@br0:\n\tlookups: hit:7 missed:1 lost:0\n\tflows: 2\n\tport 0: br0 (internal)\n"


def _rows(sample: str, command: str = "") -> list[object]:
    numbered = enumerate(sample.splitlines(), start=1)
    return list(reader.read(Text(file="sample.txt", numbered=numbered, command=command)))


def _recognised(sample: str, command: str = "") -> bool:
    return reader.recognise(Head(lines=tuple(sample.splitlines()), command=command))


def _values(sample: str) -> dict[tuple[str, str, str], int | None]:
    return {(row.family, row.scope, row.name): row.value for row in _rows(sample) if isinstance(row, Counter)}


def test_totals_belong_to_the_datapath() -> None:
    """Lookups, flows, masks and caches; ratios are left out."""
    values = {
        key[2]: value
        for key, value in _values(SAMPLE).items()
        if key[:2] == ("datapath", "system@ovs-system")
    }
    assert values == {
        "hit": 346,
        "missed": 42,
        "lost": 3,
        "flows": 5,
        "masks_hit": 755,
        "masks_total": 5,
        "cache_hit": 233,
        "masks_cache_size": 256,
    }


def test_port_counters_belong_to_the_ports_name() -> None:
    """RX, TX and UPCALL become prefixes; `?` is None; human sizes are passed over."""
    values = _values(SAMPLE)
    assert values["datapath_port", "tap3f1c9a2e-7b", "rx_dropped"] == 2
    assert values["datapath_port", "tap3f1c9a2e-7b", "tx_bytes"] == 23695
    assert values["datapath_port", "tap3f1c9a2e-7b", "tx_carrier"] == 0
    assert values["datapath_port", "genev_sys_6081", "upcall_packets"] == 5
    assert values["datapath_port", "genev_sys_6081", "upcall_errors"] is None
    assert values["datapath_port", "genev_sys_6081", "collisions"] is None


def test_each_port_is_an_interface_with_its_type() -> None:
    """The type in brackets is the kind; a system device has none."""
    kinds = [(row.name, row.kind) for row in _rows(SAMPLE) if isinstance(row, Interface)]
    assert kinds == [("ovs-system", "internal"), ("genev_sys_6081", "geneve"), ("tap3f1c9a2e-7b", "")]


def test_old_tabs_and_a_missing_name_are_read() -> None:
    """Before 2.10 the indent was a tab; some 2.0 output has no datapath line."""
    assert _values(OLD)["datapath", "system@br0", "hit"] == 7
    assert _values(OLD.partition("\n")[2])["datapath", "", "missed"] == 1
    assert _recognised(OLD.partition("\n")[2])


def test_recognised_by_lookups_or_command() -> None:
    """dpctl/show prints the same; other dpctl commands are not ours."""
    assert _recognised(SAMPLE)
    assert _recognised("", "ovs-dpctl show -s")
    assert _recognised("", "ovs-appctl dpctl/show -s")
    assert not _recognised("", "ovs-appctl dpctl/dump-flows")


def test_lines_out_of_place_are_weird() -> None:
    """Port counters before any port, and an empty row, say nothing."""
    rows = _rows("    RX packets:0 errors:0\n  lookups: nothing\n")
    assert [type(row) for row in rows] == [Weird, Weird]


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
