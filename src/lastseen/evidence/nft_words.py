"""JSON expressions of nft, written in nft's own language as `nft list ruleset` prints them.

Covers what firewalls are made of; an expression of another kind keeps its JSON, so that nothing is dropped and
nothing invented. Source: libnftables-json(5) and nftables' src/json.c, src/statement.c, src/expression.c (1.0).
"""

import json
from collections.abc import Callable
from typing import Any, Final

__all__ = ["rule_text", "words"]

_MAX_DEPTH: Final = 20
"""Deeper nesting than any rule has: its JSON is kept as it is."""
_DEFAULT_BURST: Final = 5
_BARE: Final = {
    "accept", "drop", "continue", "return", "notrack", "masquerade", "redirect", "counter", "fully-random",
}  # fmt: skip
_REJECT_BY_DEFAULT: Final = {
    ("icmpx", "port-unreachable"),
    ("icmp", "port-unreachable"),
    ("icmpv6", "port-unreachable"),
}


def rule_text(expressions: list[Any], comment: str = "") -> str:
    """The rule as one line, its counter and comment included."""
    parts = [words(expression) for expression in expressions]
    if comment:
        parts.append(f'comment "{comment}"')
    return " ".join(part for part in parts if part).replace("\n", " ")


def words(value: object, depth: int = 0) -> str:
    """An expression or statement in nft's language.

    >>> words({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}})
    'tcp dport 22'
    """
    if depth > _MAX_DEPTH:
        return _as_json(value)
    if isinstance(value, list):
        return ",".join(words(item, depth + 1) for item in value)
    if not isinstance(value, dict):
        return str(value)
    if len(value) != 1:
        return _as_json(value)
    ((kind, inner),) = value.items()
    if inner is None and kind in _BARE:
        return str(kind)
    written = _WRITERS[kind](inner, depth + 1) if kind in _WRITERS else None
    return _as_json(value) if written is None else written


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, separators=(",", ":"))
    except RecursionError:
        return "(nested too deeply)"


def _match(inner: Any, depth: int) -> str | None:
    if not isinstance(inner, dict) or "left" not in inner or "right" not in inner:
        return None
    op = "" if inner.get("op") in {"==", "in"} else f"{inner.get('op')} "
    right = inner["right"]
    quoted = isinstance(right, str) and inner["left"] in (
        {"meta": {"key": k}} for k in ("iif", "oif", "iifname", "oifname")
    )
    return (
        f"{words(inner['left'], depth)} {op}{f'{chr(34)}{right}{chr(34)}' if quoted else words(right, depth)}"
    )


def _payload(inner: Any, _depth: int) -> str | None:
    if isinstance(inner, dict) and "protocol" in inner:
        return f"{inner['protocol']} {inner.get('field')}"
    return None


_UNQUALIFIED: Final = {
    "iif",
    "oif",
    "iifname",
    "oifname",
    "mark",
    "skuid",
    "skgid",
    "iiftype",
    "oiftype",
    "rtclassid",
}


def _meta(inner: Any, _depth: int) -> str | None:
    key = inner.get("key") if isinstance(inner, dict) else None
    if not isinstance(key, str):
        return None
    return key if key in _UNQUALIFIED - {"mark"} else f"meta {key}"


def _ct(inner: Any, _depth: int) -> str | None:
    if not isinstance(inner, dict):
        return None
    return " ".join(str(inner[name]) for name in ("dir", "family", "key") if inner.get(name)).join(
        ("ct ", "")
    )


def _set(inner: Any, depth: int) -> str | None:
    items = inner if isinstance(inner, list) else [inner]
    shown = (
        " : ".join(words(part, depth) for part in i) if isinstance(i, list) else words(i, depth)
        for i in items
    )
    return "{ " + ", ".join(shown) + " }"


def _prefix(inner: Any, depth: int) -> str | None:
    return f"{words(inner.get('addr'), depth)}/{inner.get('len')}" if isinstance(inner, dict) else None


def _range(inner: Any, depth: int) -> str | None:
    return "-".join(words(item, depth) for item in inner) if isinstance(inner, list) else None


def _concat(inner: Any, depth: int) -> str | None:
    return " . ".join(words(item, depth) for item in inner) if isinstance(inner, list) else None


def _counter(inner: Any, _depth: int) -> str | None:
    if isinstance(inner, dict):
        return f"counter packets {inner.get('packets')} bytes {inner.get('bytes')}"
    return f'counter name "{inner}"'


def _log(inner: Any, depth: int) -> str | None:
    if not isinstance(inner, dict):
        return "log"
    prefix = f' prefix "{inner["prefix"]}"' if "prefix" in inner else ""
    rest = "".join(
        f" {name} {words(inner[name], depth)}"
        for name in ("group", "snaplen", "queue-threshold", "level", "flags")
        if name in inner
    )
    return f"log{prefix}{rest}"


def _reject(inner: Any, _depth: int) -> str | None:
    if not isinstance(inner, dict) or (inner.get("type"), inner.get("expr")) in _REJECT_BY_DEFAULT:
        return "reject"
    if inner.get("type") == "tcp reset":
        return "reject with tcp reset"
    return f"reject with {inner.get('type')} {inner.get('expr')}"


def _limit(inner: Any, _depth: int) -> str | None:
    if not isinstance(inner, dict):
        return None
    over = "over " if inner.get("inv") else ""
    unit = inner.get("rate_unit", "packets")
    rate = f"{inner.get('rate')}{'' if unit == 'packets' else f' {unit}'}/{inner.get('per', 'second')}"
    burst = inner.get("burst", 0)
    shown = f" burst {burst} {inner.get('burst_unit', 'packets')}" if burst not in {0, _DEFAULT_BURST} else ""
    return f"limit rate {over}{rate}{shown}"


def _target(verb: str) -> Callable[[Any, int], str | None]:
    return lambda inner, _depth: f"{verb} {inner.get('target')}" if isinstance(inner, dict) else None


def _nat(verb: str) -> Callable[[Any, int], str | None]:
    def written(inner: Any, depth: int) -> str | None:
        if not isinstance(inner, dict):
            return verb
        port = f":{words(inner['port'], depth)}" if "port" in inner else ""
        family = f" {inner['family']}" if "family" in inner else ""
        flags = f" {words(inner['flags'], depth)}" if "flags" in inner else ""
        to = (
            f" to {words(inner['addr'], depth) if 'addr' in inner else ''}{port}"
            if "addr" in inner or port
            else ""
        )
        return f"{verb}{family}{to}{flags}"

    return written


def _vmap(inner: Any, depth: int) -> str | None:
    if not isinstance(inner, dict):
        return None
    return f"{words(inner.get('key'), depth)} vmap {words(inner.get('data'), depth)}"


def _mangle(inner: Any, depth: int) -> str | None:
    if not isinstance(inner, dict):
        return None
    return f"{words(inner.get('key'), depth)} set {words(inner.get('value'), depth)}"


_WRITERS: Final[dict[str, Callable[[Any, int], str | None]]] = {
    "match": _match, "payload": _payload, "meta": _meta, "ct": _ct, "set": _set, "prefix": _prefix, "range": _range,
    "concat": _concat, "counter": _counter, "log": _log, "reject": _reject, "limit": _limit, "jump": _target("jump"),
    "goto": _target("goto"), "snat": _nat("snat"), "dnat": _nat("dnat"), "masquerade": _nat("masquerade"),
    "redirect": _nat("redirect"), "vmap": _vmap, "mangle": _mangle,
}  # fmt: skip
