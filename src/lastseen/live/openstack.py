"""An OpenStack server's ports, asked of its cloud with the user's own credentials, by openstacksdk.

The extra `openstack` brings openstacksdk, which knows clouds.yaml, the OS_ variables and every kind of credential;
lastseen reads, keeps and prints none of them. Asked are Nova for the server (GET /servers) and Neutron for its ports
(GET /v2.0/ports?device_id=). On the compute host a port is the tap named for it, and a port of the switch whose
iface-id it is. The host of a port (binding:host_id) is told to administrators only. What the cloud answers is another
person's word: an id is used only where it looks like one.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lastseen.errors import LastseenError

__all__ = ["ServerPort", "has_credentials", "ports_of"]

LONGEST_S: Final = 10.0
"""For each request: an API behind a busy database takes seconds; one that never answers costs two of these."""
MOST_PORTS: Final = 32
"""Of one server; a virtual machine has no more slots for cards (QEMU's i440FX machine: 32)."""
MOST_SHOWN: Final = 5
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_PASSING_BY: Final = {"vhostuser": "a vhost-user socket", "hw_veb": "a passed-through device (SR-IOV)"}
"""binding:vif_type of ports that no interface of the host stands for (neutron-lib, api/definitions/portbindings.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPort:
    """A port of a server: `host` runs it ("": not told), `addresses` are the server's there."""

    id: str
    host: str = ""
    addresses: tuple[str, ...] = ()
    passes_by: str = ""
    """What it is where its packets pass by the host's kernel, else ""."""

    def __str__(self) -> str:
        """For people: what to look for, and where."""
        where = f" on {self.host}" if self.host else ""
        return f"port {self.id} ({', '.join(self.addresses) or 'no address'}){where}" + (
            f", {self.passes_by}: its packets pass by the host's kernel" if self.passes_by else ""
        )


def has_credentials() -> bool:
    """Whether the environment says which cloud to ask (openstacksdk, configuration by environment)."""
    return bool(os.environ.get("OS_CLOUD") or os.environ.get("OS_AUTH_URL"))


def ports_of(server: str, *, cloud: str = "") -> list[ServerPort]:
    """The ports of the server of that name or id. `cloud`: its name in clouds.yaml, "" as the environment says.

    Raises LastseenError without openstacksdk or credentials, where the cloud does not answer, and where no server or
    more than one is called so.
    """
    try:
        import keystoneauth1.exceptions  # noqa: PLC0415 - an extra, and slow to import
        import openstack  # noqa: PLC0415
    except ImportError as error:
        raise LastseenError(
            f"{server}: to ask OpenStack for it openstacksdk is needed: pip install 'lastseen[openstack]'"
        ) from error
    logging.getLogger("keystoneauth").addHandler(logging.NullHandler())  # what it warns of, the error says
    failures = (openstack.exceptions.SDKException, keystoneauth1.exceptions.ClientException)
    try:
        with openstack.connect(cloud=cloud or None, app_name="lastseen", api_timeout=LONGEST_S) as asked:
            found = _servers(asked, server, refused=openstack.exceptions.ForbiddenException)
            rows = list(asked.network.ports(device_id=found[0].id)) if len(found) == 1 else []
            ports = list(_ports(rows))
    except failures as error:
        raise LastseenError(f"{server}: OpenStack was asked for it: {_in_one_line(error)}") from error
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
    ) as error:  # openstacksdk trusts an answer's shape
        raise LastseenError(f"{server}: OpenStack's answer cannot be read: {_in_one_line(error)}") from error
    if not found:
        raise LastseenError(f"{server}: neither a host nor OpenStack knows anything that is called so")
    if len(found) > 1:
        ids = ", ".join(str(each.id) for each in found[:MOST_SHOWN])
        raise LastseenError(
            f"{server}: {len(found)} servers of OpenStack are called so; give the id, as {ids}"
        )
    if not ports:
        raise LastseenError(f"{server}: OpenStack knows the server, but no port of it")
    return ports


def _servers(asked: Any, server: str, *, refused: type[Exception]) -> list[Any]:
    """The servers of that id or name: of the user's project, else of all, which only administrators may ask for.

    Nova takes a name as a regular expression that may match anywhere.
    """
    if _UUID.fullmatch(server.lower()):
        found = asked.compute.find_server(server.lower(), ignore_missing=True)
        return [] if found is None else [found]
    pattern = f"^{re.escape(server)}$"
    own = [each for each in asked.compute.servers(name=pattern) if each.name == server]
    try:
        return own or [
            each for each in asked.compute.servers(name=pattern, all_projects=True) if each.name == server
        ]
    except refused:
        return []


def _ports(rows: Sequence[Any]) -> Iterator[ServerPort]:
    for row in rows[:MOST_PORTS]:
        if not _UUID.fullmatch(str(row.id)):
            raise ValueError("a port without a proper id")
        host = str(row.binding_host_id or "")
        addresses = [
            str(each.get("ip_address", "")) for each in row.fixed_ips or () if isinstance(each, dict)
        ]
        yield ServerPort(
            id=str(row.id),
            host=host if _HOST.fullmatch(host) else "",
            addresses=tuple(addresses),
            passes_by=_PASSING_BY.get(str(row.binding_vif_type), ""),
        )


def _in_one_line(error: Exception) -> str:
    """What went wrong; openstacksdk's messages may hold a page of HTML."""
    return " ".join(str(error).split())[:200] or type(error).__name__
