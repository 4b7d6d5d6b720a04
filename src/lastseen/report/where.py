"""Filters in Wireshark's display-filter language, over the rows of a table: what `--where` takes.

Users know this language from Wireshark, and its names are the ones lastseen uses anyway. Only the part that makes
sense for rows is here; an expression is parsed into a small tree and never handed to `eval`. As in Wireshark
(wireshark-filter(4), 4.0), a name may stand for several values (`tcp.port`: both ports):

* a comparison holds when it holds for *any* of them; `!=` only when *all* of them differ;
* a name without a value (no stall, say) fails every comparison, `!=` too;
* a name alone asks whether there is a value; `!` binds closer than `&&`, and that closer than `||`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal

from lastseen.errors import LastseenError

__all__ = ["AllOf", "AnyOf", "Comparison", "Expression", "Field", "Kind", "Not", "Present", "holds", "parse"]

Kind = Literal["number", "seconds", "text", "address", "ipv6"]
"""What a name is compared with. seconds: the column holds ns. ipv6: an address column's IPv6 addresses alone."""

MAX_DEPTH: Final = 100
"""Parentheses and negations inside each other; far above what anybody writes, far below Python's recursion limit."""
QUOTED_CHARS: Final = 40
"""As much of a wrong expression is repeated in the message."""

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>&&|\|\||[=!<>]=|[<>!()])
    | (?P<word>[^\s"'()!=<>&|]+)""",
    re.VERBOSE | re.DOTALL,
)
_WORD_SIGNS: Final = {
    "and": "&&", "or": "||", "not": "!", "contains": "contains",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
"""Signs that may be written as words."""
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "contains": operator.contains,
}  # fmt: skip
_OPERATORS: Final[dict[Kind, tuple[str, ...]]] = {
    "number": ("==", "!=", "<", "<=", ">", ">="),
    "seconds": ("==", "!=", "<", "<=", ">", ">="),
    "text": ("==", "!=", "contains"),
    "address": ("==", "!="),
    "ipv6": ("==", "!="),
}
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}|0[xX][0-9a-fA-F]{1,16}")
"""Any int64, and hexadecimal as Wireshark takes it."""
_SECONDS: Final = re.compile(r"-?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A name of the language: the columns of a row it stands for.

    `when`: (column, value): the name has no value in rows where that column holds another. `known`: the only values
    a text column can hold, so that a slip of the pen is an error; empty: any.
    """

    kind: Kind
    columns: tuple[str, ...]
    when: tuple[str, str] | None = None
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a constant: ns for seconds, a network for addresses."""

    field: Field
    operator: str
    value: int | Fraction | str | IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Present:
    """The field has a value."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Expression"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All parts hold."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple["Expression", ...]


Expression = Comparison | Present | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is word, quoted, sign or end; `column` counts from 1."""

    kind: str
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class _Source:
    tokens: tuple[_Token, ...]
    fields: Mapping[str, Field]


_Parsed = tuple[Expression, int]
"""An expression, and the number of the token behind it."""


def parse(text: str, fields: Mapping[str, Field]) -> Expression:
    """The expression as a tree.

    Raises LastseenError, one line: what is wrong, at which column (from 1), and which names there are.

    >>> parse("tcp.port == 443", {"tcp.port": Field(kind="number", columns=("port_a", "port_b"))})
    Comparison(field=Field(kind='number', columns=('port_a', 'port_b'), when=None, known=()), operator='==', value=443)
    """
    source = _Source(_tokens(text, fields), fields)
    expression, at = _either(source, 0, 0)
    if source.tokens[at].kind != "end":
        raise _wrong(source.tokens[at], "expected 'and', 'or' or the end, not {}", fields)
    return expression


def holds(expression: Expression, row: Mapping[str, Any]) -> bool:
    """Whether the row fits; `row` has every column the fields of the expression name, None where it has no value."""
    match expression:
        case Comparison(operator="!="):
            values = _values(expression.field, row)
            return bool(values) and all(_true_of(expression, value) for value in values)
        case Comparison():
            return any(_true_of(expression, value) for value in _values(expression.field, row))
        case Present(field=field):
            return bool(_values(field, row))
        case Not(of=of):
            return not holds(of, row)
        case AllOf(parts=parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, row) for part in parts)


def _values(field: Field, row: Mapping[str, Any]) -> list[Any]:
    """What the field stands for in this row; a list in a cell is several values."""
    if field.when is not None and row[field.when[0]] != field.when[1]:
        return []
    cells = [row[column] for column in field.columns if row[column] is not None]
    values = [value for cell in cells for value in (cell if isinstance(cell, list) else [cell])]
    return [value for value in values if ":" in value] if field.kind == "ipv6" else values


def _true_of(comparison: Comparison, value: Any) -> bool:
    wanted = comparison.value
    if isinstance(wanted, IPv4Network | IPv6Network):
        return (_address(value) in wanted) == (comparison.operator == "==")
    return _ORDER[comparison.operator](value, wanted)


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address:
    """Many rows share few addresses."""
    return ip_address(text)


def _tokens(text: str, fields: Mapping[str, Field]) -> tuple[_Token, ...]:
    """The words and signs of the text, and an end."""
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(_Token("sign", text[at], at + 1), _stray(text[at]), fields)
        if found.lastgroup != "space":
            tokens.append(_token(str(found.lastgroup), found[0], at + 1))
        at = found.end()
    return (*tokens, _Token("end", "", at + 1))


def _stray(sign: str) -> str:
    """What to say of a character that begins nothing."""
    if sign in "\"'":
        return "this quote is never closed"
    return f"{{}} was not expected; write {sign}{sign}"


def _token(kind: str, text: str, column: int) -> _Token:
    if kind == "quoted":
        return _Token(kind, re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL), column)
    if kind == "word" and text.lower() in _WORD_SIGNS:
        return _Token("sign", _WORD_SIGNS[text.lower()], column)
    return _Token(kind, text, column)


def _is(token: _Token, sign: str) -> bool:
    return token.kind == "sign" and token.text == sign


def _either(source: _Source, at: int, depth: int) -> _Parsed:
    """X or X ..."""
    part, at = _both(source, at, depth)
    parts = [part]
    while _is(source.tokens[at], "||"):
        part, at = _both(source, at + 1, depth)
        parts.append(part)
    return (AnyOf(tuple(parts)) if parts[1:] else part), at


def _both(source: _Source, at: int, depth: int) -> _Parsed:
    """X and X ..."""
    part, at = _one(source, at, depth)
    parts = [part]
    while _is(source.tokens[at], "&&"):
        part, at = _one(source, at + 1, depth)
        parts.append(part)
    return (AllOf(tuple(parts)) if parts[1:] else part), at


def _one(source: _Source, at: int, depth: int) -> _Parsed:
    """Not X, (X), a comparison or a name alone."""
    token = source.tokens[at]
    if depth > MAX_DEPTH:
        raise _wrong(
            token, f"more than {MAX_DEPTH} parentheses or negations inside each other", source.fields
        )
    if _is(token, "!"):
        negated, at = _one(source, at + 1, depth + 1)
        return Not(negated), at
    if not _is(token, "("):
        return _comparison(source, at)
    inner, at = _either(source, at + 1, depth + 1)
    if not _is(source.tokens[at], ")"):
        raise _wrong(
            source.tokens[at], f"expected ')' for the '(' of column {token.column}, not {{}}", source.fields
        )
    return inner, at + 1


def _comparison(source: _Source, at: int) -> _Parsed:
    """A name, or a name, an operator and a value."""
    name, sign, fields = source.tokens[at], source.tokens[min(at + 1, len(source.tokens) - 1)], source.fields
    if name.kind != "word":
        raise _wrong(name, "expected a name, not {}", fields)
    if name.text not in fields:
        raise _wrong(name, "there is no name {}", fields)
    field = fields[name.text]
    if sign.kind != "sign" or sign.text not in _ORDER:
        return Present(field), at + 1
    if sign.text not in _OPERATORS[field.kind]:
        raise _wrong(
            sign, f"{name.text} is compared with {' '.join(_OPERATORS[field.kind])}, not {{}}", fields
        )
    value = source.tokens[at + 2]
    if value.kind not in {"word", "quoted"}:
        raise _wrong(value, f"expected a value after {sign.text}, not {{}}", fields)
    known = field.known if sign.text != "contains" else ()
    if known and value.text not in known:
        raise _wrong(value, f"{name.text} is never {{}}, but one of {', '.join(known)}", fields)
    constant = _constant(field.kind, value.text)
    if constant is None:
        raise _wrong(value, f"{name.text} is compared with {_WANTED[field.kind]}, not {{}}", fields)
    return Comparison(field, sign.text, constant), at + 3


_WANTED: Final[dict[Kind, str]] = {
    "number": "a whole number",
    "seconds": "a number of seconds",
    "text": "a text",
    "address": "an address or a network such as 10.0.0.0/8",
    "ipv6": "an IPv6 address or network",
}


def _constant(kind: Kind, text: str) -> int | Fraction | str | IPv4Network | IPv6Network | None:
    """The value as what the field's columns hold; None: it is nothing of that kind."""
    match kind:
        case "number":
            return int(text, 16 if text[:2].lower() == "0x" else 10) if _WHOLE.fullmatch(text) else None
        case "seconds":
            return Fraction(text) * _NS if _SECONDS.fullmatch(text) else None
        case "text":
            return text
        case "address" | "ipv6":
            return _network(text, v6_alone=kind == "ipv6")


def _network(text: str, *, v6_alone: bool) -> IPv4Network | IPv6Network | None:
    """A single address is a network of one; bits beyond the prefix do not matter, as in Wireshark."""
    if "%" in text:  # a zone, which no packet carries
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return None if v6_alone and isinstance(network, IPv4Network) else network


def _wrong(token: _Token, what: str, fields: Mapping[str, Field]) -> LastseenError:
    """The message; `{}` in `what` is the token."""
    text = token.text if len(token.text) <= QUOTED_CHARS else f"{token.text[:QUOTED_CHARS]}..."
    said = what.replace("{}", "the end" if token.kind == "end" else repr(text), 1)
    return LastseenError(f"--where, column {token.column}: {said}; names: {_names(fields)}")


def _names(fields: Mapping[str, Field]) -> str:
    """All names; those of one side of a pair are told by their rule."""
    sided = [name for name in fields if name[-2:] in {"_a", "_b"} and name[:-2] in fields]
    listed = ", ".join(name for name in fields if name not in sided)
    return f"{listed} ({sided[0]}, {sided[1]} and so on: one side alone)" if sided else listed
