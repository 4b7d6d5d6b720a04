"""What tests of rules share: the scripts that write the faults' cases, and what a judgement says in one text."""

import importlib.util
from pathlib import Path
from types import ModuleType

from written_cases import diagnosed, judgement, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SCRIPTS = Path(__file__).parent / "scripts"


def script(slug: str) -> ModuleType:
    """The script that writes the cases of a fault."""
    spec = importlib.util.spec_from_file_location(slug, SCRIPTS / f"{slug}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judged(folder: Path, files: dict[str, bytes | str], slug: str) -> Judgement:
    """What a fault says of a case."""
    return judgement(diagnosed(write_case(folder, files)), slug)


def for_it(said: Judgement) -> str:
    """All reasons of a fault that is supported."""
    assert isinstance(said, Supported), said
    return "; ".join(reason.text for reason in said.reasons)


def against(said: Judgement) -> str:
    """All that refutes a fault."""
    assert isinstance(said, Refuted), said
    return "; ".join(reason.text for reason in said.against)


def missing(said: Judgement) -> str:
    """What would tell."""
    assert isinstance(said, Untestable), said
    return "; ".join(said.missing)
