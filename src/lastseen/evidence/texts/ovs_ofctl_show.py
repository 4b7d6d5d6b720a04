"""`ovs-ofctl show BRIDGE` and `dump-ports-desc BRIDGE`: which OpenFlow number each port has, and whether it forwards.

Flows and port counters speak of numbers; this is where a number gets its name. A port configured NO_FWD, NO_RECV or
PORT_DOWN discards packets that no flow counts. Source: Open vSwitch lib/ofp-port.c and lib/ofp-print.c (2.0 to 3.3);
printed by version 3.1.0 for OpenFlow 1.0 to 1.5.
"""

import re
from collections.abc import Iterator

from lastseen.evidence.ovs_commands import ofctl
from lastseen.evidence.texts.ovs_ofctl_flows import bridge_of, section_bridge
from lastseen.evidence.texts.text import Head, Text
from lastseen.tables.facts_from_texts import Interface, Setting
from lastseen.tables.sources import Weird

__all__ = ["KIND", "read", "recognise"]

KIND = "ovs-ofctl show"

_COMMAND = ofctl("show|dump-ports-desc")
_HEADING = re.compile(
    r"^\s*(?:OFPT_FEATURES_REPLY|OFPST_PORT_DESC reply)(?: \(OF\d\.\d\))? \(xid=0x[0-9a-f]{1,8}\):"
)
_KNOWN = re.compile(
    r"^\s*(?:n_tables:|capabilities:|actions:|OFPT_GET_CONFIG_REPLY|current:|advertised:|supported:|peer:|speed:)"
)
_PORT = re.compile(
    r"^\s*(?P<number>\d{1,10}|LOCAL|IN_PORT)\((?P<name>[^()\s]{1,64})\): addr:(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"
)
_STATE = re.compile(r"^\s*(?P<column>config|state):\s+(?P<value>0|[A-Z_]{2,20}(?: [A-Z_]{2,20}){0,12})\s*$")


def recognise(head: Head) -> bool:
    """A features or port description reply, or a port first; or the command says so."""
    return bool(
        _COMMAND.search(head.command) or head.matching(_HEADING, within=3) or _PORT.match(head.first())
    )


def read(text: Text) -> Iterator[Interface | Setting | Weird]:
    """An `Interface` a port (master: the bridge; state "down" where it says PORT_DOWN or LINK_DOWN, else "up").

    And `Setting`s of scope "openflow_port:BRIDGE/PORT": "number", and "config" and "state" where they are not 0.
    """
    bridge = bridge_of(text.command, "show") or bridge_of(text.command, "dump-ports-desc")
    port: tuple[int, re.Match[str]] | None = None
    states: dict[str, str] = {}
    for number, line in text.lines():
        state = _STATE.match(line)
        if (section := section_bridge(line)) is not None:
            yield from _interface(text, port, states, bridge)
            port, bridge = None, section or bridge
        elif found := _PORT.match(line):
            yield from _interface(text, port, states, bridge)
            port, states = (number, found), {}
            yield Setting(
                **text.at(number), scope=_scope(bridge, found), name="number", value=found["number"]
            )
        elif port and state:
            states[state["column"]] = state["value"]
            if state["value"] != "0":
                scope = _scope(bridge, port[1])
                yield Setting(**text.at(number), scope=scope, name=state["column"], value=state["value"])
        elif line.strip() and not _HEADING.match(line) and not _KNOWN.match(line):
            yield text.weird(number, "not a line of a bridge's ports")
    yield from _interface(text, port, states, bridge)


def _interface(
    text: Text, port: tuple[int, re.Match[str]] | None, states: dict[str, str], bridge: str
) -> Iterator[Interface]:
    if port is None:
        return
    number, found = port
    down = any("_DOWN" in value for value in states.values())
    state = ("down" if down else "up") if states else ""
    yield Interface(**text.at(number), name=found["name"], mac=found["mac"], master=bridge, state=state)


def _scope(bridge: str, port: re.Match[str]) -> str:
    return f"openflow_port:{bridge}/{port['name']}"
