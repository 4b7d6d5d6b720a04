"""`lastseen faults` and `lastseen explain`: which faults were tried on evidence of a real kernel."""

from installed import lastseen

from lastseen.lab.scene import scenes


def listed() -> dict[str, bool]:
    return {row["fault"]: row["recorded"] for row in lastseen("faults", "--json").said["faults"]}


def test_a_fault_that_a_scene_of_the_lab_shows_is_no_written_one() -> None:
    """Its cases in the repository are written; the lab records it and the verdict has to name it."""
    assert scenes()["ttl_expiry"].truth.fault == "ttl_expiry"
    assert listed()["ttl_expiry"]
    assert lastseen("explain", "ttl_expiry", "--json").said["recorded"]


def test_a_fault_that_nothing_recorded_shows_is_marked() -> None:
    assert not listed()["ovs_wrong_megaflow"]
    assert "script wrote" in lastseen("explain", "ovs_wrong_megaflow").out
    assert "* tried on packets" in lastseen("faults").out


def test_a_list_of_recorded_faults_has_no_note() -> None:
    assert "*" not in lastseen("faults", "--matching", "conntrack counts Ethernet padding as payload").out
