"""What speaks against a checksum that NAT broke, and what is asked for where nothing passed."""

import shutil
from pathlib import Path

from written_cases import diagnosed, judgement, write_case

from lastseen.tables.judgements import Refuted, Supported

SLUG = "vxlan_nat_checksum"
CASES = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases"


def _copy(folder: Path) -> Path:
    return Path(shutil.copytree(CASES / "positive" / "written_seventh_syn_passes", folder / "case"))


def test_a_kernel_with_the_fix_refutes(tmp_path: Path) -> None:
    """Such a kernel leaves a checksum of 0 alone."""
    case = write_case(_copy(tmp_path), {"uname.txt": "Linux node 6.1.0-28-amd64 #1 SMP x86_64 GNU/Linux\n"})
    assert isinstance(judgement(diagnosed(case), SLUG), Refuted)


def test_an_older_kernel_proves_nothing(tmp_path: Path) -> None:
    """Stable series have the fix under older numbers."""
    case = write_case(_copy(tmp_path), {"uname.txt": "Linux node 5.4.0-42-generic #1 SMP x86_64 GNU/Linux\n"})
    assert isinstance(judgement(diagnosed(case), SLUG), Supported)
