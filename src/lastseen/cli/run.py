"""`lastseen run`: the whole investigation around one command that reproduces the trouble."""

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

__all__ = ["run"]


def run(
    command: Annotated[
        list[str],
        typer.Argument(metavar="-- COMMAND...", help="What reproduces the trouble.", show_default=False),
    ],
    target: TargetOption = "",
    cloud: CloudOption = "",
    remote: RemoteOption = "",
    host: HostOption = None,
    ssh_option: SshOption = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="End the command after so long.", min=1)
    ] = 300.0,
    out: OutOption = None,
    max_mb: MaxOption = 200,
    log: LogOption = True,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Run a command that hangs, watch its packets at every point of their path, and say why it hung.

    First the plan is shown: what is captured where, which settings change for how long, how much disk. Then: texts
    before, in mid-stall and after, captures at every point, the command traced; everything is set back, the evidence
    is a case folder, and the verdict is told.
    """
    from lastseen.cli.around import agreed, in_cloud, planned, probed, say, startable, verdict, watching
    from lastseen.live.other_end import in_command, other_end
    from lastseen.live.plan import Bounds, described
    from lastseen.live.session import carry_out
    from lastseen.live.targets import namespace_of_command

    startable(command)
    end = other_end(remote) if remote else in_command(command)
    bounds = Bounds(seconds=timeout, most_bytes=max_mb << 20)
    hosts = probed(host or (), ssh_option or ())
    wanted = in_cloud(target, cloud, hosts) or namespace_of_command(command)
    plan = planned(hosts, wanted, end, bounds=bounds, out=out, log=log)
    agreed(described(plan, command), yes=yes)
    with watching(plan.folder) as session:
        outcome = carry_out(plan, command, session, say)
    verdict(outcome.folder, outcome.notes, json=json)
