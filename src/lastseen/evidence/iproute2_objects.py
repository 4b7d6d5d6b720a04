"""One object of iproute2's JSON as rows; see `texts/iproute2_json.py` for what becomes of which."""

from collections.abc import Iterator
from typing import Any, Final

from lastseen.evidence.json_elements import number_of, text_of
from lastseen.evidence.nf_log import endpoint_of
from lastseen.evidence.texts.text import Text
from lastseen.evidence.tunnel_details import TUNNEL_KINDS, tunnel_of_json
from lastseen.tables.facts_from_texts import (
    Counter,
    ForwardingEntry,
    Interface,
    Neighbour,
    Route,
    Row,
    Rule,
    Setting,
)

__all__ = ["rows_of"]

_Object = dict[str, Any]

_LINK_NAMES: Final = {
    "over_errors": "overrun", "multicast": "mcast", "missed_errors": "missed", "carrier_errors": "carrier",
    "collisions": "collsns", "carrier_changes": "transns", "otherhost": "otherhost", "nohandler": "nohandler",
}  # fmt: skip
"""JSON's words for columns of the text, whose names the rows have."""
_PORT_STATES: Final = frozenset({"disabled", "listening", "learning", "forwarding", "blocking"})
_QDISC_NAMES: Final = {
    "bytes": "sent_bytes", "packets": "sent_packets", "drops": "dropped", "overlimits": "overlimits",
    "requeues": "requeues", "backlog": "backlog_bytes", "qlen": "backlog_packets",
}  # fmt: skip
_DISCARDING: Final = frozenset({"unreachable", "blackhole", "prohibit"})


def rows_of(text: Text, line: int, element: _Object) -> Iterator[Row] | None:
    """The rows of an object; None for one of no known kind."""
    if "mac" in element:
        return _forwarding(text, line, element)
    if "ifname" in element and {"operstate", "link_type", "addr_info", "stats64", "state"} & element.keys():
        return _interface(text, line, element)
    if "vlans" in element:
        return _vlans(text, line, element)
    if "priority" in element and "src" in element:
        return _routing_rule(text, line, element)
    if "dst" in element:
        is_neighbour = "lladdr" in element or isinstance(element.get("state"), list)
        return _neighbour(text, line, element) if is_neighbour else _routes(text, line, element)
    if "handle" in element and ("kind" in element or "class" in element) and "pref" not in element:
        return _queue(text, line, element)
    if "protocol" in element and "pref" in element:
        return _filter(text, line, element)
    return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> _Object:
    return value if isinstance(value, dict) else {}


def _interface(text: Text, line: int, element: _Object) -> Iterator[Row]:
    name = text_of(element["ifname"])
    port_state = text_of(element.get("state"))
    info = _object(element.get("linkinfo"))
    linked = text_of(info.get("info_kind"))
    yield Interface(
        **text.at(line),
        name=name,
        ifindex=number_of(element.get("ifindex")),
        mac=text_of(element.get("address")) if element.get("link_type") != "none" else "",
        mtu_bytes=number_of(element.get("mtu")),
        kind=linked,
        master=text_of(element.get("master")),
        state=text_of(element.get("operstate")),
        addresses=tuple(filter(None, (_address(_object(info)) for info in _list(element.get("addr_info"))))),
        peer=text_of(element.get("link"))
        or (f"if{far}" if (far := number_of(element.get("link_index"))) else ""),
    )
    if linked in TUNNEL_KINDS:
        for word, value in tunnel_of_json(_object(info.get("info_data"))).items():
            yield Setting(**text.at(line), scope=f"tunnel:{name}", name=word, value=value)
    if port_state in _PORT_STATES:
        yield Setting(**text.at(line), scope=f"bridge_port:{name}", name="state", value=port_state)
    for way in ("rx", "tx"):
        statistics = _object(_object(element.get("stats64", element.get("stats"))).get(way))
        for word, value in statistics.items():
            if (number := number_of(value)) is not None:
                named = f"{way}_{_LINK_NAMES.get(word, word)}"
                yield Counter(**text.at(line), family="link", scope=name, name=named, value=number)


def _address(info: _Object) -> str:
    end = endpoint_of(text_of(info.get("local")))
    bits = number_of(info.get("prefixlen"))
    if end is None:
        return ""
    return end.address if bits is None or "address" in info else f"{end.address}/{bits}"


def _neighbour(text: Text, line: int, element: _Object) -> Iterator[Row]:
    if (end := endpoint_of(text_of(element["dst"]))) is not None:
        yield Neighbour(
            **text.at(line),
            address=end.address,
            device=text_of(element.get("dev")),
            mac=text_of(element.get("lladdr")),
            state=",".join(text_of(state) for state in _list(element.get("state"))),
        )


def _routes(text: Text, line: int, element: _Object) -> Iterator[Row]:
    destination = _prefix(text_of(element["dst"]))
    for hop in _list(element.get("nexthops")) or [element]:
        hop = _object(hop)  # noqa: PLW2901 - the same, if it is one
        via = hop.get("gateway", _object(hop.get("via")).get("host"))
        end = endpoint_of(text_of(via))
        yield Route(
            **text.at(line),
            destination=destination,
            device=text_of(hop.get("dev")),
            via=end.address if end else "",
        )


def _prefix(destination: str) -> str:
    """A host's route gets its full length, as from the text."""
    end = endpoint_of(destination)
    return f"{end.address}/{128 if ':' in end.address else 32}" if end else destination


def _routing_rule(text: Text, line: int, element: _Object) -> Iterator[Row]:
    bits = f"/{element['srclen']}" if number_of(element.get("srclen")) is not None else ""
    parts = [f"from {text_of(element['src'])}{bits}"]
    if dst := text_of(element.get("dst")):
        length = f"/{element['dstlen']}" if number_of(element.get("dstlen")) is not None else ""
        parts.append(f"to {dst}{length}")
    parts += [
        f"{word} {text_of(element[word])}"
        for word in ("fwmark", "iif", "oif", "ipproto", "sport", "dport")
        if word in element
    ]
    action = text_of(element.get("action"))
    yield Rule(
        **text.at(line),
        layer="ip_rule",
        place="",
        priority=number_of(element["priority"]),
        match=("not " if "not" in element else "") + " ".join(parts),
        actions=action or f"lookup {text_of(element.get('table'))}",
        packets=None,
        bytes=None,
        drops=action in _DISCARDING,
    )


def _forwarding(text: Text, line: int, element: _Object) -> Iterator[Row]:
    yield ForwardingEntry(
        **text.at(line),
        mac=text_of(element["mac"]),
        device=text_of(element.get("ifname")),
        vlan=number_of(element.get("vlan")),
        destination=text_of(element.get("dst")),
        master=text_of(element.get("master")),
        state=text_of(element.get("state")),
    )


def _vlans(text: Text, line: int, element: _Object) -> Iterator[Row]:
    scope = f"vlan:{text_of(element.get('ifname'))}"
    for vlan in map(_object, _list(element["vlans"])):
        end = f"-{vlan['vlanEnd']}" if number_of(vlan.get("vlanEnd")) is not None else ""
        flags = " ".join(text_of(flag) for flag in _list(vlan.get("flags")))
        yield Setting(
            **text.at(line), scope=scope, name=f"{text_of(vlan.get('vlan'))}{end}", value=flags or "tagged"
        )


def _queue(text: Text, line: int, element: _Object) -> Iterator[Row]:
    handle, parent = text_of(element["handle"]), text_of(element.get("parent"))
    name = (
        f"{text_of(element['kind'])} {handle}"
        if "kind" in element
        else f"class {text_of(element['class'])} {handle}"
    )
    if parent and handle == "0:":
        name = f"{name} parent {parent}"
    counted = {**element, **_object(element.get("stats"))}
    for word, named in _QDISC_NAMES.items():
        if (number := number_of(counted.get(word))) is not None:
            scope = text_of(element.get("dev"))
            yield Counter(**text.at(line), family="qdisc", scope=scope, name=f"{name} {named}", value=number)


def _filter(text: Text, line: int, element: _Object) -> Iterator[Row]:
    options = _object(element.get("options"))
    keys = " ".join(f"{key} {text_of(value)}" for key, value in _object(options.get("keys")).items())
    actions = [_object(action) for action in _list(options.get("actions"))]
    verbs = [_verb(action) for action in actions]
    counted = _object(actions[0].get("stats")) if actions else {}
    partly = next((_object(action.get("stats")) for action in actions if _drops_some(action)), None)
    place = f"{text_of(element.get('dev'))} {text_of(element.get('parent'))}".strip()
    yield Rule(
        **text.at(line),
        layer="tc",
        place=place,
        priority=number_of(element["pref"]),
        match=f"protocol {text_of(element['protocol'])} {text_of(element.get('kind'))} {keys}".strip(),
        actions="; ".join(verbs),
        packets=number_of(counted.get("packets") if partly is None else partly.get("drops")),
        bytes=number_of(counted.get("bytes")) if partly is None else None,
        drops=any("drop" in _verdicts(action) for action in actions),
    )


def _chance(action: _Object) -> _Object:
    """What gact does with one in so many packets; empty where it goes by no chance (iproute2 m_gact.c)."""
    prob = _object(action.get("prob"))
    return prob if text_of(prob.get("random_type")) not in ("", "none") else {}


def _verdicts(action: _Object) -> list[str]:
    """What an action may do with a packet."""
    return [text_of(_object(told.get("control_action")).get("type")) for told in (action, _chance(action))]


def _drops_some(action: _Object) -> bool:
    """Whether it drops only what exceeds a rate, or one in so many packets: then it is its drops that count."""
    partly = text_of(action.get("kind")) == "police" or bool(_chance(action))
    return partly and "drop" in _verdicts(action)


def _verb(action: _Object) -> str:
    control = text_of(_object(action.get("control_action")).get("type"))
    to = f" {text_of(action.get('to_dev'))}" if "to_dev" in action else ""
    return (
        " ".join(
            part
            for part in (text_of(action.get("kind")), text_of(action.get("mirred_action")), control)
            if part
        )
        + to
    )
