"""Which remedy, and where: what a user asks for that is not there is told with what there is."""

import pytest

from lastseen.cli.remedy_choice import Subject, chosen, host_of
from lastseen.errors import LastseenError
from lastseen.live.record import NodeRecord, RunRecord
from lastseen.tables.judgements import Remedy


def remedy(title: str, *commands: str, where: str = "compute") -> Remedy:
    return Remedy(title=title, where=where, commands=commands, price="", risk="", check="", undo=())


BY_HAND = remedy("Boot another kernel", "reboot")
SETTING = remedy("Set it", "sysctl -w net.ipv4.tcp_sack=0")
NODES = (
    NodeRecord(node="compute", host="compute"),
    NodeRecord(node="netnode", ssh=("--", "root@netnode"), host="netnode"),
    NodeRecord(node="vm", host="compute", netns="/run/netns/vm"),
)


def subject(*remedies: Remedy, nodes: tuple[str, ...] = ()) -> Subject:
    record = RunRecord(schema="lastseen.run/1", nodes=NODES)
    return Subject(fault="a_fault", summary="", remedies=remedies, nodes=nodes, record=record)


def test_the_first_that_can_be_undone_is_taken_unless_one_is_named() -> None:
    about = subject(BY_HAND, SETTING)
    assert chosen(about, None) is SETTING
    assert chosen(about, 2) is SETTING
    with pytest.raises(LastseenError, match="do it by hand: reboot"):
        chosen(about, 1)
    with pytest.raises(LastseenError, match="--remedy 3: there are 1 to 2"):
        chosen(about, 3)
    with pytest.raises(LastseenError, match="do it by hand"):
        chosen(subject(BY_HAND), None)


def test_it_goes_where_the_loss_is_or_where_it_is_told_to() -> None:
    about = subject(SETTING, nodes=("netnode",))
    anywhere = remedy("Set it", "sysctl -w net.ipv4.tcp_sack=0", where="the host that drops")
    assert host_of(about, anywhere, "", over_ssh=None, netns="").ssh == ("--", "root@netnode")
    assert host_of(about, SETTING, "", over_ssh=None, netns="").ssh == (), "the remedy names the node"
    assert host_of(about, anywhere, "vm", over_ssh=None, netns="").netns == "/run/netns/vm"
    assert host_of(about, anywhere, "", over_ssh=None, netns="vm").netns == "/run/netns/vm"
    with pytest.raises(LastseenError, match="--at nobody: the case reached compute, netnode, vm"):
        host_of(about, anywhere, "nobody", over_ssh=None, netns="")


def test_where_it_could_be_two_places_it_asks() -> None:
    """A machine's own namespace is none of them: what lies between it and its host is the host's."""
    anywhere = remedy("Set it", "sysctl -w net.ipv4.tcp_sack=0", where="the host that drops")
    about = subject(anywhere, nodes=("compute", "netnode"))
    with pytest.raises(LastseenError, match="--at NODE, one of compute, netnode, vm"):
        host_of(about, anywhere, "", over_ssh=None, netns="")
    assert (
        host_of(subject(anywhere, nodes=("compute", "vm")), anywhere, "", over_ssh=None, netns="").name
        == "compute"
    )
    of_the_server = remedy("Set it", "sysctl -w net.ipv4.tcp_sack=0", where="the remote server")
    with pytest.raises(LastseenError, match="not clear"):
        host_of(subject(of_the_server, nodes=("compute",)), of_the_server, "", over_ssh=None, netns="")
