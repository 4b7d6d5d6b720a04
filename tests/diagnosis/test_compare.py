"""Two runs compared: gone is only what the second run contradicts."""

from pathlib import Path

from written_cases import TAP, TUNNEL, Talk, View, seed_talk, seen, sysctl, two_points, write_case

from lastseen.cli.answering import answered
from lastseen.cli.progress import Progress
from lastseen.diagnosis.compare import Run, compare
from lastseen.tables.differences import Changed

PADDING = "ovs_conntrack_padding"
CHECKSUM = "net.netfilter.nf_conntrack_checksum"


def run(folder: Path, files: dict[str, bytes | str]) -> Run:
    with Progress() as progress:
        answer = answered([write_case(folder, files)], progress)
    return answer.diagnosis, answer.rows


def broken(setting: int = 1) -> dict[str, bytes | str]:
    return two_points([seed_talk()]) | {"after/sysctl.txt": sysctl(CHECKSUM, setting)}


def mended() -> dict[str, bytes | str]:
    talk = Talk()
    talk.opening()
    talk.exchange(10)
    talk.send(20, "FA")
    talk.send(21, "FA", client=True)
    talk.send(22, "A")
    return two_points([talk], TUNNEL, View(delay_ms=0.1)) | {"after/sysctl.txt": sysctl(CHECKSUM, 0)}


def kinds(changed: tuple[Changed, ...]) -> set[str]:
    return {c.kind for c in changed}


def test_a_fault_is_gone_where_the_second_run_is_healthy(tmp_path: Path) -> None:
    result = compare(run(tmp_path / "a", broken()), run(tmp_path / "b", mended()))
    assert (result.gone, result.remaining, result.appeared, result.untold) == ((PADDING,), (), (), ())
    assert kinds(result.changed) == {"wait", "loss", "setting"}
    (setting,) = (c for c in result.changed if c.kind == "setting")
    assert (setting.name, setting.first, setting.second) == (CHECKSUM, "1", "0")
    (loss,) = (c for c in result.changed if c.kind == "loss")
    assert (loss.name, loss.first, loss.second) == (
        "tunnel > tap, to_client",
        "6 packets lost",
        "0 packets lost",
    )


def test_the_other_way_round_it_appeared(tmp_path: Path) -> None:
    result = compare(run(tmp_path / "a", mended()), run(tmp_path / "b", broken()))
    assert (result.gone, result.remaining, result.appeared) == ((), (), (PADDING,))


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    result = compare(run(tmp_path / "a", broken()), run(tmp_path / "b", broken()))
    assert (result.remaining, result.changed) == ((PADDING,), ())


def test_what_the_second_run_cannot_show_is_not_gone(tmp_path: Path) -> None:
    """Only the client's side was captured: the stall is there, its reason is not to be seen."""
    one = {"2_tap.pcap": seen([seed_talk()], TAP)}
    result = compare(run(tmp_path / "a", broken()), run(tmp_path / "b", one))
    assert (result.gone, result.untold) == ((), (PADDING,))
    assert [(c.name, c.second) for c in result.changed if c.kind == "point"] == [("tunnel", "")]


def test_waits_are_told_by_the_application_where_it_was_traced(tmp_path: Path) -> None:
    strace = (
        "5 1700000000.030000 poll([{fd=3<TCP:[10.0.0.5:40000->192.0.2.80:443]>, events=POLLIN}], 1, 6000)"
        " = 0 (Timeout) <5.970000>\n"
    )
    result = compare(run(tmp_path / "a", broken() | {"strace.txt": strace}), run(tmp_path / "b", mended()))
    (wait,) = (c for c in result.changed if c.kind == "wait")
    assert (wait.first, wait.second) == ("poll 5.97 s, ended by timeout", "")
    back = compare(run(tmp_path / "b", mended()), run(tmp_path / "a", broken() | {"strace.txt": strace}))
    (wait,) = (c for c in back.changed if c.kind == "wait")
    assert wait.source is not None
    assert wait.source.file.endswith("strace.txt")


def test_versions_that_changed_are_said(tmp_path: Path) -> None:
    def kernel(version: str) -> dict[str, bytes | str]:
        return {"uname.txt": f"Linux host {version} #1 SMP x86_64 GNU/Linux\n"}

    result = compare(
        run(tmp_path / "a", broken() | kernel("4.14.0")), run(tmp_path / "b", mended() | kernel("4.16.0"))
    )
    (version,) = (c for c in result.changed if c.kind == "version")
    assert (version.name, version.first, version.second) == ("kernel", "4.14.0", "4.16.0")
