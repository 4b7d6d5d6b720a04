"""Every sample of the readers' tests is claimed by exactly one reader."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastseen.evidence.lines import head_of
from lastseen.evidence.texts import readers

HERE = Path(__file__).parent


def _samples() -> Iterator[tuple[str, str, str]]:
    """(test file and constant, KIND, text) of each module constant that its own reader claims as a file."""
    for path in sorted(HERE.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"sample_of_{path.stem}", path)
        if path == Path(__file__) or spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        reader = getattr(module, "reader", None)
        for name, text in vars(module).items():
            if reader and name.isupper() and isinstance(text, str):
                head = head_of(text.encode())
                if head is not None and reader.recognise(head):
                    yield f"{path.stem}:{name}", reader.KIND, text


@pytest.mark.parametrize(("name", "kind", "text"), [pytest.param(*s, id=s[0]) for s in _samples()])
def test_one_reader_claims_a_sample(name: str, kind: str, text: str) -> None:
    """Otherwise the alphabet would decide what a file is."""
    head = head_of(text.encode())
    assert head is not None
    assert [reader.KIND for reader in readers() if reader.recognise(head)] == [kind], name
