"""No token reaches a command that could be read as an option, a path or a second command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.errors import LastseenError
from lastseen.hosts import names
from lastseen.hosts.host import HERE
from lastseen.hosts.probing import HostFacts, told_apart

HOSTILE = ["", "-i", "a b", "a;b", "$(id)", "`id`", "a\nb", "../x", "a|b", "x'y"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("check", [names.interface, names.sysctl_key, names.ssh_target, names.sysctl_value])
def test_what_a_shell_or_a_program_could_misread_is_refused(check: object, text: str) -> None:
    if check is names.sysctl_value and text == "a b":
        return  # two words are a value, as of tcp_rmem
    if check is names.sysctl_value and text in {"-i", "../x"}:
        return  # a value is never an argument that begins a word: it stands behind "="
    with pytest.raises(LastseenError):
        check(text)  # type: ignore[operator]


@pytest.mark.parametrize("text", ["eth0", "tap3f1c9a2e-7b", "genev_sys_6081", "bond0.100", "qvb1", "veth@x"])
def test_an_interface_may_be_called_so(text: str) -> None:
    assert names.interface(text) == text


@pytest.mark.parametrize("text", ["node", "root@10.0.0.1", "me@compute-1.example", "u@[fd00::1]"])
def test_a_target_of_ssh_may_be_called_so(text: str) -> None:
    assert names.ssh_target(text) == text


def test_only_network_settings_are_touched() -> None:
    with pytest.raises(LastseenError):
        names.sysctl_key("kernel.panic")


@given(st.text())
def test_a_node_name_is_always_fit_for_a_folder(text: str) -> None:
    found = names.node_name(text)
    assert found
    assert not set(found) & set("/\0\n")
    assert found not in (".", "..")
    assert not found.partition(".")[0].isdecimal(), "a file's leading number is no part of its name"


def test_hosts_of_one_name_are_told_apart() -> None:
    """Their folders in a case would be one."""
    hosts = [HostFacts(host=HERE, name=name) for name in ("localhost", "a", "localhost", "localhost-2")]
    assert [facts.name for facts in told_apart(hosts)] == ["localhost", "a", "localhost-2", "localhost-2-2"]
