"""Where a lab lives: a process with process, mount and network namespaces of its own, so that nothing outlives it.

Network namespaces have no name and interfaces stay inside them, so the kernel removes everything when the last
process ends. All processes are in one process namespace: its first ends, all end (pid_namespaces(7)). It ends with
`unshare` (--kill-child) and when the pipe to whoever asked for the lab closes, which also a kill -9 does.

Without root the same happens below a user namespace (user_namespaces(7)).
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lastseen.errors import LastseenError

__all__ = ["ROOT", "die_with_parent", "in_sandbox"]

ROOT = 0
FIRST_PROCESS = 1
EVERYTHING_HERE = -1
"""kill(2): all processes of this process namespace but its first, which is the caller."""
PATIENCE_S = 20.0
"""A sandbox needs some hundredths of a second to end and to remove its files; on a busy machine seconds."""
POLL_S = 0.2
"""How soon a sandbox hears that all is to stop."""
_NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_USER_NAMESPACE = ("--user", "--map-user=1000", "--map-group=1000", "--keep-caps")
"""Not as its root: tcpdump and others would then give up groups, which a user namespace forbids."""


def in_sandbox(
    module: str,
    arguments: Sequence[str],
    *,
    timeout: float | None = None,
    as_user: bool | None = None,
    capture: bool = True,
    stopping: threading.Event | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` in a sandbox and wait for it.

    `as_user` forces (or forbids) the user namespace; by default it is used where the caller is not root. With
    `capture` its output is returned, else it has the terminal. `stopping` ends it, with
    subprocess.TimeoutExpired. The first argument it gets is the descriptor for
    `die_with_parent`.
    """
    user = os.geteuid() != ROOT if as_user is None else as_user
    read_end, write_end = os.pipe()
    command = ["unshare", *(_USER_NAMESPACE if user else ()), *_NAMESPACES]
    command += [sys.executable, "-m", module, str(read_end), *arguments]
    pipe = subprocess.PIPE if capture else None
    with open(write_end, "wb") as alive:  # noqa: PTH123 - a descriptor, no path
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if capture else None,
                stdout=pipe,
                stderr=pipe,
                text=True,
                pass_fds=(read_end,),
            )
        except FileNotFoundError as error:
            raise LastseenError("lab: unshare was not found; install util-linux") from error
        finally:
            os.close(read_end)
        with process:
            try:
                out, err = _outputs(process, timeout, stopping)
            finally:
                alive.close()  # after Ctrl-C and a timeout this ends it, and it puts its files away first
                _ended(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _outputs(
    process: subprocess.Popen[str], timeout: float | None, stopping: threading.Event | None
) -> tuple[str, str]:
    """What it prints until it ends. Raises subprocess.TimeoutExpired when it takes longer, or all is to stop."""
    if stopping is None:
        return process.communicate(timeout=timeout)
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return process.communicate(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            if stopping.is_set() or (end is not None and time.monotonic() > end):
                raise


def _ended(process: subprocess.Popen[str]) -> None:
    """Wait for a sandbox that was told to end; end it when it does not."""
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def die_with_parent(read_end: int, *folders: Path) -> None:
    """End the whole sandbox, and remove these folders, as soon as the other end of the pipe closes.

    Called by the main thread, which is then held up: it would see its programs end, end itself, and this with it.
    """
    signal.signal(signal.SIGUSR1, lambda *_: threading.Event().wait())

    def watch() -> None:
        with suppress(OSError):
            os.read(read_end, 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        end = time.monotonic() + PATIENCE_S
        while True:  # what is being ended may write a last file
            if os.getpid() == FIRST_PROCESS:
                with suppress(ProcessLookupError):  # nothing else runs
                    os.kill(EVERYTHING_HERE, signal.SIGKILL)
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
            if time.monotonic() > end or not any(folder.exists() for folder in folders):
                os._exit(1)
            time.sleep(POLL_S)

    threading.Thread(target=watch, daemon=True, name="parent").start()
