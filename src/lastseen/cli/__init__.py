"""The command line: one file a command. Only here are the stages put together.

Ctrl-C while the modules are still being imported is one line, too; from then on `main` answers it.
"""

import sys
from types import TracebackType

__all__ = []


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("lastseen: interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _told
