"""The first root of the nested machine: a busybox, a few modules, and a script that changes to this machine's own root.

The machine has no disk. Its root is this machine's own, read only over 9p, below a layer in memory: PHP, curl, Open
vSwitch and Python are those that are installed here, and nothing of this machine can be changed.
"""

import gzip
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from lastseen.errors import LastseenError

__all__ = ["BOOT_MODULES", "cpio", "first_root", "load_order"]

BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
"""What Debian's kernel needs, and has not built in, to see its root."""

INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do $b insmod "$module" || exit 1; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 root /lower || exit 1
$b mount -t tmpfs tmpfs /layer
$b mkdir /layer/upper /layer/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work overlay /root || exit 1
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /root/mnt || exit 1
for folder in proc sys dev; do $b mount --move /$folder /root/$folder; done
$b mount -t tmpfs tmpfs /root/run
read -r python </python
read -r PYTHONPATH </pythonpath
export PYTHONPATH HOME=/root LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec $b switch_root /root "$python" -m lastseen.lab.kernel.guest /mnt
"""
"""When a step fails, the first process ends, the kernel panics, and so the machine ends (panic=-1)."""

FOLDERS = ("bin", "dev", "layer", "lower", "modules", "proc", "root", "sys")
_FILE, _FOLDER = stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755
PT_INTERP = 3
_MAGIC = "070701"


def first_root(modules: Path, *, python: str, source: str) -> bytes:
    """The compressed archive that the kernel unpacks (initramfs).

    `modules`: a folder such as /lib/modules/6.1.0-56-amd64 after depmod; `python`: the interpreter; `source`: the
    folder that holds the package lastseen.
    """
    files = {
        "init": INIT.encode(), "bin/busybox": _busybox().read_bytes(), "python": f"{python}\n".encode(),
        "pythonpath": f"{source}\n".encode(),
    }  # fmt: skip
    for number, path in enumerate(load_order((modules / "modules.dep").read_text("utf-8"), BOOT_MODULES)):
        files[f"modules/{number:02}_{Path(path).name}"] = (modules / path).read_bytes()
    return gzip.compress(cpio(FOLDERS, files), compresslevel=1)


def _busybox() -> Path:
    found = shutil.which("busybox")
    if found is None or _wants_loader(Path(found).read_bytes()):
        raise LastseenError(
            "lab kernel: a busybox without libraries was not found; apt-get install busybox-static"
        )
    return Path(found)


def _wants_loader(program: bytes) -> bool:
    """Whether a 64-bit program has a header PT_INTERP (elf(5)), that is, is linked with libraries."""
    start, size, count = (int.from_bytes(program[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
    kinds = (program[at : at + 4] for at in range(start, start + size * count, size or 1))
    return any(int.from_bytes(kind, "little") == PT_INTERP for kind in kinds)


def load_order(dependencies: str, wanted: Iterable[str]) -> list[str]:
    r"""Paths of these modules and of what they need, each after what it needs itself.

    `dependencies`: the text of modules.dep (modules.dep(5)). What is built in has no line there and is left out.

    >>> load_order("k/a.ko: k/b.ko k/c.ko\nk/b.ko: k/c.ko\nk/c.ko:\n", ["a"])
    ['k/c.ko', 'k/b.ko', 'k/a.ko']
    """
    needs = {
        path: below.split() for path, _, below in (line.partition(":") for line in dependencies.splitlines())
    }
    paths = {Path(path).name.partition(".")[0].replace("-", "_"): path for path in needs}
    ordered: list[str] = []

    def add(path: str) -> None:
        if path not in ordered:
            for other in needs[path]:
                add(other)
            ordered.append(path)

    for name in wanted:
        if name in paths:
            add(paths[name])
    return ordered


def cpio(folders: Iterable[str], files: Mapping[str, bytes]) -> bytes:
    """An archive as the kernel wants it (Documentation/driver-api/early-userspace/buffer-format.rst, "newc")."""
    entries = [(name, _FOLDER, b"") for name in folders] + [
        (name, _FILE, data) for name, data in files.items()
    ]
    parts = [_entry(number, *entry) for number, entry in enumerate(entries, 1)]
    return b"".join((*parts, _entry(0, "TRAILER!!!", 0, b"")))


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    """Thirteen numbers of eight hexadecimal digits, the name, the data; both filled up to a multiple of four bytes."""
    path = name.encode() + b"\0"
    numbers = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = _MAGIC.encode() + b"".join(b"%08X" % value for value in numbers) + path
    return _filled_up(head) + _filled_up(data)


def _filled_up(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
