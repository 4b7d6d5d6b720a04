"""Tokens that may become arguments of commands: what they look like, checked before any command is built.

Names come from users, from case files and from hosts, and some of them travel to another host through ssh, which
hands a string to a shell there. They are checked here and quoted there. Sources: the kernel's dev_valid_name()
(net/core/dev.c: no slash, colon or space, 15 bytes), sysctl names of proc(5), netns names of ip-netns(8).
"""

import re
from typing import Final

from lastseen.errors import LastseenError

__all__ = [
    "interface",
    "is_interface",
    "node_name",
    "ssh_target",
    "sysctl_key",
    "sysctl_path",
    "sysctl_value",
]

_INTERFACE: Final = re.compile(r"[A-Za-z0-9_@.+-]{1,15}")
_SYSCTL: Final = re.compile(r"[a-z]+(?:[./][A-Za-z0-9_@+-]+){1,8}")
_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}(?:[ \t][A-Za-z0-9_.-]{1,64}){0,7}")
_TARGET: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@)?[A-Za-z0-9_\[][A-Za-z0-9_.:\]-]{0,252}")
_SWAP: Final = str.maketrans("./", "/.")
_NUMBERED: Final = re.compile(r"\d+(?:[._-]|$)", re.ASCII)
_NODE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def is_interface(name: str) -> bool:
    """Whether an interface of this name can be worked with: the kernel allows far more than people use."""
    return bool(_INTERFACE.fullmatch(name)) and not name.startswith("-")


def interface(name: str) -> str:
    """The name, if an interface may be called so. Raises LastseenError otherwise."""
    if not is_interface(name):
        raise LastseenError(f"{name!r} is no name of a network interface")
    return name


def sysctl_key(name: str) -> str:
    """The name as given, if it is a sysctl below `net`. Raises LastseenError otherwise."""
    if not _SYSCTL.fullmatch(name) or not name.startswith(("net.", "net/")):
        raise LastseenError(f"{name!r} is no name of a network sysctl (net.ipv4.tcp_timestamps, say)")
    return name


def sysctl_path(key: str) -> str:
    """The file of a sysctl. As in sysctl(8), the separator that comes first decides what the other one means.

    >>> sysctl_path("net.ipv4.conf.eth0/100.rp_filter")
    '/proc/sys/net/ipv4/conf/eth0.100/rp_filter'
    """
    first = next((c for c in key if c in "./"), ".")
    return "/proc/sys/" + (key.translate(_SWAP) if first == "." else key)


def sysctl_value(value: str) -> str:
    """The value, if it is words and numbers. Raises LastseenError otherwise."""
    if not _VALUE.fullmatch(value):
        raise LastseenError(f"{value!r} is no value of a sysctl: expected words or numbers")
    return value


def ssh_target(text: str) -> str:
    """[user@]host for ssh, never something ssh would take for an option. Raises LastseenError otherwise."""
    if not _TARGET.fullmatch(text):
        raise LastseenError(f"--host {text}: expected user@node or an alias of your ssh configuration")
    return text


def node_name(text: str) -> str:
    """The name made fit for a folder of a case; "node" where nothing is left of it.

    A number in front of a file's name is taken for its place in an order, so that an address gets a word before it.

    >>> node_name("192.0.2.1")
    'host-192.0.2.1'
    """
    name = _NODE.sub("_", text).strip("._-")[:64] or "node"
    return f"host-{name}" if _NUMBERED.match(name) else name
