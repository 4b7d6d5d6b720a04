"""The letters of a connection's history: what each end sent, in the order it first did.

The alphabet is Zeek's (scripts/base/protocols/conn/main.zeek): capitals for the originator. S, H, F and R are
written again for another sequence number; A, D, I and Q once an end; T, W and G the first, tenth, hundredth...
time; ^ where originator and responder were exchanged.
"""

from typing import Any, Final

from lastseen.compiled import packet_kernel, step_kernel
from lastseen.connections.scratch import (
    C_FIRST_SEEN,
    C_LETTERS,
    C_ONCE,
    C_ORIGINATOR,
    C_PARTIAL,
    E_LAST_FIN,
    E_LAST_RST,
    E_LAST_SYN,
    LETTERS,
    LETTERS_AT,
    P_FLAGS,
    P_LENGTH,
    end_of,
)

__all__ = ["add_scaled", "flip", "write"]

TO_LOWER: Final = 32
S_LETTER: Final = ord("S")
H_LETTER: Final = ord("H")
F_LETTER: Final = ord("F")
R_LETTER: Final = ord("R")
I_LETTER: Final = ord("I")
Q_LETTER: Final = ord("Q")
D_LETTER: Final = ord("D")
A_LETTER: Final = ord("A")
T_LETTER: Final = ord("T")
W_LETTER: Final = ord("W")
G_LETTER: Final = ord("G")
FLIPPED: Final = ord("^")

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

SYN_BIT: Final = 0x01
FIN_BIT: Final = 0x02
RST_BIT: Final = 0x04
I_BIT: Final = 0x08
D_BIT: Final = 0x10
A_BIT: Final = 0x20
Q_BIT: Final = 0x40
RESPONDER_SHIFT: Final = 16


@step_kernel
def append(s: Any, letter: Any) -> None:
    """Write one letter, if there is room."""
    if s[C_LETTERS] < LETTERS:
        s[LETTERS_AT + s[C_LETTERS]] = letter
        s[C_LETTERS] += 1


@step_kernel
def add(s: Any, side: Any, letter: Any) -> None:
    """Write `letter` (a capital) for this side."""
    append(s, letter if side == s[C_ORIGINATOR] else letter + TO_LOWER)


@step_kernel
def add_scaled(s: Any, side: Any, counter: Any, letter: Any) -> None:
    """Count one more; write the letter the first, tenth, hundredth ... time."""
    end = end_of(side)
    s[end + counter] += 1
    if s[end + counter] == s[end + counter + 1]:
        add(s, side, letter)
        s[end + counter + 1] *= 10


@step_kernel
def flip(s: Any) -> None:
    """Exchange originator and responder."""
    s[C_ORIGINATOR] = 1 - s[C_ORIGINATOR]
    append(s, FLIPPED)


@step_kernel
def add_once(s: Any, side: Any, bit: Any, letter: Any) -> Any:
    """Write the letter unless this side has it; returns whether it had."""
    if side != s[C_ORIGINATOR]:
        bit <<= RESPONDER_SHIFT
    if s[C_ONCE] & bit:
        return True
    s[C_ONCE] |= bit
    add(s, side, letter)
    return False


@step_kernel
def add_control(s: Any, side: Any, kind: Any, at: Any) -> None:
    """Write the letter of a SYN, FIN or RST at relative sequence number `at`, again only if that moved."""
    if kind == FIN:
        bit, letter, last = FIN_BIT, F_LETTER, E_LAST_FIN
    elif kind == RST:
        bit, letter, last = RST_BIT, R_LETTER, E_LAST_RST
    else:
        bit, letter, last = SYN_BIT, S_LETTER if kind == SYN else H_LETTER, E_LAST_SYN
    if add_once(s, side, bit, letter) and at != s[end_of(side) + last]:
        add(s, side, letter)
    s[end_of(side) + last] = at


@step_kernel
def recognise_answer(s: Any) -> None:
    """A SYN-ACK came first; ordinary traffic after it says that it was an answer, not a scan: exchange the roles."""
    if s[C_LETTERS] == 1 and s[LETTERS_AT + 0] == H_LETTER:
        flip(s)
        s[LETTERS_AT + 0] = FLIPPED
        s[LETTERS_AT + 1] = H_LETTER + TO_LOWER
        s[C_PARTIAL] = 0
        s[C_FIRST_SEEN] = swap_bits(s[C_FIRST_SEEN]) | 1


@step_kernel
def swap_bits(bits: Any) -> Any:
    """Exchange bit 0 and bit 1."""
    return ((bits & 1) << 1) | (bits >> 1)


@packet_kernel
def write(s: Any, side: Any, at: Any) -> None:
    """Write what the packet in hand adds; `at` is its relative sequence number."""
    length = s[P_LENGTH]
    flags = s[P_FLAGS]
    control = flags & (SYN | FIN | RST)
    if control == 0:
        if length or flags & ACK:
            recognise_answer(s)
            add_once(s, side, D_BIT if length else A_BIT, D_LETTER if length else A_LETTER)
    elif control == SYN:
        add_control(s, side, SYN | (flags & ACK), at)
    elif control == FIN:
        add_control(s, side, FIN, at + length)
    elif control == RST:
        add_control(s, side, RST, at)
    elif control & (FIN | RST) == FIN | RST:
        add_once(s, side, I_BIT, I_LETTER)
    else:
        add_once(s, side, Q_BIT, Q_LETTER)
