"""What modules are called, what they must say of themselves, and what no code of lastseen says."""

import ast
import re
from collections.abc import Iterator
from typing import Any, TypeGuard

import pytest

NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "base", "helpers", "helper", "misc"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|NotImplementedError)\b")
STAGES_THAT_PRINT = {"cli", "report"}
PROGRAMS = "lab.programs."
"""Processes of a lab: their standard output is a log of the case."""


def test_a_module_is_named_for_what_it_does(modules: tuple[Any, ...]) -> None:
    """A drawer for leftovers has no one to say what belongs in it."""
    assert [m.place for m in modules if NAMES_THAT_SAY_NOTHING & set(m.name.split("."))] == []


def test_a_module_says_why_it_exists(modules: tuple[Any, ...]) -> None:
    """A docstring, always; `__all__`, wherever anything is defined."""
    silent = [m.place for m in modules if not ast.get_docstring(m.tree)]
    open_ended = [m.place for m in modules if len(m.tree.body) > 1 and "__all__" not in _assigned(m.tree)]
    assert (silent, open_ended) == ([], [])


def _assigned(tree: ast.Module) -> set[str]:
    """Names the module's own statements bind by assignment."""
    targets = (
        t for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for t in _targets(node)
    )
    return {t.id for t in targets if isinstance(t, ast.Name)}


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def test_what_is_public_says_what_it_promises(modules: tuple[Any, ...]) -> None:
    """Each public function, class and method has a docstring."""
    mute = [
        f"{m.place}:{node.lineno} {node.name}"
        for m in modules
        for node in _public(m.tree)
        if not ast.get_docstring(node)
    ]
    assert mute == []


Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[Named]:
    for node in tree.body:
        if isinstance(node, Named) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def test_nothing_is_left_unfinished(modules: tuple[Any, ...]) -> None:
    """What is missing is an issue, not a note in the code."""
    found = [f"{m.place}: {hit[0]}" for m in modules for hit in UNFINISHED.finditer(m.text)]
    assert found == []


def test_only_the_edge_prints(modules: tuple[Any, ...]) -> None:
    """`--json` promises one object on stdout and nothing else there."""
    inner = (m for m in modules if m.stage not in STAGES_THAT_PRINT and not m.name.startswith(PROGRAMS))
    assert [
        f"{m.place}:{node.lineno}" for m in inner for node in ast.walk(m.tree) if _is_call(node, "print")
    ] == []


def _is_call(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def test_our_own_bugs_are_not_swallowed(modules: tuple[Any, ...]) -> None:
    """No bare except, no `except Exception`: a bug ends in a traceback."""
    found = [
        f"{m.place}:{node.lineno}" for m in modules for node in ast.walk(m.tree) if _catches_everything(node)
    ]
    assert found == []


def _catches_everything(node: ast.AST) -> TypeGuard[ast.ExceptHandler]:
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        c is None or (isinstance(c, ast.Name) and c.id in {"Exception", "BaseException"}) for c in caught
    )


def test_no_shell_sees_what_a_host_wrote(modules: tuple[Any, ...]) -> None:
    """Programs are started from a list of arguments."""
    keywords = ((m, node) for m in modules for node in ast.walk(m.tree) if isinstance(node, ast.keyword))
    assert [f"{m.place}:{node.value.lineno}" for m, node in keywords if node.arg == "shell"] == []


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("try: f()\nexcept: pass", True),
        ("try: f()\nexcept (OSError, Exception): pass", True),
        ("try: f()\nexcept OSError: pass", False),
    ],
)
def test_a_broad_except_is_recognised(code: str, *, caught: bool) -> None:
    """The rule sees bare, named and listed forms."""
    assert any(_catches_everything(node) for node in ast.walk(ast.parse(code))) is caught
