"""How a TLS stream ended, where that can be told and where it cannot."""

import importlib.util
from pathlib import Path

import pytest
from written_cases import Talk, View, diagnosed, judgement, seen, write_case

from lastseen.tables.judgements import Judgement, Refuted, Supported, Untestable

SLUG = "tls_no_close_notify"
SCRIPT = Path(__file__).parents[1] / "scripts" / f"{SLUG}.py"
_SPEC = importlib.util.spec_from_file_location("script", SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)
record = script.record


def _judged(folder: Path, talks: list[Talk], view: View = View(), *, says: str = script.PYTHON) -> Judgement:  # noqa: B008
    files: dict[str, bytes | str] = {"tap.pcap": seen(talks, view)} if talks else {}
    files |= {"stderr.txt": says} if says else {"uname.txt": "Linux vm 6.1.0 #1 SMP x86_64 GNU/Linux\n"}
    return judgement(diagnosed(write_case(folder, files)), SLUG)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ([record(23, 900)], Supported),
        ([record(23, 500) + record(23, 2000)[:900], record(23, 2000)[900:]], Supported),
        ([record(23, 900) + record(23, 19)], Refuted),
        ([record(23, 900), record(23, 11)], Refuted),
        ([record(23, 900), record(21, 26)], Refuted),
        ([record(23, 900)[:400]], Refuted),
        ([b"\x99" * 300 + record(23, 900)[:400], b"\x98" * 505], Untestable),
    ],
    ids=["data", "over two", "alert behind data", "alert of CCM_8", "TLS 1.2", "broken off", "unknown"],
)
def test_what_the_stream_ends_with(tmp_path: Path, answer: list[bytes], kind: type[Judgement]) -> None:
    assert isinstance(_judged(tmp_path, [script.talk(*answer)]), kind)


def test_a_packet_cut_by_the_snap_length_tells_nothing(tmp_path: Path) -> None:
    judged = _judged(tmp_path, [script.talk(record(23, 900))], View(snap_length=600))
    assert isinstance(judged, Untestable)
    assert judged.reasons


def test_who_closes_first_has_to_say_so(tmp_path: Path) -> None:
    """The client did, without a word; that the server then does not either is its right."""
    judged = _judged(tmp_path, [script.talk(record(23, 900), client_closes=True)])
    assert isinstance(judged, Supported)
    assert "the client" in judged.summary


@pytest.mark.parametrize(("until_ms", "kind"), [(20.9, Supported), (19, Untestable)])
def test_where_one_side_closes_or_none(tmp_path: Path, until_ms: float, kind: type[Judgement]) -> None:
    judged = _judged(tmp_path, [script.talk(record(23, 900))], View(until_ms=until_ms))
    assert isinstance(judged, kind)


def test_a_stream_without_tls_is_no_such_thing(tmp_path: Path) -> None:
    plain = Talk(timestamps=True)
    plain.opening()
    plain.exchange(10)
    plain.send(20, "FA")
    plain.send(21, "FA", client=True)
    assert isinstance(_judged(tmp_path / "silent", [plain], says=""), Refuted)
    assert isinstance(_judged(tmp_path / "told", [plain]), Untestable)


@pytest.mark.parametrize("says", ["", script.PYTHON])
def test_without_captures_the_error_alone_proves_nothing(tmp_path: Path, says: str) -> None:
    judged = _judged(tmp_path, [], says=says)
    assert isinstance(judged, Untestable)
    assert bool(judged.reasons) is bool(says)
