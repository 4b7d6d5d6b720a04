"""Texts that prove nothing are named."""

import pytest

from lastseen.evidence.irrelevant import irrelevant_kind
from lastseen.evidence.texts.text import Head


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([], "an empty file"),
        (["", "  "], "an empty file"),
        (["cat: /sys/module/openvswitch/srcversion: No such file or directory"], "a command that failed"),
        (["bash: line 1: ovs-vsctl: command not found"], "a command that failed"),
        (["netns=vm", "cmd: curl -sS https://api.example/"], "a note of what ran"),
        (['{"service": "api", "quotes": []}'], "JSON of no known tool"),
        (["[", '  "a"'], "JSON of no known tool"),
        (["<!DOCTYPE html>", "<html>"], "HTML"),
    ],
)
def test_kinds(lines: list[str], kind: str) -> None:
    """By content only."""
    assert irrelevant_kind(Head(tuple(lines))) == f"irrelevant: {kind}"


@pytest.mark.parametrize(
    "lines", [["hello"], ["a: No such file or directory"] * 9, ["[ 1.0] x"], ["netns=vm", "and more"]]
)
def test_others_stay_unknown(lines: list[str]) -> None:
    """A log full of errors is still a log nobody read."""
    assert irrelevant_kind(Head(tuple(lines))) is None
