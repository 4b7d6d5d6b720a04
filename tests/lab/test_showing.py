"""A recording is a case of its scene's fault, or it fails: what could not show the fault has no truth."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from installed import lastseen

from lastseen.errors import LastseenError
from lastseen.lab.lab import Lab
from lastseen.lab.run import check_that_it_showed
from lastseen.lab.scene import scene_of

LARGER_THAN_THE_FIRST_WINDOW = "1678117815"
"""A seed with a page of 18,482 bytes: ten segments (RFC 6928) do not hold it, so that a FIN sent at once has data."""


@pytest.mark.parametrize("came", [True, False])
def test_a_run_without_its_fault_fails(tmp_path: Path, *, came: bool) -> None:
    """It says which scene's fault is missing, be it the first one or the one beside it."""
    lab = Lab(folder=tmp_path, scratch=tmp_path)
    shown = {
        "port_rule": scene_of("port_rule"),
        "snat_race": replace(scene_of("snat_race"), showed=lambda _lab: came),
    }
    if came:
        check_that_it_showed(lab, shown)
    else:
        with pytest.raises(LastseenError, match="the fault of snat_race did not come"):
            check_that_it_showed(lab, shown)


@pytest.mark.lab
def test_short_packets_are_lost_whatever_the_size_of_the_page(tmp_path: Path) -> None:
    """The server's FIN has no data with it, also where the page fills more than one flight."""
    case = tmp_path / "case"
    recorded = lastseen(
        "lab", "run", "short_packets_corrupted", "--seed", LARGER_THAN_THE_FIRST_WINDOW, "--out", case
    )
    assert recorded.status == 0, recorded.err
    assert json.loads((case / "truth.json").read_text())["parameters"]["page_bytes"] > 10 * 1460
    assert lastseen("diagnose", case, "--json").said["verdict"]["fault"] == "packet_corruption"
