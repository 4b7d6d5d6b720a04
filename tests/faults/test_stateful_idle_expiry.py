"""What is forgotten had to be open before."""

from pathlib import Path

from written_cases import Talk, View, diagnosed, judgement, two_points, write_case

from lastseen.tables.judgements import Refuted


def test_an_answer_to_a_syn_that_is_lost_when_repeated_is_no_forgotten_connection(tmp_path: Path) -> None:
    """The pause before it is the timer of the handshake."""
    talk = Talk()
    talk.send(0, "S", client=True)
    talk.send(1, "SA")
    for at_ms in (1001, 3001, 7001):
        talk.send(at_ms, "SA", again=1)
    talk.send(9000, "R", client=True)
    files = two_points([talk], View(), View(delay_ms=0.1, drop=lambda s: s.from_server and s.at_ms > 1000))
    said = judgement(diagnosed(write_case(tmp_path, files)), "stateful_idle_expiry")
    assert isinstance(said, Refuted)
    assert any("handshake" in reason.text for reason in said.against)
