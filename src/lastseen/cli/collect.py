"""`lastseen collect`: the same as `run` around a span of time, or until the trouble comes."""

from typing import Annotated

import typer

from lastseen.cli.around import (
    CloudOption,
    HostOption,
    JsonOption,
    LogOption,
    MaxOption,
    OutOption,
    RemoteOption,
    SshOption,
    TargetOption,
    YesOption,
)

__all__ = ["collect"]

UNTIL_STOPPED_S = 7 * 86_400.0
"""A ring runs until Ctrl-C; a week is a bound no one waits for."""


def collect(
    target: TargetOption = "",
    cloud: CloudOption = "",
    remote: RemoteOption = "",
    seconds: Annotated[
        float | None, typer.Option(metavar="N", help="End after so long; Ctrl-C ends it sooner.", min=1)
    ] = None,
    ring: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Keep the last so many minutes, until Ctrl-C.", min=0.1),
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Only print the commands, for hosts you may not install on.")
    ] = False,
    host: HostOption = None,
    ssh_option: SshOption = None,
    out: OutOption = None,
    max_mb: MaxOption = 200,
    log: LogOption = True,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Capture at every point of a path for some time, with what the hosts say before and after; then the verdict."""
    from lastseen.cli.around import agreed, in_cloud, plain, planned, probed, say, verdict, watching
    from lastseen.live.other_end import OtherEnd, other_end
    from lastseen.live.plan import Bounds, described, printed
    from lastseen.live.session import collect_for

    longest = seconds or (UNTIL_STOPPED_S if ring else 60.0)
    bounds = Bounds(seconds=longest, most_bytes=max_mb << 20, ring_s=60 * ring if ring else None)
    end = other_end(remote) if remote else OtherEnd()
    hosts = probed(host or (), ssh_option or ())
    plan = planned(hosts, in_cloud(target, cloud, hosts), end, bounds=bounds, out=out, log=log)
    if print_only:
        typer.echo("\n".join(map(plain, printed(plan))))
        return
    agreed(described(plan), yes=yes)
    with watching(plan.folder) as session:
        outcome = collect_for(plan, session, say)
    verdict(outcome.folder, outcome.notes, json=json)
