"""What else than a card's sum may have dropped short packets, and a loss at the very end of the path."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from written_cases import Sent, View, diagnosed, judgement, seed_talk, seen, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "nic_checksum_padding"
CASES = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases"
SCRIPT = Path(__file__).parents[1] / "scripts" / f"{SLUG}.py"
NSTAT = "#kernel\nTcpInSegs                       400                0.0\nTcpInCsumErrors                 {}                  0.0\n"
DRIVER = (
    "$ ethtool -i eth0\ndriver: mlx5_core\nversion: {0}\nfirmware-version: 14.27\nbus-info: 0000:01:00.0\n"
)


def _script() -> object:
    spec = importlib.util.spec_from_file_location("script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _judged(case: Path) -> Judgement:
    return judgement(diagnosed(case), SLUG)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """The loss of the positive case, to be added to."""
    return Path(shutil.copytree(CASES / "positive" / "written_leftovers_dropped", tmp_path / "case"))


def _all_dirty(sent: Sent) -> bytes:
    return sent.packet.ljust(46, b"\x5a") if sent.from_server and sent.short else sent.packet


def test_without_the_line_in_the_log_it_stays_open(case: Path) -> None:
    """Who sums what is nothing a capture shows."""
    (case / "after/dmesg.txt").unlink()
    assert isinstance(_judged(case), Untestable)


def test_a_driver_that_was_mended_refutes(case: Path) -> None:
    write_case(
        case,
        {
            "uname.txt": "Linux host 6.1.0-28-amd64 #1 SMP x86_64 GNU/Linux\n",
            "ethtool_-i_eth0.txt": DRIVER.format("6.1.0"),
        },
    )
    assert isinstance(_judged(case), Refuted)


def test_an_old_kernel_with_that_driver_proves_nothing(case: Path) -> None:
    """Distributions mended it under older numbers."""
    write_case(
        case,
        {
            "uname.txt": "Linux host 4.18.0-80.el8.x86_64 #1 SMP x86_64 GNU/Linux\n",
            "ethtool_-i_eth0.txt": DRIVER.format("4.18"),
        },
    )
    assert isinstance(_judged(case), Supported)


@pytest.mark.parametrize(("counted", "kind"), [("quiet", Supported), ("", Untestable)])
def test_where_all_padding_is_leftovers_something_has_to_clear_connection_tracking(
    case: Path, counted: str, kind: type[Judgement]
) -> None:
    """Padding counted as payload loses just the same packets."""
    lost = View(delay_ms=0.1, drop=lambda sent: sent.from_server and sent.short)
    talk = seed_talk()
    write_case(
        case, {"1_eth0.pcap": seen([talk], View(change=_all_dirty)), "2_tap0.pcap": seen([talk], lost)}
    )
    if not counted:
        (case / "after/conntrack_-S.txt").unlink()
    assert isinstance(_judged(case), kind)


@pytest.mark.parametrize(("wrong", "kind"), [(5, Supported), (0, Untestable)])
def test_packets_that_a_host_does_not_take(tmp_path: Path, wrong: int, kind: type[Judgement]) -> None:
    """It counts wrong checksums, and every packet in the capture of its own card is right."""
    script = _script()
    files: dict[str, bytes | str] = {
        "eth0.pcap": seen([seed_talk()], View(change=script.on_wire)),  # type: ignore[attr-defined]
        "after/dmesg.txt": script.log(1),  # type: ignore[attr-defined]
        "before/nstat.txt": NSTAT.format(0),
        "after/nstat.txt": NSTAT.format(wrong),
    }
    assert isinstance(_judged(write_case(tmp_path, files)), kind)
