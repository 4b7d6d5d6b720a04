"""Endpoints by the names people have for them: containers, pods, libvirt's domains.

The programs that know them are stand-ins that print what the real ones printed (`answers`, SOURCES.md) into real
namespaces; where virsh is installed it is asked itself, with libvirt's test driver behind it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from installed import LASTSEEN
from namespaces import ip, namespaces

pytestmark = pytest.mark.lab

ANSWERS = Path(__file__).parent / "answers"
DOMAIN, SERVER, TITLE = "instance-0000002a", "0e12087a-7c87-476a-8f84-7398e991cecc", "web-1"
PORT, CARD = "d80b1a3b-4fc1-49f3-952e-1e2ab7081d8b", "fa:16:3e:58:42:ed"
TAPS = ["tap3f1c9a2e-7b", "tapd80b1a3b-4f"]
INSPECT = "container inspect --format {{.State.Pid}}"
VIRSH = ["recorded", *(["real"] if shutil.which("virsh") else [])]


@dataclass
class Host:
    """A host in a namespace, with programs of the test's own before all others."""

    netns: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def program(self, name: str, script: str) -> None:
        """A stand-in: a shell script; what it is called with is a line of NAME.log."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        log = f'printf "%s|" "$@" >>{self.folder}/{name}.log; echo >>{self.folder}/{name}.log\n'
        (folder / name).write_text(f"#!/bin/sh\n{log}{script}\n", "utf-8")
        (folder / name).chmod(0o755)

    def called(self, name: str) -> list[list[str]]:
        """The arguments of each call of a stand-in."""
        lines = (self.folder / f"{name}.log").read_text("utf-8").splitlines()
        return [line.split("|")[:-1] for line in lines]

    def ip(self, *lines: str) -> None:
        """Commands of `ip` on the host."""
        for line in lines:
            ip("-n", self.netns, *line.split())

    def path(self, *words: str) -> tuple[int, Any, str]:
        """`lastseen path`: status, what it says, its messages."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        command = ["ip", "netns", "exec", self.netns, str(LASTSEEN), "path", "--json", *words]
        done = subprocess.run(
            command,
            env=clean
            | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "LASTSEEN_STATE": str(self.folder)}
            | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host with a bridge and a card that leads out."""
    with namespaces(1) as (netns,):
        held = Host(netns, tmp_path)
        held.ip("link add cbr0 type bridge", "addr add 10.88.0.1/16 dev cbr0", "link set cbr0 up")
        held.ip("link add eth0 type veth peer name wire", "link set eth0 up", "link set wire up")
        held.ip("addr add 192.0.2.2/24 dev eth0", "route add default via 192.0.2.1")
        for program in ("docker", "podman", "crictl", "virsh"):
            held.program(program, "exit 1")
        yield held


@pytest.fixture
def container(host: Host) -> Iterator[int]:
    """A container's process, in a namespace without a name, joined to the host's bridge; its number."""
    command = [
        "ip",
        "netns",
        "exec",
        host.netns,
        "unshare",
        "--net",
        "sh",
        "-c",
        "echo ready; exec sleep 600",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        host.ip(f"link add veth0 type veth peer name eth0 netns {process.pid}")
        host.ip("link set veth0 master cbr0", "link set veth0 up")
        subprocess.run(
            ["nsenter", f"--net=/proc/{process.pid}/ns/net", "ip", "link", "set", "eth0", "up"], check=True
        )
        yield process.pid
        process.kill()


def knows(name: str, process: int | str) -> str:
    """What docker and podman do: the number for the container of that name, else a complaint."""
    return f'[ "$*" = "{INSPECT} {name}" ] && {{ echo "{process}"; exit; }}\necho "Error: No such container: $5" >&2; exit 1'


def names(said: Any) -> list[tuple[str | None, str]]:
    """(namespace, interface) of each stop."""
    return [(stop["netns"], stop["interface"]) for stop in said["stops"]]


@pytest.mark.parametrize("program", ["docker", "podman"])
def test_a_container_is_found_by_its_name(host: Host, container: int, program: str) -> None:
    """From its own card through the veth and the bridge to the host's way out."""
    host.program(program, knows("web.1", container))
    status, said, messages = host.path("web.1")
    assert status == 0, messages
    assert names(said)[:4] == [
        (f"/proc/{container}/ns/net", "eth0"),
        (None, "veth0"),
        (None, "cbr0"),
        (None, "eth0"),
    ]
    assert said["stops"][0]["role"] == "endpoint"


def test_a_namespace_that_has_a_name_is_not_taken_for_two(host: Host) -> None:
    """As podman and CNI name it: seen with podman 4.3, where the container stood on its own path twice."""
    with (
        namespaces(1) as (inside,),
        subprocess.Popen(["ip", "netns", "exec", inside, "sleep", "600"]) as process,
    ):
        host.ip(f"link add veth0 type veth peer name eth0 netns {inside}")
        host.ip("link set veth0 master cbr0", "link set veth0 up")
        ip("-n", inside, "link", "set", "eth0", "up")
        host.program("podman", knows("web", process.pid))
        _, said, messages = host.path("web")
        process.kill()
    assert names(said)[:4] == [(inside, "eth0"), (None, "veth0"), (None, "cbr0"), (None, "eth0")], messages


def test_a_container_in_the_hosts_own_namespace_has_the_hosts_path(host: Host) -> None:
    """`--network host`."""
    with subprocess.Popen(["ip", "netns", "exec", host.netns, "sleep", "600"]) as process:
        host.program("docker", knows("web", process.pid))
        _, said, messages = host.path("web")
        process.kill()
    assert names(said)[0] == (None, "eth0"), messages


@pytest.mark.parametrize(
    ("kind", "listing", "showing"), [("busybox", "ps", "inspect"), ("web-7d4b", "pods", "inspectp")]
)
def test_containers_and_pods_of_kubernetes(
    host: Host, container: int, kind: str, listing: str, showing: str
) -> None:
    """By the name, which crictl reads as a regular expression, and by the id."""
    (host.folder / "answer").write_text(
        (ANSWERS / "crictl/inspect.json").read_text("utf-8").replace("$pid", str(container))
    )
    number = "0a2c761303163f2acaaeaee07d2ba143ee4cea7e3bde3d32190e2a36525c8a05"
    host.program(
        "crictl",
        f'case "$*" in "{listing} "*"--quiet --name ^{kind}$") echo {number} ;;'
        f' "{showing} --output json {number}") cat {host.folder}/answer ;; ps*|pods*) ;; *) exit 1 ;; esac',
    )
    for target in (kind, number):
        status, said, messages = host.path(target)
        assert (status, names(said)[0]) == (0, (f"/proc/{container}/ns/net", "eth0")), messages
    host.path("a.b")
    assert ["ps", "--quiet", "--name", r"^a\.b$"] in host.called("crictl")


@pytest.mark.parametrize("answer", ["0", "-1", "$(reboot)", "../1", "99999999999", "1 2", "", "<no value>"])
def test_what_is_no_process_is_not_believed(host: Host, answer: str) -> None:
    """A container that does not run has the number 0; nothing else is a number."""
    host.program("docker", f"cat <<'END'\n{answer}\nEND")
    host.program("crictl", f"cat <<'END'\n{answer}\nEND")
    status, said, messages = host.path("web")
    assert (status, said, messages.count("\n")) == (2, None, 1), messages
    assert "no such interface, address, MAC, namespace, running container or domain" in messages


def test_a_name_that_is_none_asks_nobody(host: Host) -> None:
    """Neither an option nor a second word gets through to a program."""
    for target in ("--help-me", "a b", "a;b", "$(id)"):
        status, _, messages = host.path("--", target)
        assert (status, messages.count("\n")) == (2, 1), messages
    assert not (host.folder / "docker.log").exists()
    assert not (host.folder / "crictl.log").exists()


def test_a_containers_own_name_for_its_card_is_never_an_argument(host: Host, container: int) -> None:
    """The kernel lets it be called almost anything."""
    inside = ["nsenter", f"--net=/proc/{container}/ns/net", "ip", "link"]
    for words in ("set eth0 down", "set dev eth0 name -w$(id)\x1b[2J", "set dev -w$(id)\x1b[2J up"):
        subprocess.run([*inside, *words.split()], check=True)
    host.program("docker", knows("web", container))
    status, _, messages = host.path("web")
    assert (status, messages.count("\n")) == (2, 1)
    assert "\x1b" not in messages


def test_a_container_without_a_network_is_said_so(host: Host, container: int) -> None:
    """As `docker run --network none` makes it: it runs, so that "no such container" would be wrong."""
    host.ip("link del veth0")
    host.program("docker", knows("web", container))
    status, _, messages = host.path("web")
    assert (status, messages.count("\n")) == (2, 1), messages
    assert "web: its network namespace has no interface that is up but lo" in messages


@pytest.fixture(params=VIRSH)
def virsh(request: pytest.FixtureRequest, host: Host) -> Host:
    """A host whose libvirt has one domain with four cards, two of which are taps here."""
    if request.param == "real":
        (host.folder / "bin/virsh").unlink()
        host.environment = {"LIBVIRT_DEFAULT_URI": f"test://{ANSWERS}/virsh/node.xml"}
    else:
        host.program(
            "virsh",
            f'case "$*" in "-r list --name") cat {ANSWERS}/virsh/list.txt ;;'
            f' "-r dumpxml --domain={DOMAIN}") cat {ANSWERS}/virsh/dumpxml.xml ;; *) exit 1 ;; esac',
        )
    for number, tap in enumerate(TAPS):
        host.ip(
            f"link add {tap} type veth peer name guest{number}",
            f"link set {tap} up",
            f"link set guest{number} up",
        )
    return host


@pytest.mark.parametrize("target", [DOMAIN, SERVER, TITLE])
def test_a_domain_has_the_paths_of_all_its_cards(virsh: Host, target: str) -> None:
    """By libvirt's name, by its uuid, which is Nova's id, and by what Nova's user called it."""
    status, said, messages = virsh.path(target)
    assert status == 0, messages
    assert [name for _, name in names(said) if name in TAPS] == TAPS
    assert f"libvirt domain {DOMAIN}" in said["stops"][0]["about"]
    hidden = [note for note in said["notes"] if "pass by the host" in note]
    assert [note.split()[1] for note in hidden] == ["fa:16:3e:00:00:03", "fa:16:3e:00:00:04"]


@pytest.mark.parametrize("target", [PORT, CARD, CARD.upper(), PORT.upper()])
def test_one_card_of_a_domain(virsh: Host, target: str) -> None:
    """By its MAC, or by the port's id that libvirt gives to Open vSwitch."""
    _, said, messages = virsh.path(target)
    assert names(said)[0] == (None, "tapd80b1a3b-4f"), messages


def test_a_running_machine_is_found_by_its_mac_though_the_bridge_has_taken_its_taps(host: Host) -> None:
    """A bridge without an address of its own has the lowest one of its ports; it was taken for the machine's card."""
    host.program(
        "virsh",
        f'case "$*" in "-r list --name") cat {ANSWERS}/virsh/qemu_list.txt ;;'
        f' "-r dumpxml --domain=instance-00000042") cat {ANSWERS}/virsh/qemu_dumpxml.xml ;; *) exit 1 ;; esac',
    )
    taps = {"tap3f1c9a2e-7b": "fe:16:3e:00:00:01", "vnet0": "fe:16:3e:00:00:02"}
    host.ip("link add br-test type bridge", "link set br-test up")
    for number, (tap, mac) in enumerate(taps.items()):
        host.ip(f"link add {tap} address {mac} type veth peer name guest{number}")
        host.ip(f"link set {tap} master br-test", f"link set {tap} up")
    links = json.loads(ip("-n", host.netns, "-j", "link", "show", "br-test"))
    assert links[0]["address"] == taps["tap3f1c9a2e-7b"], "the bridge has the tap's MAC, or nothing is tested"
    for tap, mac in taps.items():
        _, said, messages = host.path("fa" + mac[2:])
        assert names(said)[0] == (None, tap), messages


def test_a_domain_without_a_card_on_the_host_is_said_so(virsh: Host) -> None:
    """SR-IOV and vhost-user pass by everything that could be captured."""
    virsh.ip(*(f"link del {tap}" for tap in TAPS))
    status, _, messages = virsh.path(TITLE)
    assert (status, messages.count("\n")) == (2, 1)
    assert "passed-through device (SR-IOV)" in messages
    assert "vhost-user socket" in messages


def test_two_domains_of_one_title_are_told_apart(host: Host) -> None:
    xml = (ANSWERS / "virsh/dumpxml.xml").read_text("utf-8")
    (host.folder / "other.xml").write_text(xml.replace(DOMAIN, "instance-0000002b").replace(SERVER, PORT))
    host.program(
        "virsh",
        f'case "$*" in "-r list --name") printf "{DOMAIN}\\ninstance-0000002b\\n" ;;'
        f" *2a) cat {ANSWERS}/virsh/dumpxml.xml ;; *) cat {host.folder}/other.xml ;; esac",
    )
    status, _, messages = host.path(TITLE)
    assert status == 2
    assert f"2 domains are called so here; give one of '{DOMAIN}', 'instance-0000002b'" in messages


def test_a_domains_name_is_one_argument_whatever_it_is(host: Host) -> None:
    """And what it makes a terminal do is not done."""
    hostile = ["--help", "$(touch x)", "a b'\"", "\x1b[2J"]
    listed = "\n".join(hostile)
    (host.folder / "list").write_text(f"{listed}\n")
    (host.folder / "xml").write_text("<domain type='kvm'>\n<name>\x1b</name>\n<!DOCTYPE a>\n")
    host.program(
        "virsh", f'case "$*" in "-r list --name") cat {host.folder}/list ;; *) cat {host.folder}/xml ;; esac'
    )
    status, said, _ = host.path("eth0")
    assert (status, names(said)[0]) == (0, (None, "eth0"))
    assert [call[2:] for call in host.called("virsh")[1:]] == [[f"--domain={name}"] for name in hostile]
    assert not (host.folder / "x").exists()
