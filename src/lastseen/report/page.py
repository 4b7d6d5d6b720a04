"""A page of terminal text: wrapped to a width, coloured on a terminal only, written in one go.

Rich renders it; the page itself writes it, so that a closed pipe is the caller's plain BrokenPipeError (Rich would
end the process with its own status).
"""

import sys
from collections.abc import Iterable
from io import StringIO
from typing import TYPE_CHECKING, Final, TextIO

from lastseen.report.wording import clean, encodable, shortened

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["LIST_LENGTH", "Page", "Part"]

Part = str | tuple[str, str]
"""A text, or a text and its Rich style."""

LIST_LENGTH: Final = 10
"""Rows of a list in the terminal: with ten the answer and its proof stay on two or three screens."""

PIPE_WIDTH: Final = 80
NARROWEST: Final = 40
WIDEST: Final = 120
"""Longer lines of prose are hard to read, however wide the window."""
_NARROWEST_TEXT: Final = 16


class Page:
    """Collects lines for a stream; `write` sends them. Use one page a report."""

    def __init__(self, stream: TextIO | None = None, width: int | None = None) -> None:
        from rich.console import Console

        self.stream = sys.stdout if stream is None else stream
        self.encoding = getattr(self.stream, "encoding", None) or "utf-8"
        terminal = getattr(self.stream, "isatty", lambda: False)()
        fixed = width if width is not None or terminal else PIPE_WIDTH
        self._written = StringIO()
        # None, not False, where it is no terminal: FORCE_COLOR and the like stay Rich's to judge.
        self.console = Console(
            file=self._written,
            width=fixed,
            force_terminal=terminal or None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self.width = max(NARROWEST, min(self.console.width, WIDEST))

    def safe(self, text: str) -> str:
        """Text of any origin as this stream may show it."""
        return encodable(clean(text), self.encoding)

    def say(self, *parts: Part, indent: int = 0, label: str = "", hang: int = 0) -> None:
        """Print the parts as one paragraph; `label` stands before it, further lines `hang` columns in from `indent`."""
        from rich.text import Text

        text = Text()
        for part in parts:
            content, style = (part, "") if isinstance(part, str) else part
            text.append(self.safe(shortened(content)), style=style)
        hang = hang or len(label)
        lines = text.wrap(self.console, max(self.width - indent - hang, _NARROWEST_TEXT), overflow="fold")
        for number, line in enumerate(lines):
            in_label = self.safe(label).ljust(hang) if label else ""
            lead = " " * indent + (in_label if number == 0 else " " * hang)
            line.rstrip()
            self._render(Text.assemble((lead, "bold"), line) if line.plain else Text(lead.rstrip()))

    def heading(self, text: str) -> None:
        """A blank line and a section's title."""
        self.blank()
        self.say((text, "bold"))

    def blank(self) -> None:
        """An empty line."""
        self._written.write("\n")

    def commands(self, commands: Iterable[str], indent: int = 4) -> None:
        """Print each command on its own line, whole, however narrow the terminal: it is there to be copied."""
        from rich.text import Text

        for command in commands:
            for line in command.splitlines():
                self._render(Text(" " * indent) + Text(self.safe(line), style="cyan"))

    def raw(self, lines: Iterable[str]) -> None:
        """Lines that are formatted already; they are made safe, not wrapped."""
        self._written.writelines(f"{self.safe(line)}\n" for line in lines)

    def shown(self, count: int, limit: int = LIST_LENGTH, indent: int = 2) -> None:
        """Say how many of `count` were not shown, if any."""
        if count > limit:
            self.say((f"... and {count - limit} more (--json has all)", "dim"), indent=indent)

    def write(self) -> None:
        """Send what was collected to the stream."""
        self.stream.write(self._written.getvalue())
        self.stream.flush()

    def _render(self, text: "Text") -> None:
        self.console.print(text, soft_wrap=True)
