"""Where a lab lives: a process with process, mount and network namespaces of its own, so that nothing outlives it.

Network namespaces have no name and interfaces stay inside them, so the kernel removes everything when the last
process ends. All processes are in one process namespace: its first ends, all end (pid_namespaces(7)). It ends with
`unshare` (--kill-child) and when the pipe to whoever asked for the lab closes, which also a kill -9 does.

Without root the same happens below a user namespace (user_namespaces(7)).
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from lastseen.errors import LastseenError

__all__ = ["die_with_parent", "in_sandbox"]

ROOT = 0
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
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` in a sandbox and wait for it.

    `as_user` forces (or forbids) the user namespace; by default it is used where the caller is not root. With
    `capture` its output is returned, else it has the terminal. The first argument it gets is the descriptor for
    `die_with_parent`.
    """
    user = os.geteuid() != ROOT if as_user is None else as_user
    read_end, write_end = os.pipe()
    try:
        command = ["unshare", *(_USER_NAMESPACE if user else ()), *_NAMESPACES]
        command += [sys.executable, "-m", module, str(read_end), *arguments]
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL if capture else None,
            capture_output=capture,
            text=True,
            pass_fds=(read_end,),
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise LastseenError("lab: unshare was not found; install util-linux") from error
    finally:
        os.close(read_end)
        os.close(write_end)


def die_with_parent(read_end: int) -> None:
    """End this process, and with it the whole sandbox, as soon as the other end of the pipe closes."""

    def watch() -> None:
        with suppress(OSError):
            os.read(read_end, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()
