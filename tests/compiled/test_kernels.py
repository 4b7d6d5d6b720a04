"""Kernels compiled, kept and called again without Numba: arguments and results of every kind that they use."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from lastseen.compiled import cache

MODULE = """
import sys
import numpy as np
from lastseen.compiled import fetch_ahead, interpret, kernel, packet_kernel, step_kernel, on_first_compile

if "interpreted" in sys.argv:
    interpret(wanted=True)

if "unlinked" in sys.argv:
    from lastseen.compiled import compiler

    compiler.linked = lambda *_: None

if "no-sys" in sys.argv:
    from lastseen.compiled import machine_code

    machine_code._PROCESSOR = machine_code.Path("/none")

@packet_kernel
def double(value):
    return 2 * value

@step_kernel
def fill(table, rows, count):
    for i in range(count):
        fetch_ahead(table, i + 1_000_000)
        fetch_ahead(rows, np.uint32(i))
        table[i, 1] = double(rows[i])

@step_kernel
def both(numbers):
    return numbers[0], numbers[0] > 1, np.uint32(numbers[1])

@step_kernel
def digest(number):
    return np.uint64(number) * np.uint64(3)

@kernel
def ascending(numbers, most):
    order = np.argsort(numbers, kind="mergesort")
    return order[:most], (numbers[order].copy(), most)

@kernel
def broken(numbers, at):
    return numbers[0] // at

told = []
on_first_compile(lambda: told.append("compiling"))
table = np.zeros((3, 2), np.uint32)
fill(table, np.arange(6)[::2], 3)
print(table[:, 1].tolist())
fill(table[:, :], np.arange(3), np.uint8(2))
print(table[:, 1].tolist())
print(both(np.array([7, 8])), fill(table, np.arange(3), False))
order, (values, most) = ascending(np.array([3, 1, 2]), 2)
print(order.tolist(), values.tolist(), most)
print([array.tolist() for array in (ascending(np.empty(0, np.int64), 0)[0],)])
try:
    broken(np.array([1]), 0)
except (RuntimeError, ArithmeticError):
    print("raised")
print(int(digest(np.uint64(1 << 63))))
print("numba" in sys.modules, told)
"""

EXPECTED = [
    "[0, 4, 8]",
    "[0, 2, 8]",
    "(7, True, 8) None",
    "[1, 2] [1, 2, 3] 2",
    "[[]]",
    "raised",
    str(1 << 63),
]


def run(folder: Path, *arguments: str) -> list[str]:
    """What the module prints, its machine code kept in `folder`."""
    module = folder / "sample.py"
    module.write_text(MODULE, "utf-8")
    ended = subprocess.run(
        [sys.executable, str(module), *arguments],
        env={"NUMBA_CACHE_DIR": str(folder / "kept"), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return ended.stdout.splitlines()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with machine code in it, and what the run that made it printed."""
    folder = tmp_path_factory.mktemp("kernels")
    return folder, run(folder)


def test_a_first_run_compiles_and_says_so_once(compiled: tuple[Path, list[str]]) -> None:
    """Results are those of the Python functions."""
    assert compiled[1] == [*EXPECTED, "True ['compiling']"]


def test_rows_are_fetched_ahead(compiled: tuple[Path, list[str]]) -> None:
    """The instruction is in the code of the kernel that asks for it (x86: 0F 18), and of no other."""
    if platform.machine() != "x86_64":
        pytest.skip("another processor, another instruction")
    kept = (compiled[0] / "kept").glob("*.kernel")
    found = {path.name.split("~")[1] for path in kept if b"\x0f\x18" in path.read_bytes().partition(b"\n")[2]}
    assert found == {"fill"}


def test_a_second_run_needs_no_numba(compiled: tuple[Path, list[str]]) -> None:
    """The same results, from the kept machine code alone."""
    assert run(compiled[0]) == [*EXPECTED, "False []"]


def test_what_is_known_of_the_sources_may_be_damaged(compiled: tuple[Path, list[str]]) -> None:
    """Then they are read again."""
    folder, _ = compiled
    (folder / "kept/versions.json").write_text("damaged", "utf-8")
    assert run(folder) == [*EXPECTED, "False []"]


def test_llvm_loads_what_was_not_linked(tmp_path: Path) -> None:
    """As on machines that `linking` does not know: the same results, in the run that compiles and in the next one.

    There LLVM may have to say, too, which processor this is.
    """
    assert run(tmp_path, "unlinked", "no-sys")[:-1] == EXPECTED
    assert run(tmp_path, "no-sys") == [*EXPECTED, "False []"]


def test_python_itself_gives_the_same_results_and_needs_no_compiler(tmp_path: Path) -> None:
    """Also where a digest overflows, which NumPy would warn of."""
    assert run(tmp_path, "interpreted") == [*EXPECTED, "False []"]
    assert list(tmp_path.rglob("*.kernel")) == []


def test_damaged_machine_code_is_made_again(compiled: tuple[Path, list[str]]) -> None:
    """The process would end with it."""
    folder, _ = compiled
    kept = sorted((folder / "kept").rglob("*.kernel"))
    for file, damaged in zip(kept, (b"", b"{}\n", b"[1]\n", kept[3].read_bytes()[:-20]), strict=False):
        file.write_bytes(damaged)
    assert run(folder)[:-1] == EXPECTED


KNOWN = [
    *(cache._version_of, cache._known_versions, cache._stamp),
    *(cache._source, cache._imported, cache._folder),
]


def forget() -> None:
    """Be like a new run."""
    for known in KNOWN:
        known.cache_clear()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Sources of two modules, one of which imports the other; nothing is known of them yet."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "_SOURCE", tmp_path)
    (tmp_path / "loop.py").write_text("from lastseen.words import WORD\n", "utf-8")
    (tmp_path / "words.py").write_text("WORD = 1\n", "utf-8")
    yield tmp_path
    forget()


def version_in_a_new_run() -> str:
    """What the machine code of the module `loop` is marked with."""
    forget()
    return cache.kept("lastseen.loop", "walk", "kinds").name


def test_sources_are_read_again_only_when_they_changed(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are imported, and Numba's settings."""
    before = version_in_a_new_run()
    with monkeypatch.context() as patched:
        patched.setattr(cache, "_imported", None)  # whoever read a source would call it
        assert version_in_a_new_run() == before
    (sources / "words.py").write_text("WORD = 22\n", "utf-8")
    changed = version_in_a_new_run()
    assert changed != before
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert version_in_a_new_run() not in (before, changed)
    monkeypatch.delenv("NUMBA_BOUNDSCHECK")
    (sources / "words.py").unlink()
    assert version_in_a_new_run() not in (before, changed)


def test_of_several_that_start_at_once_one_compiles(sources: Path) -> None:
    """The others wait for it, and say so; afterwards nobody waits."""
    begun, told = Event(), Event()
    compiled: list[str] = []

    def slowly() -> None:
        begun.set()
        assert told.wait(10)
        compile_loop(compiled)

    first = Thread(
        target=cache.compile_once, args=(slowly,), kwargs={"waiting": lambda: compiled.append("?")}
    )
    first.start()
    assert begun.wait(10)
    cache.compile_once(lambda: compiled.append("second"), waiting=told.set)
    first.join()
    assert compiled == ["compiled"]
    (sources / "words.py").write_text("WORD = 22\n", "utf-8")
    forget()
    cache.compile_once(lambda: compile_loop(compiled), waiting=lambda: compiled.append("?"))
    assert compiled == ["compiled", "compiled"]


def compile_loop(compiled: list[str]) -> None:
    """Leave what compiling the module `loop` would, and note that it was done."""
    cache.kept("lastseen.loop", "walk", "kinds").touch()
    compiled.append("compiled")


def test_what_was_left_half_compiled_is_completed(sources: Path) -> None:
    """A process that was killed at it left a kernel and its lock's file, and keeps nobody waiting."""
    compiled: list[str] = []
    compile_loop(compiled)
    assert cache.is_cold()
    (sources / "kept/lock").touch()
    for _ in range(2):
        cache.compile_once(lambda: compile_loop(compiled), waiting=lambda: compiled.append("?"))
    assert compiled == ["compiled", "compiled"]
    assert not cache.is_cold()
    (sources / "kept/compiled.json").write_text("[]", "utf-8")
    cache.compile_once(lambda: compile_loop(compiled), waiting=lambda: compiled.append("?"))
    assert compiled == ["compiled"] * 3


def test_a_kernel_can_be_called_by_numba_or_as_plain_python() -> None:
    """What it wraps stays reachable: names and docstrings are the function's own."""
    from lastseen.evidence.captures.rows import rehash  # noqa: PLC0415 - compiled or not, as this run has it

    places = np.full(4, -1, np.int32)
    rehash(np.zeros((1, 10), np.uint32), 1, places)
    assert (rehash.__name__, int((places == 0).sum())) == ("rehash", 1)
