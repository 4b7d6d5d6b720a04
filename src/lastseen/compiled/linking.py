"""Turn the relocatable object that Numba makes of a kernel into an image that a run only has to put addresses into.

It knows as much of ELF as such objects need on x86-64 Linux: sections that are read or run, and words that hold a whole
address, as code for any place in memory has them (Numba's code model for it is LLVM's "large"). Whatever has more in it
stays an object, which LLVM links in every run (`objects`).

System V Application Binary Interface, "ELF-64 Object File Format" 1.5; x86-64 psABI 1.0, 4.4 and 5.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from lastseen.compiled.images import Image
from lastseen.compiled.symbols import address_of

__all__ = ["linked"]

_HEAD: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_X86_64_OBJECT: Final = b"\x7fELF\x02\x01", 1, 62
"""64 bits, little-endian; ET_REL; EM_X86_64."""
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELOCATION: Final = struct.Struct("<QIIq")

_PROGBITS, _SYMTAB, _RELA, _UNWIND = 1, 2, 4, 0x70000001
"""Kinds of sections; the last holds what only exceptions of C++ and debuggers look at."""
_WRITE, _ALLOC, _THREAD = 0x1, 0x2, 0x400
"""Flags of sections."""
_UNDEFINED, _COMMON, _LARGE_COMMON = 0, 0xFFF2, 0xFF02
"""Sections that symbols are said to be in which are in none; room for the last two is the linker's to give."""
_WORD64: Final = 1
"""R_X86_64_64: the symbol's address and the addend, as a 64-bit word."""


class _NotKnownError(Exception):
    """The object has in it what only LLVM can link."""


class _Section(NamedTuple):
    """A section header, fields in the file's order."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    about: int
    alignment: int
    entry_bytes: int


class _Symbol(NamedTuple):
    """A symbol; `value` is an offset in its section, the alignment of one that is in none."""

    name: str
    section: int
    value: int
    size: int


def linked(content: bytes, function: str) -> Image | None:
    """The image of an object with a function in it; None: it is no object that can be linked here."""
    try:
        return _Linking(content).image(function)
    except (_NotKnownError, struct.error, IndexError):
        return None


class _Linking:
    """An object, read, and the image that grows out of it."""

    def __init__(self, content: bytes) -> None:
        head = _HEAD.unpack_from(content)
        if (head[0][:6], head[1], head[2]) != _X86_64_OBJECT:
            raise _NotKnownError
        self._object = content
        self._sections = [
            _Section(*_SECTION.unpack_from(content, head[6] + number * _SECTION.size))
            for number in range(head[12])
        ]
        self._symbols = list(self._read_symbols())
        self._memory = bytearray()
        self._places = {
            number: self._added(self._bytes_of(section), section.alignment)
            for number, section in enumerate(self._sections)
            if section.flags & _ALLOC and section.kind != _UNWIND
        }
        self._rooms: dict[str, int] = {}
        self._inner: list[int] = []
        self._outer: dict[str, list[int]] = {}

    def _read_symbols(self) -> Iterator[_Symbol]:
        table = next((section for section in self._sections if section.kind == _SYMTAB), None)
        if table is None:
            raise _NotKnownError
        names = self._sections[table.link].offset
        for at in range(table.offset, table.offset + table.size, _SYMBOL.size):
            name, _, _, section, value, size = _SYMBOL.unpack_from(self._object, at)
            begin = names + name
            text = self._object[begin : self._object.index(b"\0", begin)].decode("ascii", "replace")
            yield _Symbol(text, section, value, size)

    def _bytes_of(self, section: _Section) -> bytes:
        """What a section puts into memory. One that is written to or each thread has of its own cannot be shared."""
        if section.kind != _PROGBITS or section.flags & (_WRITE | _THREAD):
            raise _NotKnownError
        return self._object[section.offset : section.offset + section.size]

    def _added(self, content: bytes, alignment: int) -> int:
        """Where in the image these bytes were added."""
        self._memory += bytes(-len(self._memory) % max(alignment, 1))
        begin = len(self._memory)
        self._memory += content
        return begin

    def image(self, function: str) -> Image:
        """All sections behind each other, with what is said of addresses in them."""
        for section in self._sections:
            if section.kind == _RELA and section.about in self._places:
                for at in range(section.offset, section.offset + section.size, _RELOCATION.size):
                    offset, kind, symbol, addend = _RELOCATION.unpack_from(self._object, at)
                    if kind != _WORD64:
                        raise _NotKnownError
                    self._relocate(self._places[section.about] + offset, self._symbols[symbol], addend)
        found = next((symbol for symbol in self._symbols if symbol.name == function), None)
        if found is None or found.section not in self._places:
            raise _NotKnownError
        entry = self._places[found.section] + found.value
        return Image(content=bytes(self._memory), entry=entry, inner=self._inner, outer=self._outer)

    def _relocate(self, at: int, symbol: _Symbol, addend: int) -> None:
        """Let the word hold the symbol's address and the addend, once the image or the symbol has its place."""
        if symbol.section == _UNDEFINED:
            self._require(symbol.name)
            self._outer.setdefault(symbol.name, []).append(at)
        else:
            addend += self._place_of(symbol)
            self._inner.append(at)
        struct.pack_into("<Q", self._memory, at, addend % (1 << 64))

    def _require(self, name: str) -> None:
        try:
            address_of(name)
        except (KeyError, ValueError):
            raise _NotKnownError from None

    def _place_of(self, symbol: _Symbol) -> int:
        """Where in the image a symbol of this object lies."""
        if symbol.section in self._places:
            return self._places[symbol.section] + symbol.value
        if symbol.section not in {_COMMON, _LARGE_COMMON}:
            raise _NotKnownError
        if symbol.name not in self._rooms:  # zeros: Numba's wrappers, which are left out, would write there
            self._rooms[symbol.name] = self._added(bytes(symbol.size), symbol.value)
        return self._rooms[symbol.name]
