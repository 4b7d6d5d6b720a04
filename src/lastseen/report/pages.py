"""JSON forms of the fault list and of a fault's page."""

import msgspec

__all__ = ["FaultsJson", "ListedJson", "PageJson"]


class PageJson(msgspec.Struct):
    """`lastseen explain --json`."""

    fault: str
    title: str
    text: str
    recorded: bool
    schema: str = "lastseen.fault/1"


class ListedJson(msgspec.Struct):
    """One fault of the list. `recorded` False: its rule was tried on written packets only, not in the lab either."""

    fault: str
    title: str
    recorded: bool


class FaultsJson(msgspec.Struct):
    """`lastseen faults --json`."""

    faults: list[ListedJson]
    schema: str = "lastseen.faults/1"
