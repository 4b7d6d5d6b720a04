"""Which files of a sosreport can be evidence: the others are not even unpacked.

A report of a busy host unpacks to gigabytes, of which databases, packages and disks make most. What is taken is named
by place, not guessed: outputs of commands but for plugins that never speak of the network, /proc/net and sysctls, and
the logs of kernel, switch and system. Layout: sos 3.x and 4.x.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["is_wanted"]

_TOP: Final = re.compile(r"^sos(?:report)?-[\w.-]{1,200}$")
_NEVER: Final = re.compile(
    r"^sos_commands/(?:alternatives|apparmor|ata|block|boot|btrfs|cron"
    r"|crypto|dbus|devicemapper|filesys|grub2|i18n|ipmitool"
    r"|java|krb5|last|ldap|lvm2|mariadb|md|multipath|mysql|nvme|pam|perl|podman|postgresql|python|ruby|scsi|seagate_ses"
    r"|selinux|smartcard|ssh|subscription_manager|sudo|tuned|udisks|usb|vdo|x11|xfs|yum)/"
)
_FILES: Final = re.compile(
    r"^(?:sos_commands/|proc/(?:net/|sys/net/|\d{1,10}/net/|version$|cmdline$|softirqs$|interrupts$)"
    r"|sys/class/net/|sys/module/"
    r"|etc/(?:hostname|hosts|os-release|redhat-release|sysctl\.|openvswitch/|NetworkManager/|sysconfig/network-scripts/)"
    r"|var/log/(?:messages|syslog|kern|dmesg|openvswitch|ovn|ovn-kubernetes|containers|pods|neutron|ulogd)"
    r"|var/lib/openvswitch/|run/ovn|[^/]{1,64}$)"
)


def is_wanted(parts: Sequence[str]) -> bool:
    """Whether an archive's member with these path parts is worth unpacking; all of any other archive is.

    >>> is_wanted(("sosreport-a-1", "proc", "net", "dev")), is_wanted(("sosreport-a-1", "var", "lib", "x"))
    (True, False)
    """
    if len(parts) < len(("top", "file")) or not _TOP.match(parts[0]):
        return True
    path = "/".join(parts[1:])
    return _FILES.match(path) is not None and not _NEVER.match(path)
