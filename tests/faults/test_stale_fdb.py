"""Whose table it is matters: a router's port is none of the bridge behind which its address is looked for."""

import shutil
from pathlib import Path

from written_cases import diagnosed

CASE = Path(__file__).parents[2] / "src/lastseen/faults/stale_fdb/cases/positive/written_sticky_entry"


def test_an_entry_of_another_bridge_tells_nothing(tmp_path: Path) -> None:
    assert diagnosed(CASE).verdict.fault == "stale_fdb"
    case = tmp_path / "case"
    shutil.copytree(CASE, case)
    links = case / "after/ip_link.txt"
    port1, port2, rest = links.read_text("utf-8").partition("port2")
    links.write_text(port1 + port2 + rest.replace("master br0", "master br1", 1), "utf-8")
    assert diagnosed(case).verdict.fault != "stale_fdb"
