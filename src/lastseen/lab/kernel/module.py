"""Open vSwitch's kernel module, compiled twice: as the distribution has it, and without the trim.

Until 4.16 `ovs_ct_execute()` handed a packet to conntrack with its Ethernet padding (mended by Linux commit
9382fe71c005, "openvswitch: Remove padding from packet before L3+ conntrack processing"). Leaving out the call that
came with that commit is the whole bug; the second module differs from the first by nothing else.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.kernel.packages import Kernel, run_tool

__all__ = ["MODULES", "UNMODIFIED", "UNTRIMMED", "compile_modules", "without_trim"]

UNMODIFIED, UNTRIMMED = "unmodified", "untrimmed"
MODULES = (UNMODIFIED, UNTRIMMED)
FUNCTION = "ovs_ct_execute"
SOURCE = "conntrack.c"
COMPILER = "gcc-12"
"""What Debian 12's headers name (.kernelvariables); the package is called the same."""
_BEGIN = re.compile(rf"^int {FUNCTION}\(", re.MULTILINE)
_END = re.compile(r"^\}$", re.MULTILINE)
_TRIM = re.compile(r"^\terr = ovs_skb_network_trim\(skb\);\n\tif \(err\)\n\t\treturn err;\n", re.MULTILINE)
"""Linux 4.16 to 6.2; from 6.3 on the function is nf_conntrack_ovs's."""


def without_trim(source: str) -> tuple[str, int]:
    r"""conntrack.c without the three lines that trim, and the number of the first of them.

    Raises LastseenError where they are not exactly once in `ovs_ct_execute()`.

    >>> trim = "\terr = ovs_skb_network_trim(skb);\n\tif (err)\n\t\treturn err;\n"
    >>> without_trim("int ovs_ct_execute(x)\n{\n" + trim + "}\n")
    ('int ovs_ct_execute(x)\n{\n}\n', 3)
    """
    begin = _BEGIN.search(source)
    end = _END.search(source, begin.end()) if begin else None
    found = list(_TRIM.finditer(source, begin.end(), end.start())) if begin and end else []
    if len(found) != 1:
        raise LastseenError(
            f"lab kernel: expected one call that trims in {FUNCTION}() of {SOURCE}, found {len(found)}; "
            "Linux 4.16 to 6.2 have it (Debian 12: 6.1)"
        )
    (trim,) = found
    return source[: trim.start()] + source[trim.end() :], source.count("\n", 0, trim.start()) + 1


def compile_modules(kernel: Kernel, *, headers: Path, source: Path, to: Path) -> Iterator[tuple[str, str]]:
    """Compile both into `to`/NAME/openvswitch.ko; yields each's name and where its source was changed, if it was.

    `headers`: the folder the header packages were unpacked into; `source`: that of net/openvswitch.
    """
    if shutil.which(COMPILER) is None:
        raise LastseenError(f"lab kernel: {COMPILER} was not found; apt-get install {COMPILER} make")
    for name in MODULES:
        changed = ""
        if name == UNTRIMMED:
            text, line = without_trim((source / SOURCE).read_text("utf-8"))
            (source / SOURCE).write_text(text, "utf-8")
            changed = f"net/openvswitch/{SOURCE}:{line}, {FUNCTION}()"
        _compile(kernel, headers / "usr/src", source)
        (to / name).mkdir(parents=True)
        shutil.copy(source / "openvswitch.ko", to / name)
        yield name, changed


def _compile(kernel: Kernel, headers: Path, source: Path) -> None:
    """As `make -C /lib/modules/.../build`, whose makefile looks for the common headers where they are installed."""
    common = headers / f"linux-headers-{kernel.release.removesuffix('-amd64')}-common"
    with (source / "make.log").open("w", encoding="utf-8") as log:
        try:
            run_tool(
                "make", "-s", "-C", str(headers / f"linux-headers-{kernel.release}"), "-f", str(common / "Makefile"),
                f"M={source}", "openvswitch.ko", package="make", log=log,
            )  # fmt: skip
        except LastseenError as error:
            said = (source / "make.log").read_text("utf-8", "replace").strip().splitlines()
            raise LastseenError(f"{error}: {said[-1] if said else 'it said nothing'}") from error
