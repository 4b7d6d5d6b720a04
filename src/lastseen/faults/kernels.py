"""Which kernel a host runs, beside the one that got a fix: for faults that only kernels of some age have.

Distributions and stable series carry fixes under older numbers, so only a newer number proves anything.
"""

import re
from typing import Final

from lastseen.faults.facts import Facts
from lastseen.faults.weighing import Fact, Observed, Unknown
from lastseen.tables.judgements import Reason

__all__ = ["kernel_has_fix"]

_NUMBER: Final = re.compile(r"^(\d{1,3})\.(\d{1,4})")


def kernel_has_fix(facts: Facts, node: str | None, since: tuple[int, int]) -> Fact:
    """That a node runs a mainline version with the fix; unknown for older numbers, which may have it as well."""
    version = facts.version("kernel", node)
    number = _NUMBER.match(version.version) if version else None
    if version is not None and number is not None and (int(number[1]), int(number[2])) >= since:
        text = f"kernel {version.version} has the fix (Linux {since[0]}.{since[1]})"
        return Observed(reason=Reason(text=text, source=version.source))
    return Unknown(missing="uname -r of the host")
