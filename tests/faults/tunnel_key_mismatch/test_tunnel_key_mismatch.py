"""Keys of a tunnel's two ends: what each option means, and what must be known of both hosts before one is blamed."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from written_cases import diagnosed, judgement

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "tunnel_key_mismatch"
CASE = Path(__file__).parents[3] / "src/lastseen/faults" / SLUG / "cases/positive/recorded_two_keys"
LIST = "ovs-vsctl_list_interface.txt"
RECEIVER, SENDER, THIRD = 'key="7"', 'key="8"', 'key="9"'
Change = Callable[[str], str]


def judged(folder: Path, *, receiver: Change = str, sender: Change = str, snapshots: str = "*") -> Judgement:
    """The recorded case with the options of either end changed in the snapshots of that name."""
    case = Path(shutil.copytree(CASE, folder / "case"))
    for host, change in (("netnode", receiver), ("compute", sender)):
        for file in case.glob(f"{snapshots}/{host}/{LIST}"):
            file.write_text(change(file.read_text("utf-8")), "utf-8")
    return judgement(diagnosed(case), SLUG)


def without_lists(folder: Path, host: str) -> Judgement:
    case = Path(shutil.copytree(CASE, folder / "case"))
    for file in case.glob(f"*/{host}/{LIST}"):
        file.unlink()
    return judgement(diagnosed(case), SLUG)


def test_both_ends_are_shown() -> None:
    found = judgement(diagnosed(CASE), SLUG)
    assert isinstance(found, Supported)
    assert found.confirmed
    texts = " / ".join(reason.text for reason in found.reasons)
    assert "with key 8, and no further" in texts
    assert "on netnode takes key 7 only" in texts
    assert "on compute sends with key 8" in texts


@pytest.mark.parametrize("options", ['key="8"', "key=flow", 'in_key="8", key="7"', "dst_port=6081"])
def test_a_port_that_may_take_the_key_is_not_to_blame(tmp_path: Path, options: str) -> None:
    """The same number, any number by flows, the particular option before the general one, or no word about keys."""
    found = judged(tmp_path, receiver=lambda text: text.replace(RECEIVER, options))
    assert isinstance(found, Refuted)
    assert any("may take key 8" in reason.text for reason in found.against)


def test_a_key_that_was_right_for_a_while_is_not_to_blame(tmp_path: Path) -> None:
    """Which packets came at which time is then the question."""
    found = judged(tmp_path, receiver=lambda text: text.replace(RECEIVER, SENDER), snapshots="before")
    assert isinstance(found, Refuted)


def test_a_key_that_nobody_sends_is_another_fault(tmp_path: Path) -> None:
    found = judged(tmp_path, sender=lambda text: text.replace(SENDER, THIRD))
    assert isinstance(found, Refuted)
    assert any("on compute does not send with key 8" in reason.text for reason in found.against)


def test_a_key_for_sending_alone_counts(tmp_path: Path) -> None:
    found = judged(tmp_path, sender=lambda text: text.replace(SENDER, 'in_key="7", out_key="8"'))
    assert isinstance(found, Supported)


def test_every_port_of_the_host_is_asked(tmp_path: Path) -> None:
    """A second tunnel port with a third key takes nothing either."""

    def doubled(text: str) -> str:
        record = next(part for part in re.split(r"\n\n+", text) if RECEIVER in part)
        second = record.replace("gnv0", "gnv1").replace(RECEIVER, THIRD)
        return f"{text.rstrip()}\n\n{second}\n"

    found = judged(tmp_path, receiver=doubled)
    assert isinstance(found, Supported)
    assert any("and 1 more" in reason.text for reason in found.reasons)


@pytest.mark.parametrize("host", ["netnode", "compute"])
def test_both_hosts_have_to_be_known(tmp_path: Path, host: str) -> None:
    found = without_lists(tmp_path, host)
    assert isinstance(found, Untestable)
    assert any("ovs-vsctl list interface" in text for text in found.missing)
