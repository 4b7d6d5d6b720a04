"""The one experiment or piece of evidence that would change the verdict most, as commands to copy."""

import ipaddress
from collections.abc import Sequence

from lastseen.contrasts import parting_experiment, separating_experiment
from lastseen.faults.facts import Facts, LossSite
from lastseen.tables.diagnosis import Verdict
from lastseen.tables.endpoints import Endpoint
from lastseen.tables.judgements import Judgement, Step, Supported, Untestable
from lastseen.tables.points import CLIENT_TO_REMOTE

__all__ = ["next_steps"]


def next_steps(
    facts: Facts, verdict: Verdict, judgements: Sequence[Judgement], site: LossSite | None
) -> tuple[Step, ...]:
    """Most useful first."""
    if verdict.grade == "healthy":
        return ()
    steps: list[Step] = []
    best = judgements[0] if judgements else None
    if isinstance(best, Supported):
        steps += best.next
    elif verdict.grade == "unattributed" and site is not None:
        steps += _at_the_hop(facts, site)
    else:
        steps += _more_captures(facts)
        steps += [step for j in judgements if isinstance(j, Untestable) and j.reasons for step in j.next]
    if site is not None and len(site.unproven_rows):
        steps.append(_closing_lines(site))
    if site is not None and not isinstance(best, Supported):
        steps += [step for c in site.contrasts[:1] if (step := separating_experiment(c)) is not None]
        if not any(c.separates for c in site.contrasts):
            steps += [step for c in site.surroundings if (step := parting_experiment(c)) is not None]
    return tuple(steps)


def _filter(facts: Facts) -> str:
    """A capture filter for the connection in question, by what the client's system calls or the captures name."""
    felt = next((s for s in facts.symptoms if s.peer is not None), None)
    if felt is not None and felt.peer is not None:
        return _of(felt.peer)
    if facts.conversations:
        server = facts.conversations[0].text.rpartition(" > ")[2]
        address, _, port = server.rpartition(":")
        return _of(Endpoint(address=address.strip("[]"), port=int(port) if port.isdigit() else 0))
    logged = next((j.line.packet for j in facts.log_lines if j.line.packet), None)
    return _of(logged.src) if logged else "tcp"


def _of(end: Endpoint) -> str:
    """A filter for one end; what is no plain address (a hostile trace may say anything) is left out of commands."""
    try:
        address = ipaddress.ip_address(end.address)
    except ValueError:
        return "tcp"
    return f"host {address} and tcp port {end.port}" if end.port else f"host {address}"


def _more_captures(facts: Facts) -> list[Step]:
    """Where to capture next: on the side of the loss that no point covers."""
    chosen = _filter(facts)
    points = [p for p in facts.matching.points if p.packets]
    if not points:
        text = (
            "Capture the connection on both sides of the host that forwards it (its uplink or tunnel, and the"
            " client's tap or eth0) while it is repeated."
        )
        commands = (
            f"tcpdump -i TUNNEL_OR_UPLINK -s 256 -w uplink.pcap '{chosen}'",
            f"tcpdump -i TAP_OR_ETH0 -s 256 -w tap.pcap '{chosen}'",
        )
        return [Step(text=text, commands=commands)]
    stalled = next((c for c in facts.conversations if c.stall), None)
    if (
        stalled is not None
        and stalled.stall_side == CLIENT_TO_REMOTE
        and stalled.stall == "lost_retransmitting"
    ):
        text = (
            f"Capture one step nearer the client than {points[-1].name} (its tap, or eth0 inside it) while the"
            " request is repeated: it tells whether what the server repeats ever arrives there."
        )
        return [Step(text=text, commands=(f"tcpdump -i TAP_OR_ETH0 -s 256 -w tap.pcap '{chosen}'",))]
    text = (
        f"Capture one step nearer the remote end than {points[0].name} (the host's tunnel interface, genev_sys_6081"
        " or vxlan_sys_4789, or its uplink) while the request is repeated: it tells whether the missing packets ever"
        " arrived there."
    )
    return [Step(text=text, commands=(f"tcpdump -i genev_sys_6081 -s 256 -w tunnel.pcap '{chosen}'",))]


def _at_the_hop(facts: Facts, site: LossSite) -> list[Step]:
    """Counters and logs of the host that lost the packets, around one more request."""
    where = (
        facts.host(site.node)
        if site.node is not None
        else f"the host between {site.upstream.name} and {site.downstream.name}"
    )
    text = (
        f"On {where}, take these before and after one more request; whatever moved by {len(site.lost_rows)} names"
        " the component."
    )
    commands = (
        "conntrack -S; nstat -az; ip -s -s link; tc -s qdisc",
        "nft list ruleset; iptables-save -c",
        "ovs-ofctl dump-flows br-int; ovs-appctl dpctl/dump-flows -m",
        "sysctl -w net.netfilter.nf_conntrack_log_invalid=255   # set back to 0 afterwards",
        "dmesg | tail -100",
    )
    return [Step(text=text, commands=commands)]


def _closing_lines(site: LossSite) -> Step:
    text = (
        f"Get the closing lines of the capture at {site.downstream.name} (or capture again and stop it some seconds"
        f" later): {len(site.unproven_rows)} packet{'s' if len(site.unproven_rows) > 1 else ''} came after its last"
        " one."
    )
    return Step(text=text)
