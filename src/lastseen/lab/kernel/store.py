"""What the nested machine boots, built once and kept: kernel, modules, both Open vSwitch modules, first root.

It lies in the user's cache, a folder a kernel, and is whole or not there: it is built beside its place and moved.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import lastseen
from lastseen.errors import LastseenError
from lastseen.lab.kernel.image import first_root
from lastseen.lab.kernel.module import compile_modules
from lastseen.lab.kernel.packages import (
    Kernel,
    download,
    newest_kernel,
    run_tool,
    unpack_image,
    unpack_switch,
    unpack_whole,
)

__all__ = ["Store", "default_folder", "made_store"]

NEEDED_BYTES = 800 << 20
"""Packages 224 MB, what is unpacked and compiled of them 250 MB, at once; 80 MB of it stay."""
FACTS = "facts.json"
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A kernel ready to boot."""

    folder: Path
    kernel: Kernel
    changed: str
    """What was left out of the one module: file, line, function."""

    @property
    def modules(self) -> Path:
        """What is /lib/modules in the machine."""
        return self.folder / "lib/modules"

    def switch(self, module: str) -> Path:
        """One of the two Open vSwitch modules."""
        return self.folder / "switch" / module / "openvswitch.ko"

    def write_first_root(self, to: Path) -> None:
        """The first root for this Python and this lastseen; it is made for each boot, as both may change."""
        source = str(Path(lastseen.__file__).parents[1])
        to.write_bytes(first_root(self.modules / self.kernel.release, python=sys.executable, source=source))


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/lastseen/machine`, or that below ~/.cache (XDG base directories 0.8)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lastseen/machine"


def made_store(folder: Path, told: Told) -> Store:
    """The newest kernel that is kept in `folder`; where there is none, the distribution's newest is built.

    `told` hears what is being done. Raises LastseenError for what is missing, and leaves nothing half-made.
    """
    kept = sorted(folder.glob(f"*/{FACTS}"), key=lambda facts: facts.stat().st_mtime)
    if kept:
        facts = json.loads(kept[-1].read_text("utf-8"))
        return Store(folder=kept[-1].parent, kernel=Kernel(**facts["kernel"]), changed=facts["changed"])
    kernel = newest_kernel()
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < NEEDED_BYTES:
        raise LastseenError(
            f"lab kernel: expected {NEEDED_BYTES >> 20} MiB free below {folder}; --folder names another"
        )
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as place:
        made = Path(place, "made")
        changed = _build(kernel, made, Path(place, "parts"), told)
        (made / FACTS).write_text(
            json.dumps({"kernel": asdict(kernel), "changed": changed}, indent=1) + "\n", "utf-8"
        )
        made.rename(folder / kernel.version)
    return Store(folder=folder / kernel.version, kernel=kernel, changed=changed)


def _build(kernel: Kernel, made: Path, parts: Path, told: Told) -> str:
    """Fill `made`; `parts` is for what is not needed afterwards. Returns what was changed."""
    made.mkdir()
    parts.mkdir()
    told(f"downloading Linux {kernel.version} (224 MB)")
    image, source, *headers = download(kernel, parts)
    told("unpacking kernel and headers")
    unpack_image(image, made)
    unpack_whole(headers, parts / "headers")
    run_tool("depmod", "-b", str(made), kernel.release, package="kmod")
    told("unpacking Open vSwitch's source")
    unpack_switch(source, parts / "openvswitch")
    changed = ""
    told("compiling Open vSwitch's module, unmodified and without its trim")
    for name, change in compile_modules(
        kernel, headers=parts / "headers", source=parts / "openvswitch", to=made / "switch"
    ):
        told(f"compiled: {name}")
        changed = change or changed
    return changed
