"""The optional case.toml: what a case says exactly about its points, snapshots and nodes.

A typo must not go unnoticed (a point silently without its filter gives a wrong verdict), so unknown keys and wrong
types are the user's mistake, told in one line.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from lastseen.errors import LastseenError

__all__ = ["CaseToml", "NodeToml", "PointToml", "SnapshotToml", "read_case_toml"]


class _About(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    title: str = ""


class PointToml(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One observation point, in path order, remote end first."""

    name: str
    file: str
    node: str = ""
    interface: str = ""
    filter: str = ""
    start: datetime | None = None
    end: datetime | None = None
    snaplen: Annotated[int, msgspec.Meta(ge=0)] | None = None


class SnapshotToml(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One folder of texts taken at one moment."""

    when: str
    folder: str
    node: str = ""
    at: datetime | None = None


class NodeToml(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One host or namespace and its other names."""

    name: str
    alias: tuple[str, ...] = ()


class CaseToml(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; everything in it is optional."""

    case: _About = _About()
    point: tuple[PointToml, ...] = ()
    snapshot: tuple[SnapshotToml, ...] = ()
    node: tuple[NodeToml, ...] = ()


MAX_BYTES = 1 << 20
"""A case.toml of a thousand points has 100 KB."""
_WHEN = ("before", "mid", "after")


def _with_times(said: dict[str, Any]) -> dict[str, Any]:
    """Times written as text (RFC 3339) made the same as TOML's own. Raises ValueError for one that is none."""
    for kind, keys in (("point", ("start", "end")), ("snapshot", ("at",))):
        tables = said.get(kind)
        for table in tables if isinstance(tables, list) else ():
            for key in keys:
                if isinstance(table, dict) and isinstance(table.get(key), str):
                    table[key] = datetime.fromisoformat(table[key])
    return said


def read_case_toml(path: Path) -> CaseToml:
    """Read a case.toml. Raises LastseenError with the key that is wrong."""
    import tomllib  # noqa: PLC0415 - most cases have no such file: 2 ms

    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise LastseenError(
                f"{path.name}: larger than {MAX_BYTES} bytes; it names points, it holds no evidence"
            )
        said = msgspec.convert(_with_times(tomllib.loads(text.decode())), CaseToml, builtin_types=(datetime,))
    except (msgspec.ValidationError, ValueError, RecursionError) as error:  # also wrong TOML, and no UTF-8
        raise LastseenError(
            f"{path.name}: {error}; see the documentation of case.toml for its keys"
        ) from error
    except OSError as error:
        raise LastseenError(
            f"{path.name}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    for snapshot in said.snapshot:
        if snapshot.when not in _WHEN:
            raise LastseenError(
                f"{path.name}: snapshot.when is {snapshot.when!r}; expected before, mid or after"
            )
    return said
