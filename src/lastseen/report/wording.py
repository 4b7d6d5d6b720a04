"""Words and units of the terminal reports, and what makes a host's text safe to print.

Whoever can write a log line or name a file can try to write to the reader's terminal; so nothing reaches it that is
not visible text.
"""

import re
from typing import Final

from lastseen.tables.counted import counted
from lastseen.tables.grades import Grade

__all__ = [
    "GRADES",
    "STALL_WORDS",
    "TEXT_CHARS",
    "clean",
    "counted",
    "duration",
    "encodable",
    "shortened",
    "size",
]

GRADES: Final[dict[Grade, str]] = {
    "confirmed": "confirmed: every required fact was observed, and an independent layer agrees",
    "probable": "probable: the packets show every required fact; nothing independent singles it out yet",
    "possible": "possible: nothing speaks against it, but some of it could not be tested",
    "unattributed": "the place is certain; the cause is not known",
    "healthy": "the evidence covers the path, and nothing is wrong there",
    "blind": "not at all: this evidence cannot tell where it happens",
}
"""What each grade means, in plain words."""

STALL_WORDS: Final = {
    "waiting_for_fin": "all that came was acknowledged, the close did not come",
    "waiting_for_data": "the request was acknowledged, the answer did not come",
    "waiting_for_request": "the client was silent",
    "waiting_for_ack": "data was sent and nobody acknowledged it",
    "waiting_for_window": "the receiver's window was shut",
    "waiting_for_syn_ack": "the connection could not be opened",
    "lost_retransmitting": "one side repeated itself unheard",
}
"""Kinds of `tables.connections.STALLS` in words."""

TEXT_CHARS: Final = 500
"""Longer host text is cut in the terminal: six lines of 80 columns say what a line is about, --json has it all."""

_SEQUENCES: Final = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?")
"""A control sequence: introducer, parameters, intermediates, final (ECMA-48, 5.4)."""
_SPACES: Final = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_INVISIBLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Controls, and characters that hide or turn round what stands beside them (bidi controls, zero width, tags)."""

_IN_ASCII: Final = str.maketrans(
    {
        "\u2717": "x", "\u2502": "|", "\u25cf": "*", "\u25cb": "o", "\u25bc": "v", "\u25b2": "^", "\u2026": "...",
        "\u2192": "->", "\u2190": "<-", "\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"',
        "\u201d": '"', "\u00d7": "x", "\u2265": ">=", "\u2264": "<=", "\u00b5": "u", "\u2500": "-", "\u2713": "+",
    }
)  # fmt: skip

_US, _MS, _S = 1_000, 1_000_000, 1_000_000_000
_SMALL: Final = 10
"""Below it one decimal is worth showing."""
_MANY_SECONDS: Final = 1_000
_KB: Final = 1_000


def clean(text: str) -> str:
    """The visible text alone, on one line: no control sequence or character, nothing that reorders or hides."""
    text = _SPACES.sub(" ", _SEQUENCES.sub("", text))
    return _INVISIBLE.sub("", _SURROGATES.sub("?", text))


def shortened(text: str, chars: int = TEXT_CHARS) -> str:
    """At most about `chars` characters; what is cut is said."""
    return text if len(text) <= chars else f"{text[:chars]}... ({len(text) - chars} more characters)"


def encodable(text: str, encoding: str) -> str:
    """The text as the stream can take it: our signs as ASCII, anything else it cannot take as "?"."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_IN_ASCII).encode(encoding, "replace").decode(encoding)
    return text


def duration(ns: int | None) -> str:
    """A length of time with two or three digits that matter: "60.06 s", "3.1 ms", "31 us"; "unknown" for None."""
    if ns is None:
        return "unknown"
    size_ns = abs(ns)
    if size_ns >= _S:
        return f"{ns / _S:.0f} s" if size_ns >= _MANY_SECONDS * _S else f"{ns / _S:.2f} s"
    if size_ns >= _MS:
        return f"{ns / _MS:.{int(size_ns < _SMALL * _MS)}f} ms"
    if size_ns >= _US:
        return f"{ns / _US:.{int(size_ns < _SMALL * _US)}f} us"
    return f"{ns} ns"


def size(count: int) -> str:
    """A number of bytes in at most five characters: "999", "12.3k", "4.5M" (decimal, as link rates are)."""
    if count < _KB:
        return str(count)
    value, letters = count / _KB, "kMGT"
    while value >= _KB and len(letters) > 1:
        value, letters = value / _KB, letters[1:]
    return f"{value:.1f}{letters[0]}"
