"""What to do next: the one piece of evidence that would change the verdict most."""

from dataclasses import replace
from pathlib import Path

import pytest
from written_cases import (
    TAP,
    TUNNEL,
    Talk,
    View,
    diagnosed,
    log_line,
    seed_talk,
    seen,
    two_points,
    write_case,
)

from lastseen.diagnosis.next_steps import _of
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.judgements import Step

SEED = seed_talk()


def steps(folder: Path, files: dict[str, bytes | str]) -> tuple[Step, ...]:
    return diagnosed(write_case(folder, files)).next


def trace(peer: str) -> str:
    return (
        f'1700000000.001000 write(3<TCP:[{peer}]>, "GET / HTTP/1.0\\r\\n\\r\\n", 18) = 18 <0.000020>\n'
        f"1700000000.020100 poll([{{fd=3<TCP:[{peer}]>, events=POLLIN}}], 1, 6000) = 0 (Timeout) <6.006000>\n"
        f"1700000006.027000 close(3<TCP:[{peer}]>) = 0 <0.000020>\n"
    )


def test_without_captures_both_sides_are_asked_for(tmp_path: Path) -> None:
    """The filter is for the connection the trace waited on."""
    (step, *_) = steps(tmp_path, {"strace.txt": trace("10.0.0.5:40000->192.0.2.80:443")})
    assert step.text.startswith("Capture the connection on both sides")
    assert "'host 192.0.2.80 and tcp port 443'" in step.commands[0]


def test_a_log_alone_gives_the_filter_too(tmp_path: Path) -> None:
    fin = next(s for s in SEED.sent if "F" in s.flags)
    (step, *_) = steps(tmp_path, {"dmesg.txt": log_line(fin)})
    assert "host 192.0.2.80 and tcp port 443" in step.commands[0]


def test_what_is_no_address_never_reaches_a_command(tmp_path: Path) -> None:
    """A trace may say anything; commands are copied into a root shell."""
    assert _of(Endpoint(address="$(reboot)", port=443)) == "tcp"
    for step in steps(tmp_path, {"strace.txt": trace("10.0.0.5:40000->$(reboot):443")}):
        assert not any("reboot" in command for command in step.commands)


@pytest.mark.parametrize(
    ("view", "words"), [(TAP, "nearer the remote end than"), (TUNNEL, "nearer the client than")]
)
def test_a_single_point_asks_for_the_side_it_does_not_see(tmp_path: Path, view: View, words: str) -> None:
    (step, *_) = steps(tmp_path, {"point.pcap": seen([SEED], view)})
    assert words in step.text
    assert "host 192.0.2.80 and tcp port 443" in step.commands[0]


def test_a_supported_fault_has_its_own_experiments(tmp_path: Path) -> None:
    found = steps(tmp_path, two_points([SEED]))
    assert found[0].text.startswith("Confirm with one request")
    assert "closing lines of the capture at tap" in found[-1].text
    assert "1 packet came after its last one" in found[-1].text


def test_an_unattributed_loss_asks_for_the_hosts_counters(tmp_path: Path) -> None:
    talk = seed_talk(timestamps=True)
    files = two_points([talk], down=replace(TAP, drop=lambda s: s.from_server and "F" in s.flags))
    found = steps(tmp_path, files)
    assert found[0].text.startswith("On the host between tunnel and tap, take these before and after")
    assert "whatever moved by 5" in found[0].text


def test_nothing_is_asked_of_a_healthy_case(tmp_path: Path) -> None:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    assert steps(tmp_path, {"tap.pcap": seen([talk], View())}) == ()


def test_a_connection_over_ipv6_has_a_filter_as_well(tmp_path: Path) -> None:
    talk = Talk(client=("2001:db8::5", 40000), server=("2001:db8::80", 443))
    talk.send(0, "S", client=True)
    talk.send(1000, "S", client=True)
    talk.send(3000, "S", client=True)
    (step, *_) = steps(tmp_path, {"tap.pcap": seen([talk], View())})
    assert "host 2001:db8::80 and tcp port 443" in step.commands[0]
