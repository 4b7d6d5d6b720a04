"""A remedy that stands is taken back change by change, newest first; stopped between two of them, the rest still stands."""

from pathlib import Path

from lastseen.hosts.changes import File, Place
from lastseen.hosts.journal import Session
from lastseen.remedies.undoing import kept, undo


def standing(folder: Path) -> list[Path]:
    """Two files that a remedy wrote and that were decided to stay."""
    session = Session.begin(folder)
    files = [folder / "modules.conf", folder / "sysctl.conf"]
    for file in files:
        number = session.intend(File(path=str(file), old=None, new="text"), Place(), about="a remedy")
        file.write_text("text", "utf-8")
        session.mark(number, "kept")
    return files


def test_stopped_halfway_the_rest_stands_and_can_be_taken_back_later(tmp_path: Path) -> None:
    first, last = standing(tmp_path)
    (changes,) = kept(tmp_path)
    next(undo(changes, tmp_path))
    assert (first.exists(), last.exists()) == (True, False)
    (left,) = kept(tmp_path)
    assert [change.change.path for change in left if isinstance(change.change, File)] == [str(first)]
    assert [result.state for result in undo(left, tmp_path)] == ["undone"]
    assert not first.exists()
    assert kept(tmp_path) == []
