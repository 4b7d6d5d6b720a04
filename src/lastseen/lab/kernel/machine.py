"""One boot of the nested machine, inside a sandbox, so that it ends with whoever asked for it.

    python -m lastseen.lab.kernel.machine FD KERNEL FIRST_ROOT SHARE

QEMU emulates the processor (-accel tcg), so neither KVM nor root is needed: the machine is root of itself only. It
has no network and no disk; this machine's root is read only, SHARE is the one folder it can write to.
"""

import subprocess
import sys
from collections import deque
from pathlib import Path

from lastseen.errors import LastseenError
from lastseen.lab.kernel.guest import ERROR, RESULTS, SAYING
from lastseen.lab.sandbox import die_with_parent

__all__ = ["MEMORY_MIB", "main", "qemu"]

FAILED = 2
MEMORY_MIB = 1536
LAST_LINES = 4
"""The end of a traceback, and that the power is off."""
PANIC = "Kernel panic"
PARAMETERS = (
    "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off net.ifnames=0 tsc=reliable no_timer_check"
)
"""Documentation/admin-guide/kernel-parameters.txt; `panic=-1` and `-no-reboot`: what goes wrong ends the machine.
`no_timer_check`: on a busy host the emulated timer comes too late for that test, and the kernel gives up."""


def main() -> int:
    """Boot, say on standard error how far it is, wait for the end; the status, after one line of what went wrong."""
    descriptor, kernel, first_root, share = sys.argv[1:]
    die_with_parent(int(descriptor))
    try:
        _boot(qemu(kernel, first_root, share), Path(share))
    except LastseenError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


def qemu(kernel: str, first_root: str, share: str) -> list[str]:
    """The command line. Folders are shared over 9p (`-fsdev local`), this machine's root as read only."""
    return [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "Westmere,-x2apic", "-smp", "2",
        "-m", str(MEMORY_MIB), "-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-no-reboot",
        "-kernel", kernel, "-initrd", first_root, "-append", PARAMETERS,
        "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
        "-fsdev", f"local,id=share,path={share.replace(',', ',,')},security_model=none",
        "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
    ]  # fmt: skip


def _boot(command: list[str], share: Path) -> None:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise LastseenError(
            "lab kernel: qemu-system-x86_64 was not found; apt-get install qemu-system-x86"
        ) from error
    last: deque[str] = deque(maxlen=LAST_LINES)
    panic = ""
    with process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            if line.startswith(SAYING):
                sys.stderr.write(line.removeprefix(SAYING))
            elif line.strip():
                last.append(line.strip())
                panic = panic or (line.strip() if PANIC in line else "")
    if (share / ERROR).exists():
        raise LastseenError((share / ERROR).read_text("utf-8").strip())
    if not (share / RESULTS).exists():
        said = panic or "; ".join(last) or "it said nothing"
        raise LastseenError(f"lab kernel: the machine ended before it was done: {said}")


if __name__ == "__main__":
    sys.exit(main())
