"""What will be captured and changed where, decided before anything is done, so that it can be shown and agreed to."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lastseen.errors import LastseenError
from lastseen.hosts.holding import Wanted, read_sysctl
from lastseen.hosts.host import shown
from lastseen.hosts.names import node_name
from lastseen.hosts.probing import HostFacts
from lastseen.live.filters import capture_filter
from lastseen.live.inventory import Inventory
from lastseen.live.other_end import OtherEnd
from lastseen.live.targets import hidden, look, path_of
from lastseen.live.walking import Stop, stop_of

__all__ = ["Bounds", "HostPlan", "Plan", "Spot", "described", "make_plan", "printed"]

LOG_INVALID: Final = "net.netfilter.nf_conntrack_log_invalid"
LOG_ALL_NETNS: Final = "net.netfilter.nf_log_all_netns"
LOG_EVERY_PROTOCOL: Final = "255"
"""IPPROTO_RAW: log invalid packets of all protocols (Documentation/networking/nf_conntrack-sysctl.rst)."""
INITIAL_NETNS: Final = "/proc/1/ns/net"
MOST_SPOTS: Final = 24
"""Captures on one host; a path has a dozen points, and an sshd refuses more than ten new connections at once."""
BUFFER_KIB: Final = 4096
"""tcpdump -B: twice its default, so that a burst is not dropped while the disk is busy."""
_MB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a run ends: seconds for the command or the capture, bytes for all captures together."""

    seconds: float
    most_bytes: int
    ring_s: float | None = None
    snaplen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One capture. `node` and `file` as they stand in the case; `certain`: the interface is on the path for sure."""

    node: str
    stop: Stop
    file: str
    command: tuple[str, ...]
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What happens on one host. `nodes`: node name of each namespace that gives texts, "" the host's own."""

    facts: HostFacts
    seen: Inventory
    spots: tuple[Spot, ...] = ()
    settings: tuple[Wanted, ...] = ()
    nodes: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole of it."""

    hosts: tuple[HostPlan, ...]
    target: str
    end: OtherEnd
    bounds: Bounds
    folder: Path
    notes: tuple[str, ...] = field(default=())

    @property
    def spots(self) -> list[tuple[HostPlan, Spot]]:
        """Every capture with its host."""
        return [(host, spot) for host in self.hosts for spot in host.spots]


def make_plan(
    hosts: Sequence[HostFacts], target: str, end: OtherEnd, *, bounds: Bounds, folder: Path, log: bool = True
) -> Plan:
    """Find the path of the target on each host and say what to do there.

    The target must be known on the first host that is reached; on the others every interface that could carry the
    packets is watched. Raises LastseenError when no host is reached or the target is nowhere.
    """
    reached = [facts for facts in hosts if facts.reached]
    notes = [f"{facts.name}: not reached ({facts.why})" for facts in hosts if not facts.reached]
    if not reached:
        raise LastseenError(f"no host can be reached: {'; '.join(notes)}")
    # machines that are namespaces of one another (a laboratory) are entered only by their own door
    own = {(facts.boot, facts.inode) for facts in reached}
    plans: list[HostPlan] = []
    found = False
    for facts in reached:
        seen = look(facts, target)
        edges = frozenset(
            file for file, inode in facts.namespaces if (facts.boot, inode) in own and inode != facts.inode
        )
        seen = replace(
            seen,
            links=tuple(link for link in seen.links if link.netns not in edges),
            notes=(*seen.notes, *hidden(seen, target)),
        )
        try:
            stops = path_of(seen, target, remote=end.addresses[0] if end.addresses else "", edges=edges)
            found, certain = True, True
        except LastseenError:
            stops, certain = _all_stops(seen, edges), False
        plans.append(_host_plan(seen, stops, end, bounds, certain=certain, log=log))
    if not found:
        path_of(look(reached[0], target), target)  # says what there is instead
    return Plan(
        hosts=_shared_out(plans), target=target, end=end, bounds=bounds, folder=folder, notes=tuple(notes)
    )


def _all_stops(seen: Inventory, edges: frozenset[str]) -> list[Stop]:
    """Every interface that could carry the packets, where the endpoint itself is not known."""
    from_switch = {port.name for port in seen.ports}
    stops: dict[tuple[str, str], Stop] = {}
    for link in seen.links:
        inside = link.netns == "" or link.name in from_switch
        if inside and link.netns not in edges and link.is_up and link.name != "lo":
            stops[link.netns, link.name] = stop_of(seen, link)
    return list(stops.values())


def _host_plan(
    seen: Inventory, stops: Sequence[Stop], end: OtherEnd, bounds: Bounds, *, certain: bool, log: bool
) -> HostPlan:
    facts = seen.facts
    nodes = _nodes(facts, stops)
    notes = list(seen.notes)
    spots: list[Spot] = []
    if facts.can_capture:
        usable = [stop for stop in stops if stop.can_capture and (not stop.netns or facts.can_enter)]
        notes += [f"only the first {MOST_SPOTS} of {len(usable)} interfaces are captured"] * (
            len(usable) > MOST_SPOTS
        )
        for stop in usable[:MOST_SPOTS]:
            node = nodes[stop.netns]
            spots.append(
                Spot(
                    node=node,
                    stop=stop,
                    file=f"captures/{node}_{node_name(stop.name)}.pcap",
                    command=_capture_command(facts, stop, end, bounds),
                    certain=certain,
                )
            )
    else:
        notes.append(_why_no_capture(facts))
    if not facts.can_change:
        notes.append(
            "no setting is changed, conntrack's log stays as it is: CAP_NET_ADMIN is missing (run as root)"
        )
    return HostPlan(
        facts=facts,
        seen=seen,
        spots=tuple(spots),
        settings=tuple(_settings(facts, stops)) if log and facts.can_change and facts.has_conntrack else (),
        nodes=tuple(nodes.items()),
        notes=tuple(notes),
    )


def _why_no_capture(facts: HostFacts) -> str:
    if not facts.tools & {"tcpdump", "dumpcap"}:
        return "no packets are captured: neither tcpdump nor dumpcap is installed (apt-get install tcpdump)"
    return (
        "no packets are captured: CAP_NET_RAW is missing (run as root, or setcap cap_net_raw+ep on tcpdump)"
    )


def _nodes(facts: HostFacts, stops: Sequence[Stop]) -> dict[str, str]:
    """The node name of each namespace on the path; names that come twice are told apart by their host's."""
    own = node_name(facts.name or "this_host")
    names = {"": own}
    for stop in stops:
        if stop.netns and stop.netns not in names:
            name = node_name(stop.netns.removeprefix("/run/netns/").removesuffix("/ns/net"))
            names[stop.netns] = f"{own}.{name}" if name in names.values() else name
    return names


def _capture_command(facts: HostFacts, stop: Stop, end: OtherEnd, bounds: Bounds) -> tuple[str, ...]:
    text = capture_filter(
        end.addresses, end.port, outer=stop.carries_tunnel or not stop.role.startswith("tap")
    )
    if not text:
        text = "not tcp port 22" if facts.host.ssh else ""  # the capture must not capture its own way here
    snap = ("-s", str(bounds.snaplen)) if bounds.snaplen else ()
    to_stdout = (*snap, "-i", stop.name, "-w", "-")
    if "tcpdump" in facts.tools:
        wanted = (text,) if text else ()
        return ("tcpdump", "-n", "-U", "--immediate-mode", "-B", str(BUFFER_KIB), *to_stdout, *wanted)
    return ("dumpcap", "-q", "-P", *to_stdout, *(("-f", text) if text else ()))


def _settings(facts: HostFacts, stops: Sequence[Stop]) -> Iterator[Wanted]:
    """conntrack's word on invalid packets, in the host's own namespace and in routers' on the path."""
    for netns in dict.fromkeys(["", *(stop.netns for stop in stops if _is_router(stop))]):
        yield Wanted(
            key=LOG_INVALID,
            value=LOG_EVERY_PROTOCOL,
            netns=netns,
            why="conntrack says which packets are invalid",
        )
    if not facts.is_initial and facts.can_enter and read_sysctl(facts, LOG_ALL_NETNS, INITIAL_NETNS) == "0":
        yield Wanted(
            key=LOG_ALL_NETNS,
            value="1",
            netns=INITIAL_NETNS,
            why="the kernel logs for network namespaces other than the first one, too",
        )


def _is_router(stop: Stop) -> bool:
    return stop.netns.removeprefix("/run/netns/").startswith(("qrouter-", "snat-", "fip-"))


def _shared_out(plans: Sequence[HostPlan]) -> tuple[HostPlan, ...]:
    """The same without settings wanted twice: hosts that are namespaces of one machine share its first one."""
    taken: set[tuple[str, str, str]] = set()
    result = []
    for plan in plans:
        kept = []
        for want in plan.settings:
            key = (
                plan.facts.boot,
                want.netns if want.netns == INITIAL_NETNS else plan.facts.name,
                want.key + want.netns,
            )
            if key not in taken:
                taken.add(key)
                kept.append(want)
        result.append(replace(plan, settings=tuple(kept)))
    return tuple(result)


def described(plan: Plan, command: Sequence[str] = ()) -> Iterator[str]:
    """The plan for people, before they agree to it."""
    whom = ", ".join(plan.end.addresses) + (f" port {plan.end.port}" if plan.end.port else "")
    yield f"Plan: packets of {whom or 'everyone (no --remote, and no URL in the command)'}"
    for host in plan.hosts:
        name = host.facts.name + (f" (ssh {host.facts.host.ssh[-1]})" if host.facts.host.ssh else "")
        yield f"  on {name}"
        for spot in host.spots:
            where = f" in {spot.stop.netns.removeprefix('/run/netns/')}" if spot.stop.netns else ""
            yield f"    capture {spot.stop.name}{where}: {spot.stop.role}"
        for want in host.settings:
            where = f" in {want.netns.removeprefix('/run/netns/')}" if want.netns else ""
            yield f"    set {want.key}={want.value}{where} until the end, then back: {want.why}"
        yield from (f"    note: {note}" for note in host.notes)
        if host.facts.host.ssh:
            yield (
                f"    its clock differs by {host.facts.clock_offset_ns / 1e6:+.1f} ms"
                f" (known to {host.facts.clock_error_ns / 1e6:.0f} ms; the packets will tell better)"
            )
    if command:
        yield f"  run {shlex.join(command)}"
    yield f"  {_how_much(plan.bounds)}, into {plan.folder}"
    yield from (f"  note: {note}" for note in plan.notes)


def _how_much(bounds: Bounds) -> str:
    room = f"{bounds.most_bytes // _MB} MB"
    if bounds.ring_s is None:
        return f"for at most {bounds.seconds:.0f} s and {room}"
    return f"until Ctrl-C, or for {bounds.seconds:.0f} s: the last {bounds.ring_s / 60:g} minutes, at most {room}"


def printed(plan: Plan) -> Iterator[str]:
    """The commands a person would type on each host, where lastseen may not be installed: `collect --print`."""
    for host in plan.hosts:
        yield f"# on {host.facts.name}"
        for want in host.settings:
            yield shown(host.facts.host.inside(want.netns), ("sysctl", want.key)) + "   # remember the value"
            yield shown(host.facts.host.inside(want.netns), ("sysctl", "-w", f"{want.key}={want.value}"))
        for spot in host.spots:
            words = list(spot.command)
            words[words.index("-w") + 1] = Path(spot.file).name
            bounded = ("timeout", f"{plan.bounds.seconds:.0f}", *words)
            yield shown(host.facts.host.inside(spot.stop.netns), bounded) + " &"
        yield "# repeat the request, then put the settings back"
