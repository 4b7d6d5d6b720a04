"""A path as text: drawn for the terminal, and as an object for --json."""

from collections.abc import Iterator, Sequence

from lastseen.live.walking import Stop

__all__ = ["as_object", "drawn"]


def drawn(host: str, stops: Sequence[Stop], notes: Sequence[str] = ()) -> Iterator[str]:
    """Lines of at most about 100 characters: the endpoint first, each namespace named where the path enters it."""
    yield f"The path on {host}, from the endpoint outwards"
    netns: str | None = None
    for stop in stops:
        if stop.netns != netns:
            netns = stop.netns
            yield f"  {'in ' + _short(netns) if netns else 'host ' + host}"
        mark = "●" if stop.can_capture else "│"
        yield f"  {mark} {stop.name:16} {stop.role}{_details(stop)}"
    if stops:
        yield "  ● packets can be captured here"
    yield from (f"  note: {note}" for note in notes)


def as_object(host: str, stops: Sequence[Stop], notes: Sequence[str]) -> dict[str, object]:
    """The same for --json, schema lastseen.path/1."""
    return {
        "schema": "lastseen.path/1",
        "host": host,
        "stops": [
            {
                "netns": _short(stop.netns) if stop.netns else None,
                "interface": stop.name,
                "role": stop.role,
                "mtu": stop.mtu,
                "mac": stop.mac,
                "addresses": list(stop.addresses),
                "about": stop.about,
                "can_capture": stop.can_capture,
                "carries_tunnel": stop.carries_tunnel,
                "offloads": list(stop.offloads),
                "zone": stop.zone,
            }
            for stop in stops
        ],
        "notes": list(notes),
    }


def _short(netns: str) -> str:
    return netns.removeprefix("/run/netns/")


def _details(stop: Stop) -> str:
    words = [f"mtu {stop.mtu}"] if stop.mtu else []
    words += list(stop.addresses[:2])
    words += [stop.about] if stop.about else []
    words += ["outer packets"] if stop.carries_tunnel else []
    words += [f"conntrack zone {stop.zone}"] if stop.zone is not None else []
    words += [f"offloads {' '.join(stop.offloads)}"] if stop.offloads else []
    return f"  ({', '.join(words)})" if words else ""
