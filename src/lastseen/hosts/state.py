"""Where lastseen remembers what it changed: a folder that outlives the process, and a reboot.

/var/lib/lastseen for root (FHS 3.0, 5.8), else `$XDG_STATE_HOME/lastseen` (XDG base directories 0.8);
`LASTSEEN_STATE` names another one.
"""

import os
from pathlib import Path
from typing import Final

__all__ = ["state_folder"]

ROOT_STATE: Final = Path("/var/lib/lastseen")


def state_folder() -> Path:
    """The state folder, whether it exists or not."""
    if chosen := os.environ.get("LASTSEEN_STATE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return ROOT_STATE
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state") / "lastseen"
