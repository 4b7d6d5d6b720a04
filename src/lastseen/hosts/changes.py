"""What lastseen changes on a host, as data: each with all that is needed to take it back without its maker.

Written to the journal as they stand here (msgspec, tagged JSON), before they are made.
"""

from typing import Final, Literal

import msgspec

__all__ = ["Change", "File", "Mtu", "Offload", "Place", "Program", "Rule", "Sysctl", "describe"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A network namespace of a host.

    `ssh`: arguments after `ssh` that reach the host, () for this one. `netns`: the file that names the namespace;
    `inode` tells it from a later one of the same name. `boot`: the host's boot id; a reboot undoes what is not a file.
    """

    ssh: tuple[str, ...] = ()
    host: str = ""
    netns: str = ""
    inode: int = 0
    boot: str = ""

    def __str__(self) -> str:
        """For people: host and namespace."""
        where = self.host or "this host"
        return f"{where}, network namespace {self.netns.removeprefix('/run/netns/')}" if self.netns else where


class Sysctl(msgspec.Struct, frozen=True, tag=True):
    """A sysctl of a network namespace, `old` to `new`."""

    key: str
    old: str
    new: str


class Program(msgspec.Struct, frozen=True, tag=True):
    """A program started for a session; it carries the session's name in LASTSEEN_SESSION of its environment."""

    argv: tuple[str, ...]


class File(msgspec.Struct, frozen=True, tag=True):
    """A file written whole. `old` is its former text, None where there was none; `folders` were made for it."""

    path: str
    old: str | None
    new: str
    folders: tuple[str, ...] = ()


class Offload(msgspec.Struct, frozen=True, tag=True):
    """A feature of `ethtool -K`."""

    interface: str
    feature: str
    old: Literal["on", "off"]
    new: Literal["on", "off"]


class Mtu(msgspec.Struct, frozen=True, tag=True):
    """The MTU of an interface."""

    interface: str
    old: int
    new: int


class Rule(msgspec.Struct, frozen=True, tag=True):
    """A rule added to nftables or iptables; `comment` is its own and finds it again.

    `argv` adds it. For iptables the undo is the same with -D; nftables wants the handle, looked up by the comment.
    """

    argv: tuple[str, ...]
    comment: str


Change = Sysctl | Program | File | Offload | Mtu | Rule

_SHOWN_ARGUMENTS: Final = 6


def describe(change: Change) -> str:
    """One line for people."""
    match change:
        case Sysctl(key=key, old=old, new=new):
            return f"sysctl {key} {old} -> {new}"
        case Program(argv=argv):
            return f"running {' '.join(argv[:_SHOWN_ARGUMENTS])}"
        case File(path=path, old=old):
            return f"file {path} {'written' if old is None else 'changed'}"
        case Offload(interface=interface, feature=feature, old=old, new=new):
            return f"ethtool -K {interface} {feature} {old} -> {new}"
        case Mtu(interface=interface, old=mtu, new=new_mtu):
            return f"MTU of {interface} {mtu} -> {new_mtu}"
        case Rule(argv=argv):
            return f"rule {' '.join(argv)}"
