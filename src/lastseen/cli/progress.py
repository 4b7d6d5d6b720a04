"""One line on standard error that says what is being done, when it takes longer than a moment.

Nothing is shown when standard error is no terminal, nor in the first second.
"""

import sys
import time
from types import TracebackType
from typing import Self

__all__ = ["Progress"]

SHOWN_AFTER_S = 1.0
"""Shorter work needs no word."""
_EVERY_S = 0.1


class Progress:
    """Call it with what is being done now; leave the `with` to wipe the line."""

    def __init__(self) -> None:
        self._active = sys.stderr.isatty()
        self._start = time.monotonic()
        self._last = 0.0
        self._shown = False

    def __call__(self, doing: str) -> None:
        """Say what is being done now."""
        now = time.monotonic()
        if self._active and now - self._start > SHOWN_AFTER_S and now - self._last > _EVERY_S:
            self._show(doing)
            self._last = now

    def compiling(self) -> None:
        """Said at once: it takes some seconds, and only the first time."""
        if self._active:
            self._show("compiling the packet readers, once for this machine (about 20 s)")

    def _show(self, text: str) -> None:
        line = "".join(c if c.isprintable() else "?" for c in text)[:70]
        sys.stderr.write(f"\r\x1b[K{line} ...")
        sys.stderr.flush()
        self._shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
