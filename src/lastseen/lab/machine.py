"""Settings of the whole machine, which no namespace has of its own, held for as long as a scene's run lasts.

As `lastseen run` changes a host's: written to the journal first and set back by whatever ends the run; after kill -9
by the script that holds them, and `lastseen restore` knows of them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from lastseen.errors import LastseenError
from lastseen.hosts.holding import Wanted, held
from lastseen.hosts.host import HERE
from lastseen.hosts.probing import probe
from lastseen.hosts.restore import sweeping
from lastseen.lab.scene import Scene

__all__ = ["changes", "machine_changed"]


def changes(scene: Scene) -> list[str]:
    """What a run of the scene changes outside its own namespaces, a line each; nothing for most."""
    return [
        f"set {key} = {value} on this machine, for all its namespaces" for key, value in scene.machine.items()
    ]


@contextmanager
def machine_changed(scenes: Iterable[Scene]) -> Iterator[None]:
    """Hold the scenes' settings. Raises LastseenError where they cannot be set; then nothing is changed."""
    wanted = [
        Wanted(key=key, value=value, why=scene.title)
        for scene in scenes
        for key, value in scene.machine.items()
    ]
    if not wanted:
        yield
        return
    with sweeping() as session, held(session, probe(HERE), wanted) as result:
        if result.notes:
            raise LastseenError(
                f"lab: {'; '.join(result.notes)}: a scene for the initial network namespace, with root"
            )
        yield
