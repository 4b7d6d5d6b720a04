"""The source tree as the house rules see it: every module of lastseen, read and parsed once."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file: `name` is dotted and below `lastseen` ("faults.syn_lost.rule"), `place` is for people."""

    name: str
    place: str
    text: str
    tree: ast.Module

    @property
    def stage(self) -> str:
        """The package or top module it belongs to ("evidence", "compiled")."""
        return self.name.partition(".")[0]


def _module(path: Path) -> Module:
    text = path.read_text("utf-8")
    parts = path.relative_to(ROOT / "src/lastseen").with_suffix("").parts
    return Module(name=".".join(parts), place=str(path.relative_to(ROOT)), text=text, tree=ast.parse(text))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def modules() -> tuple[Module, ...]:
    """Every module of src/lastseen, by path; without the samples that faults and scenes keep beside their code."""
    paths = sorted((ROOT / "src/lastseen").rglob("*.py"))
    return tuple(_module(path) for path in paths if "cases" not in path.parts)
