"""Refusals: every way an attempt can be refused, with captures only and with the texts that tell who did it."""

from pathlib import Path

import packet_writer as w
import pytest
from written_cases import Talk, View, diagnosed, judgement, seen, write_case

from lastseen.tables.diagnosis import Verdict
from lastseen.tables.judgements import Refuted, Supported

CLIENT, SERVER, ROUTER = "10.0.0.5", "192.0.2.80", "10.0.0.1"
V6 = {CLIENT: "fd00::5", SERVER: "fd01::80", ROUTER: "fd00::1"}
SYN_ID = 100


def attempt(kind: int, code: int, *, sender: str = ROUTER, v6: bool = False, repeated: int = 0) -> Talk:
    """A SYN, and the ICMP error that quotes it; `repeated`: so many SYNs more, with as many errors, one a second."""
    names = V6 if v6 else {name: name for name in (CLIENT, SERVER, ROUTER)}
    talk = Talk(client=(names[CLIENT], 41000), server=(names[SERVER], 8080))
    for number in range(repeated + 1):
        at_ms = 1000 * number
        talk.send(at_ms, "S", client=True, again=0 if number else None)
        quoted = talk.sent[-1].packet
        make = w.icmp6 if v6 else w.icmp
        error = make(kind, code, rest=b"\0" * 4, data=quoted)
        talk.raw(at_ms + 0.5, w.ip(names[sender], names[CLIENT], error, identification=at_ms + 7))
    return talk


def works() -> Talk:
    """A request that is answered."""
    talk = Talk()
    talk.opening()
    talk.exchange(20)
    talk.send(40, "FA")
    talk.send(41, "FA", client=True)
    talk.send(42, "A")
    return talk


def verdict(tmp_path: Path, *talks: Talk, texts: dict[str, str] | None = None) -> Verdict:
    """At the client's own point, where all of it is seen."""
    return diagnosed(
        write_case(tmp_path, {"tap.pcap": seen([works(), *talks], View()), **(texts or {})})
    ).verdict


@pytest.mark.parametrize(
    ("v6", "kind", "code", "fault"),
    [
        *((False, 3, code, "firewall_deny") for code in (3, 9, 10, 13)),
        *((True, 1, code, "firewall_deny") for code in (1, 4, 5, 6)),
        *((False, 3, code, None) for code in (0, 1, 2, 12)),
        *((True, 1, code, None) for code in (0, 2, 3)),
        (False, 11, 0, None),
        (True, 3, 0, None),
    ],
)
def test_icmp_in_answer_to_a_syn(tmp_path: Path, v6: bool, kind: int, code: int, fault: str | None) -> None:
    """What only a policy says names a firewall; that nothing leads there, or not in so many hops, may have any cause.

    Never healthy.
    """
    said = verdict(tmp_path, attempt(kind, code, v6=v6))
    assert (said.fault, said.grade) == ((fault, "probable") if fault else (None, "blind"))


@pytest.mark.parametrize(("kind", "code"), [(3, 4), (11, 1), (8, 0)])
def test_other_icmp_refuses_nothing(tmp_path: Path, kind: int, code: int) -> None:
    """A path's MTU, fragments that never became whole, a ping."""
    assert "answer" not in verdict(tmp_path, attempt(kind, code)).summary


def test_refused_again_and_again(tmp_path: Path) -> None:
    """The client did not give up at the first error."""
    said = verdict(tmp_path, attempt(3, 13, repeated=3))
    assert (said.fault, said.grade) == ("firewall_deny", "probable")


def test_several_refusals_that_nothing_explains_are_counted(tmp_path: Path) -> None:
    again = Talk(client=(CLIENT, 42000), server=("192.0.2.81", 8080))
    again.send(50, "S", client=True)
    error = w.icmp(3, 1, rest=b"\0" * 4, data=again.sent[0].packet)
    again.raw(51, w.ipv4(ROUTER, CLIENT, error, identification=9))
    said = verdict(tmp_path, attempt(3, 1), again)
    assert "(and 1 more) got the ICMP error" in said.summary


def refused_by_reset(at_ms: float = 0) -> Talk:
    talk = Talk(client=(CLIENT, 41000), server=(SERVER, 8080))
    talk.send(at_ms, "S", client=True)
    talk.send(at_ms + 0.5, "RA")
    return talk


def ss(*ports: int) -> str:
    head = "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
    return head + "".join(f"LISTEN 0      64     0.0.0.0:{port}         0.0.0.0:*\n" for port in ports)


ADDRESS = f"""2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    inet {SERVER}/24 scope global eth0
       valid_lft forever preferred_lft forever
"""


@pytest.mark.parametrize(
    ("sockets", "fault", "grade"),
    [(ss(80), "port_closed", "confirmed"), (ss(80, 8080), None, "possible"), (ss(), None, "possible")],
)
def test_a_reset_in_answer_to_a_syn(tmp_path: Path, sockets: str, fault: str | None, grade: str) -> None:
    """The server's sockets tell; where something listens there it was no closed port."""
    texts = {"after/server/ss_-tlna.txt": sockets, "after/server/ip_addr.txt": ADDRESS}
    said = verdict(tmp_path, refused_by_reset(), texts=texts)
    assert (said.fault, said.grade) in ((fault, grade), ("firewall_deny", grade))


def test_a_reset_alone_leaves_two_possible(tmp_path: Path) -> None:
    said = verdict(tmp_path, refused_by_reset())
    assert (said.grade, set(said.indistinguishable)) == ("possible", {"firewall_deny", "port_closed"})


def test_a_reset_that_a_nearer_point_has_not_is_no_closed_port(tmp_path: Path) -> None:
    """The SYN got there; what came back is another's."""
    talks = [works(), refused_by_reset()]
    files = {
        "1_server.pcap": seen(talks, View(delay_ms=0, drop=lambda s: "R" in s.flags)),
        "2_tap.pcap": seen(talks, View(delay_ms=0.2)),
    }
    found = diagnosed(write_case(tmp_path, files))
    assert isinstance(judgement(found, "port_closed"), Refuted)
    assert isinstance(judgement(found, "reset_injected"), Supported)
    assert found.verdict.fault == "reset_injected"


def test_an_attempt_lost_on_the_way_was_not_refused_by_the_server(tmp_path: Path) -> None:
    """A point behind watched on and never saw it, and knows the server's address."""
    late = Talk(client=(CLIENT, 42000))
    late.opening()
    late.exchange(100)
    other = Talk(client=(CLIENT, 43000), server=(SERVER, 8443))
    other.opening()
    other.exchange(60)
    talks = [works(), refused_by_reset(50), other, late]
    files = {
        "1_server.pcap": seen(talks, View(drop=lambda s: "R" in s.flags or s.packet[20:24] == b"\xa0\x28\x1f\x90")),
        "2_tap.pcap": seen(talks, View(delay_ms=0.2)),
    }  # fmt: skip
    found = diagnosed(write_case(tmp_path, files))
    assert isinstance(judgement(found, "port_closed"), Refuted)


def datagrams(*, sender: str, answered: bool) -> Talk:
    """Three queries, each refused by ICMP port unreachable; `answered`: the refused ones are answers too late."""
    talk = Talk()
    for number in range(3):
        query = w.ipv4(CLIENT, SERVER, w.udp(5353, 53, b"q" * 30), identification=500 + number)
        talk.raw(100 * number, query, client=True)
        refused, whom = query, CLIENT
        if answered:
            refused = w.ipv4(SERVER, CLIENT, w.udp(53, 5353, b"r" * 30), identification=900 + number)
            talk.raw(100 * number + 1, refused)
            whom = SERVER
        error = w.icmp(3, 3, rest=b"\0" * 4, data=refused)
        talk.raw(100 * number + 2, w.ipv4(sender, whom, error, identification=700 + number))
    return talk


@pytest.mark.parametrize(
    ("sender", "answered", "fault", "grade"),
    [
        (ROUTER, False, "firewall_deny", "probable"),
        (SERVER, False, None, "possible"),
        (CLIENT, True, None, "healthy"),
    ],
)
def test_datagrams(tmp_path: Path, sender: str, answered: bool, fault: str | None, grade: str) -> None:
    """From the server itself it may be a closed port; a client that wants no more answers refuses nothing."""
    said = verdict(tmp_path, datagrams(sender=sender, answered=answered))
    assert (said.fault, said.grade) == (fault, grade)


NO_PORTS = "#kernel\nUdpInDatagrams                  9                  0.0\nUdpNoPorts                      {}                  0.0\n"


@pytest.mark.parametrize(
    ("counted", "grade"), [((3, 3), "confirmed"), ((0, 3), "confirmed"), ((0, 90), "possible")]
)
def test_the_stack_of_one_of_those_that_have_the_address_counts_datagrams_for_a_closed_port(
    tmp_path: Path, counted: tuple[int, int], grade: str
) -> None:
    """Two hosts have it (a pair that stands in for each other); which answered, its counter tells."""
    texts = {}
    for host, count in zip(("server1", "server2"), counted, strict=True):
        texts |= {
            f"before/{host}/nstat.txt": NO_PORTS.format(0),
            f"after/{host}/nstat.txt": NO_PORTS.format(count),
            f"after/{host}/ip_addr.txt": ADDRESS,
        }
    said = verdict(tmp_path, datagrams(sender=SERVER, answered=False), texts=texts)
    assert (said.fault, said.grade) == ("port_closed" if grade == "confirmed" else None, grade)


def test_a_point_that_saw_only_the_answer_says_nothing_of_what_was_refused(tmp_path: Path) -> None:
    """The SYN passed the server's point unseen: its capture's filter takes one direction only."""
    talks = [works(), refused_by_reset(50)]
    answers = View(drop=lambda s: s in talks[1].sent and s.from_client)
    files = {"1_server.pcap": seen(talks, answers), "2_tap.pcap": seen(talks, View(delay_ms=0.2))}
    found = diagnosed(write_case(tmp_path, files))
    assert "a reset, first seen at tap" in str(judgement(found, "port_closed"))
