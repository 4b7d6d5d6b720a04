"""Packages, processors, loaded modules and virtual machines' network cards."""

import pytest
from reading import recognised, rows, sample, weirds

from lastseen.evidence.texts import lscpu, lsmod, packages, virsh_domiflist, virsh_dumpxml
from lastseen.tables.facts_from_texts import GuestPort, Setting, Version
from lastseen.tables.sources import Weird


def _versions(text: str) -> dict[str, tuple[str, str]]:
    return {row.name: (row.version, row.detail) for row in rows(packages, text) if isinstance(row, Version)}


def _ports(text: str, command: str = "") -> list[GuestPort]:
    reader = virsh_dumpxml if "<" in text else virsh_domiflist
    return [row for row in rows(reader, text, command) if isinstance(row, GuestPort)]


def test_packages_of_rpm() -> None:
    """A name may hold dashes and digits; keys are no packages."""
    found = _versions(sample("packages/rpm_qa_written"))
    assert found["package:openvswitch2.17"] == ("2.17.0-49.el8fdp", "x86_64")
    assert len(found) == 4
    assert _versions(sample("packages/installed_rpms_written"))["package:kernel"] == (
        "3.10.0-1160.el7",
        "x86_64",
    )


def test_packages_of_dpkg() -> None:
    """Installed ones only; the architecture may stand behind the name."""
    text = (
        "ii  libc6:amd64   2.36-9+deb12u14  amd64  GNU C Library\nrc  old           1.0   all  removed\n"
        "hi  openvswitch-switch 3.1.0-2 amd64 held\n"
    )
    assert _versions(text) == {
        "package:libc6": ("2.36-9+deb12u14", "amd64"),
        "package:openvswitch-switch": ("3.1.0-2", "amd64"),
    }
    assert "package:adduser" in _versions(sample("packages/dpkg_l"))
    assert "package:adduser" in _versions(sample("packages/dpkg_query"))
    assert weirds(packages, text + "hello\n") == [4]
    assert recognised(packages, "", "rpm -qa")
    assert not recognised(packages, "some-file-1.0-2.txt\n")


@pytest.mark.parametrize("name", ["v2_38", "json"])
def test_processors(name: str) -> None:
    """The same fields from both forms."""
    found = {row.name: row.value for row in rows(lscpu, sample(f"lscpu/{name}")) if isinstance(row, Setting)}
    assert found["Architecture"] == "x86_64"
    assert int(found["CPU(s)"]) > 0
    assert not [key for key in found if key.startswith(("Flags", "Vulnerab"))]


def test_grouped_json_of_newer_versions_and_damage() -> None:
    """Children below a field; cut JSON and other text are weird."""
    text = '{"lscpu": [{"field": "Vendor ID:", "data": "x", "children": [{"field": "Model name:", "data": "y"}, 7]}]}'
    assert [(row.name, row.value) for row in rows(lscpu, text) if isinstance(row, Setting)] == [
        ("Vendor ID", "x"),
        ("Model name", "y"),
    ]
    assert weirds(lscpu, text[:40]) == [1]
    assert weirds(lscpu, "\nArchitecture: x\n???\n") == [3]
    assert rows(lscpu, "\n") == []
    assert recognised(lscpu, "", "lscpu -J")
    assert not recognised(lscpu, "{\n")


def test_modules_of_proc() -> None:
    """The same rows as from lsmod."""
    found = {
        row.name: row.value
        for row in rows(lsmod, sample("lsmod/proc_modules_written"))
        if isinstance(row, Setting)
    }
    assert found == {"openvswitch": "4", "nf_conntrack": "2", "veth": "0"}


def test_cards_as_a_table() -> None:
    """The machine is named by the command; a dash is nothing."""
    (port,) = _ports(sample("virsh_domiflist/v9"))
    assert (port.machine, port.device, port.mac, port.network, port.model) == (
        "test",
        "testnet0",
        "aa:bb:cc:dd:ee:ff",
        "default",
        "",
    )
    old = "Interface  Type       Source     Model       MAC\n-------------------------------------------------------\nvnet0      bridge     qbr1       virtio      fa:16:3e:00:00:01\n"
    (port,) = _ports(old)
    assert (port.machine, port.device, port.model) == ("", "vnet0", "virtio")
    assert weirds(virsh_domiflist, old + "hello\n") == [4]
    assert recognised(virsh_domiflist, "", "virsh domiflist vm1")


def test_cards_of_a_machines_xml() -> None:
    """With the port's id, which Open vSwitch and Neutron know it by."""
    (port,) = _ports(sample("virsh_dumpxml/openvswitch_written"))
    assert (port.machine, port.device, port.mac) == (
        "instance-0000002a",
        "tap3f1c9a2e-7b",
        "fa:16:3e:3f:1c:9a",
    )
    assert (port.network, port.model, port.mtu_bytes) == ("br-int", "virtio", 1442)
    assert port.port_id == "3f1c9a2e-7b11-4c1e-9d6a-0c5f6f0a1b2c"
    assert port.source.line == 5
    (simple,) = _ports(sample("virsh_dumpxml/v9"))
    assert (simple.machine, simple.network, simple.mtu_bytes, simple.model) == ("test", "default", None, "")
    assert recognised(virsh_dumpxml, "", "virsh dumpxml vm1")


def test_a_machines_other_names_and_how_its_cards_are_attached() -> None:
    """libvirt's uuid is Nova's id of the server; what its user calls it stands in Nova's part of the XML."""
    ports = _ports(sample("virsh_dumpxml/nova_v9"))
    assert {(port.machine, port.machine_id, port.title) for port in ports} == {
        ("instance-0000002a", "0e12087a-7c87-476a-8f84-7398e991cecc", "web-1")
    }
    assert [port.kind for port in ports] == ["bridge", "bridge", "vhostuser", "hostdev"]
    (port,) = _ports(sample("virsh_domiflist/v9"))
    assert (port.kind, port.machine_id, port.title) == ("network", "", "")
    long = f"<domain type='kvm'><name>{'n' * 2000}</name>"
    (port,) = _ports(f"{long}<devices><interface type='bridge'/></devices></domain>")
    assert len(port.machine) <= 512


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "<!DOCTYPE x [<!ENTITY a 'b'>]>\n<domain type='kvm'>&a;</domain>\n",
            "a document type or entity is not read",
        ),
        ("<domain type='kvm'>\n<name>\n", "the XML ends early"),
        ("<domain type='kvm'>\n<a></b>\n", "XML that cannot be read (mismatched tag)"),
        ("<domain type='kvm'>" + "<a>" * 100, "XML nested deeper than any machine's"),
        ("<domain type='kvm'>&a;</domain>", "XML that cannot be read (undefined entity)"),
    ],
)
def test_hostile_xml_is_refused(text: str, reason: str) -> None:
    """Nothing is expanded or fetched; one weird says why reading ended."""
    (weird,) = rows(virsh_dumpxml, text)
    assert isinstance(weird, Weird)
    assert weird.reason == reason
