"""`lastseen path`: the way of an endpoint's packets through this host, or another one."""

from typing import Annotated

import typer

from lastseen.cli.around import CloudOption

__all__ = ["path"]


def path(
    target: Annotated[
        str,
        typer.Argument(
            metavar="[TARGET]",
            help="A tap or other interface, MAC, IP address, namespace, process number, container, libvirt domain,"
            " Neutron port id or OpenStack server; several with commas; without one, this host itself.",
        ),
    ] = "",
    remote: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The other end, so that routes to it are followed.")
    ] = "",
    host: Annotated[str, typer.Option(metavar="USER@NODE", help="Look there, over your ssh.")] = "",
    ssh_option: Annotated[
        list[str] | None, typer.Option(metavar="OPTION", help="Given to ssh, e.g. -p2222; repeatable.")
    ] = None,
    cloud: CloudOption = "",
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (schema lastseen.path/1).")
    ] = False,
) -> None:
    """Draw the path of an endpoint on a host: guest card, tap, bridges, tunnel, underlay; with MTUs and namespaces.

    Read from netlink, Open vSwitch's database, libvirt and the containers' engine, whichever there are; a server's
    ports from its OpenStack cloud. Nothing is changed.
    """
    import msgspec

    from lastseen.cli.around import in_cloud, plain
    from lastseen.errors import LastseenError
    from lastseen.hosts.host import HERE
    from lastseen.hosts.host import remote as over_ssh
    from lastseen.hosts.probing import probe
    from lastseen.live.features import with_features
    from lastseen.live.picture import as_object, drawn
    from lastseen.live.targets import hidden, look, path_of

    facts = probe(over_ssh(host, ssh_option or ()) if host else HERE)
    if not facts.reached:
        raise LastseenError(f"{host}: {facts.why}; check that 'ssh {host}' works without a question")
    target = in_cloud(target, cloud, [facts])
    seen = look(facts, target)
    stops = with_features(facts, path_of(seen, target, remote=remote))
    notes = [*seen.notes, *hidden(seen, target)]
    if not facts.can_enter:
        notes.append(
            f"other namespaces were not looked into: {', '.join(facts.lacks) or 'nsenter'} is missing"
        )
    if json:
        typer.echo(msgspec.json.encode(as_object(facts.name, stops, notes)))
    else:
        typer.echo("\n".join(map(plain, drawn(facts.name, stops, notes))))
