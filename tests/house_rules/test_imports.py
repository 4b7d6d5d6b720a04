"""What may be imported where, beyond the layers that import-linter keeps."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest

PURE_STAGES = {"connections", "matching", "contrasts", "faults", "diagnosis"}
"""Facts in, judgement out: from the same facts always the same judgement, on any machine."""

OUTSIDE_WORLD = {
    "ctypes", "fcntl", "fileinput", "glob", "http", "io", "mmap", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "time", "urllib",
}  # fmt: skip
"""Files, processes, sockets, clock, chance."""

SLOW_TO_IMPORT = ("jinja2", "numba", "numpy", "polars", "rich")
NOT_FOR_CAPTURES = (
    *("numba", "llvmlite", "polars", "rich", "numpy.ma", "tarfile", "zipfile", "tomllib"),
    *("lastseen.tables.facts_from_texts", "lastseen.tables.judgements", "lastseen.evidence.texts.strace"),
)
EXAMPLE = Path(__file__).parents[2] / "examples/openstack-missing-fin/01_broken_php60_vm/pcap"
RUN = "from lastseen.cli.main import main; main()"
HELP = "import sys; from lastseen.cli.main import main; sys.argv = ['lastseen', '--help']; sys.exit(main())"


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(top package, line) of every import anywhere in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0], node.lineno


def test_from_connections_to_diagnosis_nothing_reaches_outside(modules: tuple[Any, ...]) -> None:
    """No file, process, socket, clock or chance: not by import, not by the built-in open."""
    pure = [m for m in modules if m.stage in PURE_STAGES]
    reaching = [
        f"{m.place}:{line} {name}" for m in pure for name, line in imported(m.tree) if name in OUTSIDE_WORLD
    ]
    opening = [f"{m.place}:{node.lineno} open" for m in pure for node in ast.walk(m.tree) if _opens(node)]
    assert reaching + opening == []


def _opens(node: ast.AST) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "input"}
    )


def test_numba_is_set_up_in_one_place(modules: tuple[Any, ...]) -> None:
    """Where machine code is kept must be decided before Numba is imported, so only `compiled` imports it."""
    others = [m for m in modules if m.stage != "compiled"]
    assert [f"{m.place}:{line}" for m in others for name, line in imported(m.tree) if name == "numba"] == []


def test_a_fault_knows_nothing_of_its_neighbours(modules: tuple[Any, ...]) -> None:
    """No module below faults/<slug>/ imports from another fault's folder."""
    folders = {m.name.split(".")[1] for m in modules if re.fullmatch(r"faults\.\w+\.rule", m.name)}
    strangers = [
        f"{m.place}: {other}"
        for m in modules
        if m.stage == "faults"
        for other in re.findall(r"lastseen\.faults\.(\w+)", m.text)
        if other in folders and other not in m.name.split(".")
    ]
    assert strangers == []


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    """`lastseen --help` answers before NumPy, Numba, Polars or Rich would be loaded."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", HELP],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    loaded = set(re.findall(r"\|\s+([\w.]+)$", run.stderr, re.MULTILINE))
    assert "lastseen.cli.main" in loaded
    assert loaded.intersection(SLOW_TO_IMPORT) == set()


def test_losses_wait_for_nothing_that_captures_do_not_need() -> None:
    """Each of these was once imported on the way, by a module for one constant or by NumPy for one call: 2 to 50 ms."""
    captures = sorted(EXAMPLE.glob("*_compute_*.pcap"))
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", RUN, "losses", *map(str, captures), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    loaded = set(re.findall(r"\|\s+([\w.]+)$", run.stderr, re.MULTILINE))
    assert "lastseen.matching.fates" in loaded
    assert loaded.intersection(NOT_FOR_CAPTURES) == set()


@pytest.mark.parametrize("code", ["import os.path", "from os import path", "def f():\n    import os"])
def test_an_import_is_found_wherever_it_hides(code: str) -> None:
    """Dotted, from and local imports count alike."""
    assert {name for name, _ in imported(ast.parse(code))} == {"os"}
