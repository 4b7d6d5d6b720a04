"""`lastseen lab`: networks that really fail, to learn from and to measure the diagnosis with."""

from pathlib import Path
from typing import Annotated

import typer

from lastseen.cli.around import YesOption
from lastseen.cli.campaign import agree_to, campaign
from lastseen.cli.kernel import kernel

__all__ = ["lab"]

lab = typer.Typer(
    help="Networks that really fail: list, record, play, measure.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

lab.command(epilog="Example: lastseen lab campaign --runs 100 --jobs 2 --seed 7 --keep missed/")(campaign)
lab.command(epilog="Example: lastseen lab kernel --out kernel && lastseen diagnose kernel/01_php")(kernel)

SceneName = Annotated[str, typer.Argument(metavar="SCENE", help="A name that `lab list` shows.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@lab.command("list", epilog="Example: lastseen lab list --matching checksum")
def list_(
    matching: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only scenes with this in name, title or fault.")
    ] = None,
    json: Json = False,
) -> None:
    """List the scenes: what is wrong there, and what they need."""
    from lastseen.lab.scene import scenes
    from lastseen.lab.topologies import name_of
    from lastseen.report.jsons import encode
    from lastseen.report.scenes import SceneJson, ScenesJson

    wanted = (matching or "").casefold()
    found = {
        name: scene
        for name, scene in scenes().items()
        if wanted in f"{name} {scene.title} {scene.truth.fault or ''}".casefold()
    }
    if json:
        rows = [
            SceneJson(
                name=name,
                title=scene.title,
                truth=scene.truth.fault,
                healthy=scene.truth.healthy,
                topology=name_of(scene.topology),
                root=scene.root,
                exclusive=scene.exclusive,
                mechanism=scene.mechanism,
                symptom=scene.symptom,
            )
            for name, scene in found.items()
        ]
        typer.echo(encode(ScenesJson(scenes=rows)))
        return
    for name, scene in found.items():
        needs = " (root)" * scene.root + " (alone)" * scene.exclusive
        typer.echo(f"{name:26} {scene.title}{needs}")


@lab.command(epilog="Example: lastseen lab run fin_rule --out /tmp/fin && lastseen diagnose /tmp/fin")
def run(
    scene: SceneName,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the case folder goes; default: ./SCENE.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Draw the scene's parameters; default: its plain ones.")
    ] = None,
    second: Annotated[
        str | None,
        typer.Option(metavar="SCENE", help="Put the fault of this scene in too, on a service of its own."),
    ] = None,
    yes: YesOption = False,
    json: Json = False,
) -> None:
    """Run a scene and write a case folder exactly as a user's, with the truth in truth.json."""
    from lastseen.lab.recording import record_case
    from lastseen.lab.truth import read_truth
    from lastseen.report.jsons import encode
    from lastseen.report.scenes import RecordedJson

    agree_to([name for name in (scene, second) if name], yes=yes)
    folder = record_case(scene, out or Path(scene), seed=seed, second=second)
    truth = read_truth(folder)
    if json:
        typer.echo(encode(RecordedJson(folder=str(folder), truth=truth)))
        return
    typer.echo(f"{folder}: {truth['fault'] or ('healthy' if truth['healthy'] else 'no known cause')}")
    typer.echo(f"next: lastseen diagnose {folder}")


@lab.command(epilog="Example: lastseen lab play fin_rule")
def play(scene: SceneName, *, yes: YesOption = False) -> None:
    """Leave a scene up, with a shell in which `on NODE COMMAND` looks around; Ctrl-D ends it."""
    from lastseen.lab.machine import machine_changed
    from lastseen.lab.sandbox import in_sandbox
    from lastseen.lab.scene import scene_of

    agree_to((scene,), yes=yes)
    with machine_changed([scene_of(scene)]):
        status = in_sandbox("lastseen.lab.play", [scene], capture=False).returncode
    raise typer.Exit(status)
