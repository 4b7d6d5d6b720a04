"""Cases that a script wrote are what the script writes: nobody has touched them by hand."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FAULTS = Path(__file__).parents[2] / "src/lastseen/faults"
SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


def _module(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_writes_the_cases_of_its_fault(script: Path, tmp_path: Path, update_golden: bool) -> None:
    """`--update-golden` writes them anew. Recorded cases may stand beside the written ones."""
    cases = FAULTS / script.stem / "cases"
    if update_golden:
        _module(script).write(cases)
    _module(script).write(tmp_path)
    written, kept = _files(tmp_path), _files(cases)
    assert written
    assert {name: kept.get(name) for name in written} == written
