"""How long a file and a function may be, and how many parameters go by position."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE_LINES = 500
BODY_LINES = 40
KERNEL_BODY_LINES = 70
"""A kernel may be longer when it is one loop over one table: a call out of it would carry all its locals."""
POSITIONAL = 4

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    """All functions and methods, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def is_kernel(function: Function) -> bool:
    """Whether Numba compiles it: `@kernel` or a kind of it (`@..._kernel`), plain or called."""
    decorators = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any(isinstance(d, ast.Name) and d.id.endswith(("kernel", "njit")) for d in decorators)


def body_lines(function: Function) -> int:
    """Lines from the first statement after the docstring to the last; 0 for a docstring alone."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def positional(function: Function) -> int:
    """Parameters that may be given by position, `self` and `cls` apart."""
    names = [a.arg for a in function.args.posonlyargs + function.args.args]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_no_file_is_longer_than_a_reader_can_hold(modules: tuple[Any, ...]) -> None:
    """500 lines at most; 300 is the aim."""
    lengths = {m.place: len(m.text.splitlines()) for m in modules}
    assert {place: n for place, n in lengths.items() if n > FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen(modules: tuple[Any, ...]) -> None:
    """40 lines of body at most; a kernel 70."""
    too_long = [
        f"{m.place}:{f.lineno} {f.name}: {body_lines(f)} lines"
        for m in modules
        for f in functions(m.tree)
        if body_lines(f) > (KERNEL_BODY_LINES if is_kernel(f) else BODY_LINES)
    ]
    assert too_long == []


def test_at_most_four_parameters_go_by_position(modules: tuple[Any, ...]) -> None:
    """The rest is keyword-only; Numba knows no keyword-only parameters, and Typer makes options of a command's."""
    too_many = [
        f"{m.place}:{f.lineno} {f.name}: {positional(f)}"
        for m in modules
        for f in functions(m.tree)
        if positional(f) > POSITIONAL and not is_kernel(f) and not _is_command(m.place, f.name)
    ]
    assert too_many == []


def _is_command(place: object, name: str) -> bool:
    """Whether a function is the command that its file in `cli` is named for."""
    return Path(str(place)).stem == name and Path(str(place)).parent.name == "cli"


def test_the_measures_measure() -> None:
    """Docstring lines do not count, continuation lines do; `self` is no parameter."""
    tree = ast.parse(
        '@kernel\ndef f(self, a, /, b, *, c):\n    """One.\n\n    Two.\n    """\n    return (\n        a)\n'
    )
    (function,) = functions(tree)
    assert (body_lines(function), positional(function), is_kernel(function)) == (2, 2, True)
