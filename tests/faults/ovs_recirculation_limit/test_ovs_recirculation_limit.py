"""A kernel's line about depth names no packet; the flows' fate has to fit it."""

import shutil
from pathlib import Path

from written_cases import diagnosed, judgement, write_case

from lastseen.tables.judgements import Supported

SLUG = "ovs_recirculation_limit"
CASES = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases"


def test_the_kernels_line_is_enough_where_the_flow_is_gone_for_good(tmp_path: Path) -> None:
    """The near miss, with what the kernel says of a pipeline that is too deep."""
    case = Path(shutil.copytree(CASES / "near_miss" / "recorded_drop_flow", tmp_path / "case"))
    line = "[ 100.000000] openvswitch: ovs-system: recursion limit reached on datapath, probable configuration error\n"
    judged = judgement(diagnosed(write_case(case, {"after/switch/dmesg.txt": line})), SLUG)
    assert isinstance(judged, Supported)
    assert judged.confirmed
