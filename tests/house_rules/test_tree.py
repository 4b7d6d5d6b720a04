"""What lies in the repository: no trace of the machine it was made on, small captures of known origin, whole faults."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from lastseen.faults.pages import HEADINGS

NOT_OURS = {
    ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__",
    "build", "dist",
}  # fmt: skip
"""Folders that tools make; .gitignore names them too."""

SAMPLES = {"cases", "examples", "golden", "data"}
"""Folders of evidence: what a host printed, its own paths included."""

TEXT = {"", ".cfg", ".ini", ".json", ".lock", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
LARGEST_TEXT = 1 << 20

FETCH_OPTION = re.compile(r"--?(?:extra-)?index-ur[l]|--trusted-hos[t]|--find-link[s]")
"""pip's options that name a place to fetch from; spelled so that this file does not match itself."""

CAPTURE_NAME = re.compile(r"\.(?:pcap|pcapng|cap|erf|snoop)\d*(?:\.(?:gz|zst))?$")
CAPTURE_MAGIC = tuple(
    bytes.fromhex(magic) for magic in ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")
)
"""pcap in both byte orders and both units of time; pcapng's section header block."""
CAPTURE_BYTES = 64 << 10
SOURCE = re.compile(r'`([^`\n]+)`(?: whose ORIGIN\.md begins with "(\w+)")?')
"""A path in SOURCES.md, and what it says of the cases it is about."""


@pytest.fixture(scope="module")
def files(root: Path) -> tuple[Path, ...]:
    """Every file of the repository, relative to its top."""
    return tuple(sorted(_files(root)))


def _files(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = [
            name for name in below if name not in NOT_OURS and (Path(folder) / name) != root / "bench/data"
        ]
        yield from (Path(folder, name).relative_to(root) for name in names)


def _texts(root: Path, files: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """The texts people wrote."""
    for file in files:
        written = file.suffix in TEXT and not SAMPLES & set(file.parts)
        if written and (root / file).stat().st_size <= LARGEST_TEXT and not file.name.startswith(".coverage"):
            yield file, (root / file).read_text("utf-8", "replace")


def test_no_text_names_the_machine_it_was_written_on(root: Path, files: tuple[Path, ...]) -> None:
    """A clone lies somewhere else."""
    here = f"{root}/"
    assert [str(file) for file, text in _texts(root, files) if here in text] == []


def test_no_text_says_where_packages_are_fetched(root: Path, files: tuple[Path, ...]) -> None:
    """Which registry or mirror is used is the user's choice."""
    assert [
        f"{file}: {hit[0]}" for file, text in _texts(root, files) for hit in FETCH_OPTION.finditer(text)
    ] == []


def test_constraints_are_names_and_versions(root: Path) -> None:
    """No download address, no hash, no option: a line is a name, two equal signs and a version."""
    text = (root / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    assert [line for line in text.splitlines() if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_tests_mirror_the_source(root: Path) -> None:
    """Each folder of tests is a stage, the golden runs, fuzzing, truth, samples or these rules; beside them what they share."""
    stages = {path.stem for path in (root / "src/lastseen").iterdir()}
    extra = {"conftest", "data", "fuzz", "golden", "house_rules", "truth", "__pycache__"}
    extra |= {"live", "remedies"}  # stages whose tests' folder came first
    extra |= {"packet_writer", "conversation_writer", "text_samples", "installed", "namespaces"}
    assert {path.stem for path in (root / "tests").iterdir()} - stages - extra == set()


def _captures(root: Path, files: tuple[Path, ...]) -> Iterator[Path]:
    for file in files:
        with (root / file).open("rb") as stream:
            if CAPTURE_NAME.search(file.name) or stream.read(4) in CAPTURE_MAGIC:
                yield file


def test_a_capture_is_small(root: Path, files: tuple[Path, ...]) -> None:
    """64 KiB at most, the examples apart: who clones the code does not want traffic."""
    tested = [file for file in _captures(root, files) if file.parts[0] != "examples"]
    assert [
        f"{file}: {(root / file).stat().st_size}"
        for file in tested
        if (root / file).stat().st_size > CAPTURE_BYTES
    ] == []


def _sources(root: Path) -> list[tuple[str, str]]:
    """What SOURCES.md names: paths or patterns of them, each with how ORIGIN.md has to begin ("" where it is not said)."""
    lines = (root / "SOURCES.md").read_text("utf-8").splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return [
        (path.rstrip("/"), begins) for cell in cells for path, begins in SOURCE.findall(cell) if "/" in path
    ]


def _has_a_source(root: Path, file: Path, sources: list[tuple[str, str]]) -> bool:
    """Whether a line of SOURCES.md is about this file, and what its case says of itself agrees with the line."""
    inside = [str(file), *map(str, file.parents)]
    said = _origin(root, file)
    return any(
        said.startswith(begins) and any(fnmatchcase(place, path) for place in inside)
        for path, begins in sources
    )


def _origin(root: Path, file: Path) -> str:
    """The ORIGIN.md of the case that the file belongs to; "" where there is none."""
    pages = [root / folder / "ORIGIN.md" for folder in file.parents if "cases" in folder.parts]
    return next((page.read_text("utf-8") for page in pages if page.is_file()), "")


def test_a_capture_says_where_it_comes_from(root: Path, files: tuple[Path, ...]) -> None:
    """SOURCES.md names it, or a folder it lies in, in backticks."""
    sources = _sources(root)
    assert [file for file in _captures(root, files) if not _has_a_source(root, file, sources)] == []


def test_each_source_is_there(root: Path) -> None:
    """No line of SOURCES.md is about something that went away or was renamed."""
    assert [path for path, _ in _sources(root) if not any(root.glob(path))] == []


def _fault_folders(root: Path) -> list[Path]:
    """Every folder below faults/, whole or not."""
    faults = root / "src/lastseen/faults"
    return [path for path in sorted(faults.glob("*/")) if path.name not in NOT_OURS and path.is_dir()]


def test_a_fault_is_whole(root: Path) -> None:
    """Rule, explanation, its own case and its near miss lie in one folder.

    Without an `__init__.py` import-linter passes over the folder, and says nothing.
    """
    parts = ("__init__.py", "rule.py", "README.md", "cases/positive", "cases/near_miss")
    missing = [
        f"{folder.name}/{part}"
        for folder in _fault_folders(root)
        for part in parts
        if not (folder / part).exists()
    ]
    assert missing == []


def test_a_fault_is_explained_under_the_same_headings(root: Path) -> None:
    """`lastseen explain` and the generated pages rely on them and on their order."""
    pages = [folder / "README.md" for folder in _fault_folders(root) if (folder / "README.md").exists()]
    found = {
        page.parent.name: re.findall(r"^## +(.+?) *$", page.read_text("utf-8"), re.MULTILINE)
        for page in pages
    }
    assert {name: headings for name, headings in found.items() if tuple(headings) != HEADINGS} == {}
