"""What must be known before a veth is blamed for data that is wrong."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from written_cases import Sent, Talk, View, diagnosed, judgement, seen, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "veth_checksum_bypass"
CASES = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases"
SCRIPT = Path(__file__).parents[1] / "scripts" / f"{SLUG}.py"
_SPEC = importlib.util.spec_from_file_location("script", SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)

FIXED = "Linux node7 4.15.0-20-generic #21-Ubuntu SMP x86_64 GNU/Linux\n"
BRIDGE = script.LINKS.replace("    veth addrgenmode", "    tun addrgenmode")
PLAIN = "\n".join(line for line in script.LINKS.splitlines() if "addrgenmode" not in line) + "\n"
OFF = "$ ethtool -k veth1a2b\nFeatures for veth1a2b:\nrx-checksumming: {}\ntx-checksumming: on\n"


def _judged(case: Path) -> Judgement:
    return judgement(diagnosed(case), SLUG)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASES / "positive" / "written_taken", tmp_path / "case"))


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"uname.txt": FIXED}, Refuted),
        ({"after/nstat.txt": script.nstat(5)}, Refuted),
        ({"after/nstat.txt": script.nstat(4)}, Supported),
        ({"ethtool_-k.txt": OFF.format("off")}, Refuted),
        ({"ethtool_-k.txt": OFF.format("on")}, Supported),
        ({"before/ip_-d_link.txt": BRIDGE}, Refuted),
        ({"before/ip_-d_link.txt": PLAIN}, Untestable),
    ],
    ids=["fixed", "counted", "one counted", "rx off", "rx on", "no veth", "unknown device"],
)
def test_what_the_host_says(case: Path, files: dict[str, bytes | str], kind: type[Judgement]) -> None:
    assert isinstance(_judged(write_case(case, files)), kind)


def test_without_a_point_before_the_damage_it_stays_open(case: Path) -> None:
    """The capture may show a sum that is out of date, not damage."""
    (case / "1_mirror.pcap").unlink()
    assert isinstance(_judged(case), Untestable)


def _upload() -> Talk:
    """The client sends four segments, each acknowledged."""
    made = Talk(timestamps=True)
    made.opening()
    for part in range(4):
        made.send(10 + part, "PA", client=True, size=1000)
        made.send(10.5 + part, "A")
    return made


def _damaged(sent: Sent) -> bytes:
    wrong = sent.from_client and sent.size > 1000 and sent.at_ms > 11
    return sent.packet[:-1] + bytes((sent.packet[-1] ^ 0x42,)) if wrong else sent.packet


def test_packets_of_the_client_are_looked_at_as_well(tmp_path: Path) -> None:
    """The container is the server, and the request is damaged on its way."""
    files: dict[str, bytes | str] = {
        "1_veth1a2b.pcap": seen([_upload()], View(change=_damaged)),
        "2_mirror.pcap": seen([_upload()], View(delay_ms=0.1)),
        "before/ip_-d_link.txt": script.LINKS,
    }
    judged = _judged(write_case(tmp_path, files))
    assert isinstance(judged, Supported)
    assert judged.reasons[0].text.startswith("2 packets")


def test_without_captures_nothing_is_said(tmp_path: Path) -> None:
    assert isinstance(_judged(write_case(tmp_path, {"uname.txt": FIXED})), Untestable)
