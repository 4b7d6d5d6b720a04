"""Whole reports: sos, ovs-bugtool and must-gather, well-meant and hostile.

The archives are built here in sos's layout (names and links as sos 4 makes them) from what the commands printed; the
ovs-bugtool report has the names and section lines that version 3.1.0 wrote.
"""

import io
import tarfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from lastseen.evidence import archives
from lastseen.evidence.case import open_case
from lastseen.evidence.files import list_files
from lastseen.evidence.report_contents import is_wanted
from lastseen.evidence.reports import command_in_name, hosts_of
from lastseen.tables.facts_from_texts import Counter, Interface, LogLine, Row, Rule, Setting

SAMPLES = Path(__file__).parent / "texts/samples"
TOP = "sosreport-compute1-0123-2026-11-25-abcdefg"


def _sample(path: str) -> bytes:
    return (SAMPLES / path).read_bytes()


def _sos(host: str = "compute1.example.net") -> dict[str, bytes]:
    """Path below the report's folder -> content."""
    return {
        "sos_commands/host/hostname": f"{host}\n".encode(),
        "sos_commands/kernel/uname_-a": b"Linux other 6.1.0-13-amd64 #1 SMP Debian 6.1.55-1 x86_64 GNU/Linux\n",
        "sos_commands/networking/ip_-s_-d_link": _sample("ip_link/iproute2_6_1_ssd.txt"),
        "sos_commands/openvswitch/ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": _sample(
            "ovs_ofctl_flows/of13.txt"
        ),
        "sos_commands/openvswitch/ovs-ofctl_dump-ports_br-int": _sample("ovs_ofctl_ports/of10.txt"),
        "sos_commands/openvswitch/ovs-vsctl_-t_5_show": _sample("ovs_vsctl/show_3_1.txt"),
        "sos_commands/selinux/sestatus": b"SELinux status: disabled\n",
        "proc/net/dev": b"Inter-|   Receive                                                |  Transmit\n"
        b" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls"
        b" carrier compressed\n    lo:     100       2    0    0    0     0          0         0      100       2"
        b"    0    0    0     0       0          0\n",
        "proc/1/maps": b"00400000-00401000 r-xp 00000000 00:00 0\n",
        "var/log/openvswitch/ovs-vswitchd.log": _sample("ovs_log/vswitchd_3_1.txt"),
        "var/lib/rpm/Packages": b"\0binary",
        "etc/hostname": b"compute1\n",
    }


def _tar(path: Path, mode: str, content: dict[str, bytes], top: str = TOP) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in content.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (("hostname", "sos_commands/host/hostname"), ("passwd", "/etc/passwd")):
            link = tarfile.TarInfo(f"{top}/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return path


def _folder(root: Path, content: dict[str, bytes], top: str = TOP) -> Path:
    for name, data in content.items():
        path = root / top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def _told(rows: list[Row]) -> tuple[set[str], set[str], set[str], bool]:
    """(nodes, places of flows, scopes of port counters, whether the log was read)."""
    return (
        {row.node for row in rows},
        {row.place.partition(" ")[0] for row in rows if isinstance(row, Rule)},
        {row.scope for row in rows if isinstance(row, Counter) and row.family == "openflow_port"},
        any(isinstance(row, LogLine) for row in rows),
    )


@pytest.mark.parametrize("form", ["w:xz", "w:gz", "w:bz2", "w", "folder"])
def test_a_sosreport_in_any_form_is_one_hosts_evidence(tmp_path: Path, form: str) -> None:
    """Its node is its host; the bridge comes from the file's name; links are not followed."""
    content = _sos()
    path = (
        _folder(tmp_path, content)
        if form == "folder"
        else _tar(tmp_path / f"{TOP}.tar.{form[2:] or 'tar'}", form, content)
    )
    with open_case([path]) as case:
        nodes, bridges, ports, logged = _told(case.rows)
    assert nodes == {"compute1"}
    assert bridges == {"br-int"}
    assert "br-int/1" in ports
    assert logged
    assert any(isinstance(row, Interface) and row.master == "br-int" for row in case.rows)
    names = {file.file.rpartition("/")[2] for file in case.files}
    assert "passwd" not in names


def test_what_is_not_about_the_network_is_not_unpacked(tmp_path: Path) -> None:
    """It is counted, and named once."""
    path = _tar(tmp_path / "report.tar.xz", "w:xz", _sos())
    with open_case([path]) as case:
        (weird,) = [weird for weird in case.weirds if "not unpacked" in weird.reason]
    assert weird.count == 3
    assert not is_wanted((TOP, "sos_commands", "selinux", "sestatus"))
    assert is_wanted((TOP, "proc", "7", "net", "snmp"))
    assert is_wanted(("somebody's case", "var", "lib", "rpm", "Packages"))


def test_two_reports_in_one_case_are_two_nodes(tmp_path: Path) -> None:
    """Each file belongs to the report it stands in."""
    _folder(tmp_path, _sos(), TOP)
    _folder(tmp_path, _sos("net2") | {"etc/hostname": b"x"}, "sosreport-net2-1")
    (tmp_path / "sysctl.txt").write_bytes(b"net.core.somaxconn = 4096\n")
    with open_case([tmp_path]) as case:
        assert {row.node for row in case.rows} == {"compute1", "net2", ""}
        (setting,) = [row for row in case.rows if isinstance(row, Setting) and row.scope == "sysctl"]
    assert setting.node == ""


@pytest.mark.parametrize(
    ("content", "host"),
    [
        ({"sos_commands/host/hostname": b"a.b.c\n"}, "a"),
        ({"sos_commands/host/hostname": b"../../evil\n", "etc/hostname": b"good\n"}, "good"),
        ({"sos_commands/kernel/uname_-a": b"Linux u1 6.1.0 #1 x86_64\n"}, "u1"),
        ({"sos_commands/host/hostname": b"\xff\xfe"}, ""),
        ({"inventory.xml": b'<x>\n<system-summary date="y" hostname="vm" uname="Linux vm"/></x>'}, "vm"),
        ({"etc/hostname": b"lonely\n"}, ""),
    ],
)
def test_the_host_is_told_by_the_surest_file(tmp_path: Path, content: dict[str, bytes], host: str) -> None:
    """Only in a report; a name that can be none is passed over."""
    _folder(tmp_path, content | {"proc/net/dev": b"x"})
    with ExitStack() as stack:
        files, _ = list_files([tmp_path], stack)
        assert set(hosts_of(files)) == {host}


def test_a_bugtool_report_tells_bridges_in_its_sections(tmp_path: Path) -> None:
    """The command stands above each bridge's part, the date above a repeated dump."""
    flows = b"Wed Nov 25 10:16:26 UTC 2026\novs-ofctl dump-flows br-ex \n" + _sample(
        "ovs_ofctl_flows/of10.txt"
    )
    flows += b"\novs-ofctl dump-flows br-int \n" + _sample("ovs_ofctl_flows/of10.txt")
    ports = b"ovs-ofctl dump-ports br-int \n" + _sample("ovs_ofctl_ports/of10.txt")
    show = b"ovs-ofctl show br-int \n" + _sample("ovs_ofctl_show/show_of10.txt")
    groups = b"ovs-ofctl dump-groups br-ex \n" + _sample("ovs_ofctl_groups/groups_of10.txt")
    fdb = b"ovs-appctl fdb/show br-int\n port  VLAN  MAC                Age\n    1     0  02:00:00:00:00:0b    3\n"
    content = {
        "ovs-ofctl-dump-flows.out": flows, "ovs-ofctl-dump-ports.out": ports, "ovs-ofctl-show.out": show,
        "ovs-ofctl-dump-groups.out": groups, "ovs-appctl-fdb-show.out": fdb,
        "inventory.xml": b'<system-summary hostname="vm" uname="Linux vm"/>',
    }  # fmt: skip
    path = _tar(tmp_path / "bug.tar.gz", "w:gz", content, "bug-report-20261125101637")
    with open_case([path]) as case:
        nodes, bridges, ports_seen, _ = _told(case.rows)
        scopes = {row.scope for row in case.rows if isinstance(row, Setting)}
    assert nodes == {"vm"}
    assert bridges == {"br-ex", "br-int"}
    assert "br-int/1" in ports_seen
    assert {"openflow_port:br-int/lsroa", "fdb:br-int"} <= scopes
    assert case.weirds == []


def test_a_must_gather_names_its_nodes_in_folders(tmp_path: Path) -> None:
    """A pod's log has the container's time before its own."""
    log = b"".join(
        b"2026-11-25T09:32:50.500000000Z " + line
        for line in _sample("ovs_log/vswitchd_3_1.txt").splitlines(keepends=True)
    )
    content = {
        "nodes/worker-1.example.net/ovs-vsctl_show": _sample("ovs_vsctl/show_3_1.txt"),
        "namespaces/openshift-ovn-kubernetes/pods/ovnkube-node-x/ovn-controller/logs/current.log": log,
    }
    _folder(tmp_path, content, "must-gather.local.123")
    with open_case([tmp_path]) as case:
        assert {row.node for row in case.rows if isinstance(row, Interface)} == {"worker-1"}
        lines = [row for row in case.rows if isinstance(row, LogLine)]
    assert lines[0].at_ns is not None
    assert lines[0].text.startswith("vlog|INFO|")


def test_commands_are_read_from_names_of_sos_only(tmp_path: Path) -> None:
    """And only those that tell a bridge; what a file is, its content says."""
    content = {
        "sos_commands/openvswitch/ovs-ofctl_dump-ports_br-int": b"",
        "sos_commands/networking/ip_addr": b"",
        "ovs-ofctl_dump-ports_br-int": b"",
    }
    _folder(tmp_path, content)
    with ExitStack() as stack:
        files, _ = list_files([tmp_path], stack)
        commands = {command_in_name(file) for file in files}
    assert commands == {"", "ovs-ofctl dump-ports br-int"}


def test_members_with_paths_outside_stay_inside(tmp_path: Path) -> None:
    """`..`, absolute names, hard links, devices: nothing is written beside the temporary folder, nothing opened."""
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        for name in (
            "../../escaped",
            "/abs/escaped",
            f"{TOP}/../../../escaped",
            f"{TOP}/proc/net/../../../escaped",
        ):
            member = tarfile.TarInfo(name)
            member.size = 26
            tar.addfile(member, io.BytesIO(b"net.core.somaxconn = 4096\n"))
        for kind in (tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.SYMTYPE):
            member = tarfile.TarInfo(f"{TOP}/odd")
            member.type, member.linkname = kind, "/etc/shadow"
            tar.addfile(member)
    with open_case([archive]) as case:
        shown = [file.file for file in case.files]
        places = list(case._paths.values())
    assert all(".." not in name.split("/") and not name.startswith("/") for name in shown)
    assert {path.parent for path in places} == {places[0].parent}
    assert not any(path.name == "escaped" for path in tmp_path.rglob("*"))


def test_a_bomb_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an archive unpacks to is bounded by its own size; what came before is read."""
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 3_000_000)
    content = {"sos_commands/host/hostname": b"h\n", "var/log/messages": b"0" * 50_000_000}
    path = _tar(tmp_path / "bomb.tar.xz", "w:xz", content)
    assert path.stat().st_size < 100_000
    with ExitStack() as stack:
        files, weirds = list_files([path], stack)
        assert sum(file.path.stat().st_size for file in files) <= 3_000_000
    assert [weird.reason for weird in weirds] == ["unpacks to too much: only the beginning was read"]


def test_a_cut_archive_gives_what_came_before(tmp_path: Path) -> None:
    """As after a broken download."""
    path = _tar(tmp_path / "cut.tar.gz", "w:gz", _sos())
    path.write_bytes(path.read_bytes()[:-2000])
    with open_case([path]) as case:
        assert case.rows
        assert any("cannot be unpacked to its end" in weird.reason for weird in case.weirds)
