"""The distribution's kernel as packages: which there is, and what of it the nested machine needs.

apt verifies what it downloads, and downloading needs no root. Nothing is installed: packages are unpacked into a
folder of their own. Of the image only the kernel and the modules of a network are kept (60 MB of 400), of the source
only Open vSwitch's folder is read, straight from the archive inside the package.
"""

import re
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from lastseen.errors import LastseenError

__all__ = ["Kernel", "download", "newest_kernel", "run_tool", "unpack_image", "unpack_switch", "unpack_whole"]

HEADERS = "linux-headers-amd64"
"""Debian's name for the headers of its newest kernel."""
_HEADERS_OF = re.compile(
    r"^Depends:.*?\blinux-headers-(?P<release>(?P<series>\d+\.\d+)\S*-amd64) ", re.MULTILINE
)
_VERSION = re.compile(r"^Version: (\S+)$", re.MULTILINE)
LONGEST_TOOL_S = 900.0
"""Compiling, the longest, takes 90 s on a busy machine."""
_MODULES_KEPT = (
    "arch/",
    "crypto/",
    "fs/9p/",
    "fs/fscache/",
    "fs/netfs/",
    "fs/overlayfs/",
    "lib/",
    "net/",
    "drivers/virtio/",
)
_CARDS = PurePosixPath("drivers/net")
"""Its own modules are kept (veth, geneve, tun); those of real cards are in folders below."""
_LISTS = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One kernel of the distribution."""

    release: str
    """As `uname -r` says: 6.1.0-56-amd64."""
    series: str
    """6.1"""
    version: str
    """That of its packages: 6.1.192-2."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Its packages in the order image, source, headers and what goes with them, each with its version."""
        common = f"linux-headers-{self.release.removesuffix('-amd64')}-common"
        names = (
            f"linux-image-{self.release}", f"linux-source-{self.series}", f"linux-headers-{self.release}", common,
            f"linux-kbuild-{self.series}",
        )  # fmt: skip
        return tuple(f"{name}={self.version}" for name in names)


def newest_kernel() -> Kernel:
    """The kernel that the package lists of this machine lead to. Raises LastseenError where that is no Debian."""
    shown = run_tool("apt-cache", "show", "--no-all-versions", HEADERS, package="apt")
    release, version = _HEADERS_OF.search(shown), _VERSION.search(shown)
    if release is None or version is None:
        raise LastseenError(
            f"lab kernel: expected {HEADERS} in apt's lists, found none; it needs Debian on amd64"
        )
    return Kernel(release=release["release"], series=release["series"], version=version[1])


def download(kernel: Kernel, folder: Path) -> list[Path]:
    """The packages of a kernel, downloaded into `folder` (224 MB with Debian 12), in the order of `packages`."""
    run_tool("apt-get", "--quiet", "download", *kernel.packages, package="apt", cwd=folder)
    return [_downloaded(folder, package.partition("=")[0]) for package in kernel.packages]


def _downloaded(folder: Path, name: str) -> Path:
    found = list(folder.glob(f"{name}_*.deb"))
    if len(found) != 1:
        raise LastseenError(f"lab kernel: apt-get download left {len(found)} packages {name}, expected one")
    return found[0]


def unpack_image(package: Path, folder: Path) -> None:
    """Of linux-image: `folder`/vmlinuz and, below `folder`/lib/modules, what a network in a machine needs."""

    def unpack(tar: tarfile.TarFile) -> None:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.parent.name == "boot" and path.name.startswith("vmlinuz-"):
                _write(tar, member, folder / "vmlinuz")
            elif "modules" in path.parts and member.isfile() and _is_kept(path):
                _write(tar, member, folder.joinpath("lib", *path.parts[path.parts.index("modules") :]))

    _read(package, unpack)


def _is_kept(path: PurePosixPath) -> bool:
    if path.name in _LISTS:
        return True
    if "kernel" not in path.parts:
        return False
    below = PurePosixPath(*path.parts[path.parts.index("kernel") + 1 :])
    return str(below).startswith(_MODULES_KEPT) or below.parent == _CARDS


def unpack_switch(package: Path, folder: Path) -> None:
    """Of linux-source: the files of net/openvswitch, into `folder`."""

    def unpack(outer: tarfile.TarFile) -> None:
        for member in outer:
            if member.name.endswith(".tar.xz"):
                with tarfile.open(fileobj=outer.extractfile(member), mode="r|xz") as source:
                    _unpack_folder(source, PurePosixPath("net/openvswitch"), folder)
                return

    _read(package, unpack)


def _unpack_folder(source: tarfile.TarFile, wanted: PurePosixPath, folder: Path) -> None:
    """Stops after the folder: the rest of Linux need not be decompressed."""
    begun = False
    for member in source:
        path = PurePosixPath(member.name)
        if PurePosixPath(*path.parts[1:-1]) == wanted and member.isfile():
            begun = True
            _write(source, member, folder / path.name)
        elif begun:
            return


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    stream = tar.extractfile(member)
    if stream is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(stream.read())


def _read(package: Path, unpack: Callable[[tarfile.TarFile], None]) -> None:
    """Hand a package's files to `unpack`, which need not read all."""
    with _started("dpkg-deb", "--fsys-tarfile", str(package)) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                unpack(tar)
        except (tarfile.TarError, EOFError) as error:
            raise LastseenError(f"lab kernel: {package.name} cannot be unpacked: {error}") from error
        finally:
            process.kill()


def _started(*argv: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise LastseenError(_missing(argv[0], "dpkg")) from error


def unpack_whole(packages: Sequence[Path], folder: Path) -> None:
    """All files of these packages below `folder`."""
    for package in packages:
        run_tool("dpkg-deb", "--extract", str(package), str(folder), package="dpkg")


def run_tool(*argv: str, package: str, cwd: Path | None = None, log: IO[str] | None = None) -> str:
    """Standard output of a program of this machine, or nothing where it goes to `log`.

    Raises LastseenError with the last line it said when it fails, and with `package` when it is not there.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.PIPE,
            stderr=subprocess.STDOUT if log else subprocess.PIPE,
            text=True,
            cwd=cwd,
            timeout=LONGEST_TOOL_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise LastseenError(_missing(argv[0], package)) from error
    except subprocess.TimeoutExpired as error:
        raise LastseenError(f"lab kernel: {argv[0]} did not end within {LONGEST_TOOL_S:g} s") from error
    if done.returncode:
        said = [line for line in (done.stderr or "").splitlines() if line.strip()]
        raise LastseenError(
            f"lab kernel: {argv[0]} failed: {said[-1] if said else f'status {done.returncode}'}"
        )
    return done.stdout or ""


def _missing(program: str, package: str) -> str:
    return f"lab kernel: {program} was not found; apt-get install {package}"
