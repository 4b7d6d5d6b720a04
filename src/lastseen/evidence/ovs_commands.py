"""How the commands of Open vSwitch and OVN look in a leading `$ command` line, for readers to be recognised by.

One place, because each tool is called in many ways (`sudo`, `docker exec`, `-t TARGET`, `--db=...`) and every reader
must accept the same ones. Patterns are bounded: a command line is hostile text, too.
"""

import re

__all__ = ["appctl", "ctl", "dpctl", "ofctl"]

_BEFORE = r"^(?:[^;&|]{0,200}[\s/\"'])?"
_OPTIONS = r"\s(?:[^;&|]{0,200}\s)?"
_AFTER = r"(?![-\w])[^;&]*$"


def appctl(words: str) -> re.Pattern[str]:
    """`ovs-appctl` or `ovn-appctl` with one of the words (a regex), as in "fdb/show"."""
    return re.compile(rf"{_BEFORE}ov[sn]-appctl{_OPTIONS}(?:{words}){_AFTER}")


def dpctl(words: str) -> re.Pattern[str]:
    """`ovs-dpctl WORD` or `ovs-appctl dpctl/WORD`."""
    return re.compile(rf"{_BEFORE}(?:ovs-dpctl{_OPTIONS}|ovs-appctl{_OPTIONS}dpctl/)(?:{words}){_AFTER}")


def ofctl(words: str) -> re.Pattern[str]:
    """`ovs-ofctl` with one of the words."""
    return re.compile(rf"{_BEFORE}ovs-ofctl{_OPTIONS}(?:{words}){_AFTER}")


def ctl(tool: str, words: str) -> re.Pattern[str]:
    """A database tool (`ovs-vsctl`, `ovn-nbctl`, `ovn-sbctl`, `ovn-trace`) with one of the words as its command."""
    return re.compile(
        rf"{_BEFORE}{tool}\s(?:-[^;&|\s]{{1,200}}\s(?:[0-9]{{1,6}}\s)?){{0,8}}(?:{words}){_AFTER}"
    )
