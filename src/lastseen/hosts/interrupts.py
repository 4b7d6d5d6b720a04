"""Signals that end a run as Ctrl-C does: politely asked to go (SIGTERM), or left by its terminal (SIGHUP, signal(7)).

Python ends at once on either, and nothing would be set back.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["interruptible"]

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it the first of these signals raises KeyboardInterrupt; further ones do not stop what sets things back.

    A signal that is ignored from the start (nohup(1)) stays ignored.
    """
    came: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:
            raise KeyboardInterrupt

    heeded = [each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN]
    former = {each: signal.signal(each, interrupt) for each in heeded}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
