"""Make a cured host stay cured: the setting in sysctl.d, and its module loaded before sysctl.d is read.

systemd-sysctl.service runs after systemd-modules-load.service (its unit file says so), and a key that does not exist
yet is passed over in silence: net.netfilter.nf_conntrack_* needs nf_conntrack in modules-load.d. Files of sysctl.d are
applied in the order of their names over all folders, /etc/sysctl.conf with or after them (sysctl.d(5), sysctl(8)).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lastseen.errors import LastseenError
from lastseen.hosts.changes import File, Sysctl
from lastseen.hosts.host import need, run
from lastseen.hosts.journal import Session
from lastseen.hosts.probing import HostFacts
from lastseen.remedies.applying import Applied

__all__ = ["Persisted", "persist"]

SYSCTL_FILE: Final = "etc/sysctl.d/99-zz-lastseen-{name}.conf"
"""Behind distributions' 99-sysctl.conf, so that an older line there does not win."""
MODULES_FILE: Final = "etc/modules-load.d/lastseen-{module}.conf"
MODULES: Final = (("net.netfilter.nf_conntrack_", "nf_conntrack"), ("net.bridge.", "br_netfilter"))
FOLDERS: Final = ("usr/lib/sysctl.d", "usr/local/lib/sysctl.d", "run/sysctl.d", "etc/sysctl.d")
_WORD: Final = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True, kw_only=True)
class Persisted:
    """Files that were written, and what is to be done by hand."""

    files: list[Applied] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: bool = False


def persist(
    session: Session, facts: HostFacts, netns: str, applied: Sequence[Applied], *, root: str, about: str
) -> Persisted:
    """Write what makes the changes outlive a reboot, and check that it would apply.

    Only settings of the namespace a host boots into can be written down so; the rest is said to be done by hand.
    """
    result = Persisted()
    settings = [each.change for each in applied if isinstance(each.change, Sysctl)]
    if len(settings) < len(applied):
        result.notes.append(
            "what is no sysctl is not made persistent: add the command to how the interface or the rules are set up"
        )
    if not settings:
        return result
    if root == "/" and (netns or not facts.is_initial):
        result.notes.append(
            f"{facts.place(netns)} is not the namespace the host boots into, and sysctl.d does not reach it:"
            " let whatever makes the namespace set it"
        )
        return result
    name = _WORD.sub("-", settings[0].key.rpartition(".")[2].lower()).strip("-")
    text = f"# {about}\n# written by lastseen; 'lastseen undo' takes it back\n"
    text += "".join(f"{setting.key} = {setting.new}\n" for setting in settings)
    file = _path(root, SYSCTL_FILE.format(name=name))
    for module in _modules(settings):
        load = f"# {about}\n# loaded first: sysctl.d passes over keys that do not exist yet\n{module}\n"
        result.files.append(_write(session, facts, _path(root, MODULES_FILE.format(module=module)), load))
    result.files.append(_write(session, facts, file, text))
    _check(facts, netns, file, settings)
    result.checked = True
    result.notes += _outdone(facts, root, file, settings)
    return result


def _path(root: str, below: str) -> str:
    return f"{root.rstrip('/')}/{below}"


def _modules(settings: Sequence[Sysctl]) -> list[str]:
    names = [
        module
        for setting in settings
        for prefix, module in MODULES
        if setting.key.replace("/", ".").startswith(prefix)
    ]
    return list(dict.fromkeys(names))


def _write(session: Session, facts: HostFacts, path: str, text: str) -> Applied:
    """Write a file whole, journalled with what was there."""
    now = run(facts.host, ("cat", "--", path))
    change = File(path=path, old=now.text if now.ok else None, new=text, folders=tuple(_missing(facts, path)))
    place = facts.place()
    number = session.intend(change, place, about="persisted")
    script = 'mkdir -p -- "${1%/*}" && cat >"$1.new" && mv -f -- "$1.new" "$1"'
    need(run(facts.host, ("sh", "-c", script, "lastseen", path), given=text), f"{path} cannot be written")
    session.mark(number, "made")
    return Applied(number=number, place=place, change=change)


def _missing(facts: HostFacts, path: str) -> Iterator[str]:
    """The folders that will have to be made, outermost first."""
    parts = path.split("/")[1:-1]
    for end in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:end])
        if not run(facts.host, ("test", "-d", folder)).ok:
            yield folder


def _check(facts: HostFacts, netns: str, file: str, settings: Sequence[Sysctl]) -> None:
    """Apply the file as it will be at boot; every value is then as it should be."""
    said = run(facts.host.inside(netns), ("sysctl", "-p", file))
    missing = [s.key for s in settings if f"{s.key} = {s.new}" not in said.text]
    if not said.ok or missing:
        raise LastseenError(f"{file} would not apply: {said.why if not said.ok else ', '.join(missing)}")


def _outdone(facts: HostFacts, root: str, file: str, settings: Sequence[Sysctl]) -> Iterator[str]:
    """Say which other file sets the same key to something else, and would win."""
    folders = [_path(root, folder) for folder in FOLDERS] + [_path(root, "etc/sysctl.conf")]
    for setting in settings:
        said = run(facts.host, ("grep", "-rsE", f"^-?{re.escape(setting.key)}[[:space:]]*=", *folders))
        for line in said.text.splitlines():
            other, _, text = line.partition(":")
            later = other.rpartition("/")[2] > file.rpartition("/")[2] or other.endswith("/sysctl.conf")
            if other != file and later and text.partition("=")[2].strip() != setting.new:
                yield f"{other} sets {setting.key} to another value and may win: remove that line"
