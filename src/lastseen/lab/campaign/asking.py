"""Ask as a user does: `lastseen diagnose --json FOLDER` in a process of its own, and nothing else told to it."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

from lastseen.errors import LastseenError
from lastseen.lab.campaign.withholding import Withheld

__all__ = ["Answer", "answer_of", "ask"]

LONGEST_S: Final = 300.0
"""A case of the lab takes a second; the first run on a machine compiles, half a minute on an idle one."""
_POLL_S: Final = 0.1
_COMMAND: Final = (sys.executable, "-c", "from lastseen.cli.main import main; main()", "diagnose", "--json")
_SUPPORTED: Final = ("confirmed", "probable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The verdict, its points named as the scene names them."""

    fault: str | None
    grade: str
    hop: tuple[str | None, str | None]
    """Where packets were last seen and where missed; None: not said."""
    also: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether a fault is said to be there, not merely possible."""
        return self.fault is not None and self.grade in _SUPPORTED


def ask(folder: Path, stopping: Event) -> Mapping[str, Any]:
    """What the command prints. Raises LastseenError when it fails, or takes too long, or all is to stop."""
    process = subprocess.Popen(
        [*_COMMAND, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    with process:
        try:
            out, err = _outputs(process, stopping)
        finally:
            process.kill()
    if process.returncode:
        last = err.strip().rpartition("\n")[2]
        raise LastseenError(f"diagnose ended with status {process.returncode}: {last[:200]}")
    return dict(json.loads(out))


def _outputs(process: subprocess.Popen[str], stopping: Event) -> tuple[str, str]:
    end = time.monotonic() + LONGEST_S
    while True:
        try:
            return process.communicate(timeout=_POLL_S)
        except subprocess.TimeoutExpired as error:
            if stopping.is_set() or time.monotonic() > end:
                raise LastseenError(f"diagnose did not end within {LONGEST_S:g} s") from error


def answer_of(said: Mapping[str, Any], withheld: Withheld) -> Answer:
    """The verdict of a `lastseen.diagnosis/1`; its points are told by their files, whatever it calls them."""
    by_file = {path: point for point, path in withheld.captures.items()}
    names = {point["name"]: _of_file(point["file"], by_file) for point in said["points"]}
    verdict = said["verdict"]
    last_seen, missing_at = (names.get(verdict[end]) for end in ("last_seen", "missing_at"))
    return Answer(
        fault=verdict["fault"], grade=verdict["grade"], hop=(last_seen, missing_at), also=tuple(verdict["also"])
    )  # fmt: skip


def _of_file(file: str, by_file: Mapping[str, str]) -> str | None:
    """The point whose file this is; the diagnosis may put the case's folder in front."""
    return next((point for path, point in by_file.items() if file == path or file.endswith(f"/{path}")), None)
