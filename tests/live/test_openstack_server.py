"""A server of OpenStack as a target: real openstacksdk against an HTTP server that answers as the APIs are documented."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloud import PASSWORD, Cloud, cloud
from installed import LASTSEEN
from namespaces import ip, namespaces

pytest.importorskip("openstack", reason="needs openstacksdk")
pytestmark = [pytest.mark.lab, pytest.mark.oracle("tcpdump")]

SERVER, ID = "new-server-test", "0e12087a-7c87-476a-8f84-7398e991cecc"
PORT, OTHER_PORT = "d80b1a3b-4fc1-49f3-952e-1e2ab7081d8b", "f71a6703-d6de-4be1-a91a-a570ede1d159"
TAP, OTHER_TAP = "tapd80b1a3b-4f", "tapf71a6703-d6"


@dataclass
class Compute:
    """A compute host in a namespace, on whose loopback the cloud answers."""

    netns: str
    folder: Path
    cloud: Cloud

    def tap(self, name: str) -> None:
        """An interface of that name: as of a running server."""
        ip("-n", self.netns, "link", "add", name, "type", "veth", "peer", "name", f"g{name[3:]}")
        ip("-n", self.netns, "link", "set", name, "up")

    def lastseen(self, *words: str, **changed: str | None) -> tuple[int, str, str]:
        """Run it with the cloud's credentials; `changed`: variables set or (None) left out."""
        given = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        given |= {"LASTSEEN_STATE": str(self.folder / "state"), "HOME": str(self.folder)}
        given |= self.cloud.environment()
        for name, value in changed.items():
            given.pop(name, None)
            given |= {} if value is None else {name: value}
        done = subprocess.run(
            ["ip", "netns", "exec", self.netns, str(LASTSEEN), *words],
            env=given,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,  # a first run compiles the kernels
        )
        return done.returncode, done.stdout, done.stderr

    def refused(self, *words: str, **changed: str | None) -> str:
        """The one line that is said where it cannot be done."""
        status, out, messages = self.lastseen(*words, **changed)
        assert (status, out, messages.count("\n")) == (2, "", 1), (status, out, messages)
        return messages


@pytest.fixture
def compute(tmp_path: Path) -> Iterator[Compute]:
    with namespaces(1) as (netns,), cloud(netns) as held:
        yield Compute(netns, tmp_path, held)


def stops(said: str) -> list[str]:
    return [stop["interface"] for stop in json.loads(said)["stops"]]


@pytest.mark.parametrize("target", [SERVER, ID])
def test_a_server_is_found_by_name_and_by_id(compute: Compute, target: str) -> None:
    compute.tap(TAP)
    status, said, messages = compute.lastseen("path", "--json", target)
    assert (status, messages, stops(said)[0]) == (0, "", TAP)


def test_a_server_with_two_ports_has_both_paths(compute: Compute) -> None:
    """Only those that are on the host."""
    first = compute.cloud.ports[0]
    compute.cloud.ports += [first | {"id": OTHER_PORT}, first | {"id": ID, "binding:host_id": "elsewhere"}]
    compute.tap(TAP)
    compute.tap(OTHER_TAP)
    _, said, _ = compute.lastseen("path", "--json", SERVER)
    assert {TAP, OTHER_TAP} <= set(stops(said))


def test_a_cloud_of_clouds_yaml(compute: Compute) -> None:
    """Named by --cloud; OS_ variables are not needed."""
    auth = {
        "auth_url": f"{compute.cloud.url}/identity/v3",
        "username": "admin",
        "password": PASSWORD,
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    (compute.folder / "clouds.yaml").write_text(json.dumps({"clouds": {"mine": {"auth": auth}}}))
    compute.tap(TAP)
    without = dict.fromkeys(compute.cloud.environment())
    status, said, _ = compute.lastseen("path", "--json", "--cloud", "mine", SERVER, **without)
    assert (status, stops(said)[0]) == (0, TAP)
    assert "Cloud other was not found" in compute.refused("path", "--cloud", "other", SERVER, **without)
    assert "no such interface" in compute.refused("path", SERVER, **without)


def test_the_cloud_is_not_asked_for_what_the_host_knows(compute: Compute) -> None:
    compute.tap(TAP)
    for target in (TAP, PORT, ""):
        compute.lastseen("path", target)
    assert compute.cloud.asked == []


def test_a_server_elsewhere_is_said_where(compute: Compute) -> None:
    """Its host is told to administrators only."""
    said = compute.refused("path", SERVER)
    assert f"port {PORT} (10.20.0.15) on devstack; go there, or give --host USER@devstack" in said
    compute.cloud.ports[0].pop("binding:host_id")
    assert "go there" not in compute.refused("path", SERVER)
    compute.cloud.ports[0]["binding:vif_type"] = "hw_veb"
    assert "a passed-through device (SR-IOV)" in compute.refused("path", SERVER)


def test_names_that_are_none_or_more_than_one(compute: Compute) -> None:
    """Nova takes a name as a pattern: what merely fits it is another server."""
    compute.tap(TAP)
    assert "neither a host nor OpenStack" in compute.refused("path", "new.server-test")
    assert "neither a host nor OpenStack" in compute.refused("path", "server")
    compute.cloud.servers.append(compute.cloud.servers[0] | {"id": OTHER_PORT})
    assert f"2 servers of OpenStack are called so; give the id, as {ID}" in compute.refused("path", SERVER)


def test_servers_of_other_projects_are_an_administrators(compute: Compute) -> None:
    compute.tap(TAP)
    compute.cloud.others, compute.cloud.servers = compute.cloud.servers, []
    assert "neither a host nor OpenStack" in compute.refused("path", SERVER)
    compute.cloud.administrator = True
    assert compute.lastseen("path", SERVER)[0] == 0


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        {"ports": 5},
        {"ports": [7]},
        {"NeutronError": "x"},
        {"ports": [{"id": "../../x"}]},
        {"ports": [{"id": "-w/etc/passwd"}]},
        {"ports": [{}]},
    ],
)
def test_an_answer_that_is_none_is_one_line(compute: Compute, answer: Any) -> None:
    compute.tap(TAP)
    compute.cloud.broken = answer
    assert f"lastseen: {SERVER}: OpenStack's answer cannot be read" in compute.refused("path", SERVER)


def test_what_a_cloud_calls_its_hosts_is_not_repeated_unseen(compute: Compute) -> None:
    compute.cloud.ports[0]["binding:host_id"] = "-oProxyCommand=reboot \x1b[2J"
    said = compute.refused("path", SERVER)
    assert "ProxyCommand" not in said
    assert "\x1b" not in said


def test_wrong_credentials_and_no_cloud_are_one_line(compute: Compute) -> None:
    said = compute.refused("path", SERVER, OS_AUTH_URL="http://127.0.0.1:9/v3")
    assert "Unable to establish connection" in said
    assert "auth_url" in compute.refused("path", "--cloud", "envvars", SERVER, OS_AUTH_URL=None)


def test_without_openstacksdk_it_says_what_to_install(compute: Compute) -> None:
    """And what needs no cloud works without it."""
    (compute.folder / "openstack.py").write_text("raise ImportError\n")
    path = f"{compute.folder}:{os.environ.get('PYTHONPATH', '')}"
    said = compute.refused("path", SERVER, PYTHONPATH=path)
    assert "pip install 'lastseen[openstack]'" in said
    compute.tap(TAP)
    assert compute.lastseen("path", TAP, PYTHONPATH=path)[0] == 0


def test_a_run_keeps_the_ports_and_no_credentials(compute: Compute) -> None:
    """The record names the ports, so that `fix` finds them again without the cloud."""
    compute.tap(TAP)
    words = (
        "run",
        "--yes",
        "--json",
        "--target",
        SERVER,
        "--out",
        "case",
        "--remote",
        "192.0.2.1:80",
        "--",
        "true",
    )
    status, said, messages = compute.lastseen(*words)
    assert status in (0, 1), messages
    assert json.loads((compute.folder / "case/run.json").read_text())["target"] == PORT
    kept = [
        said,
        messages,
        *(file.read_text("latin-1") for file in compute.folder.rglob("*") if file.is_file()),
    ]
    assert len(kept) > 10
    assert not [text for text in kept if PASSWORD in text]
