"""The table of a campaign says what its JSON says."""

from io import StringIO

import msgspec

from lastseen.report.campaign import (
    CampaignJson,
    CountJson,
    FaultFiguresJson,
    GradeFiguresJson,
    MarksJson,
    MissJson,
    TimesJson,
    print_campaign,
)
from lastseen.report.schemas import schema

COUNT = CountJson(right=19, total=20)
MARKS = MarksJson(detection=COUNT, localisation=CountJson(right=0, total=0), root_cause=COUNT)
MISS = MissJson(
    number=7,
    scene="fin_rule",
    second="slow_server",
    seed=99,
    outcome="silent",
    said="blind (blind)",
    expected="firewall_deny compute_w1 -> compute_t0",
    sufficient=True,
    withheld="clocks apart",
    reason="",
)
FOUND = CampaignJson(
    schema="lastseen.campaign/1",
    seed=4,
    planned=30,
    runs=25,
    failed=1,
    kinds={"healthy": 5, "faulty": 20},
    scenes=12,
    sufficient=CountJson(right=20, total=24),
    right_where_sufficient=COUNT,
    marks=MARKS,
    marks_where_sufficient=MARKS,
    both_of_two_named=CountJson(right=0, total=0),
    wrong=0,
    wrong_confirmed=0,
    healthy=CountJson(right=5, total=5),
    healthy_accused=0,
    located_without_cause=3,
    outcomes={"right": 21, "silent": 3, "failed": 1},
    by_fault=[
        FaultFiguresJson(
            fault="firewall_deny",
            runs=4,
            right=3,
            sufficient=2,
            sufficient_right=1,
            outcomes={"right": 3, "silent": 1},
            grades={"confirmed": 3, "blind": 1},
        )
    ],
    by_grade=[GradeFiguresJson(grade="confirmed", runs=3, named=3, named_right=3)],
    recording=TimesJson(median_s=3.4, p95_s=8, longest_s=9),
    diagnosing=TimesJson(median_s=1.2, p95_s=2, longest_s=3),
    misses=[MISS],
)


def _printed(found: CampaignJson, width: int = 80) -> str:
    stream = StringIO()
    print_campaign(found, console_width=width, stream=stream)
    return stream.getvalue()


def test_the_answer_stands_in_the_first_line() -> None:
    text = " ".join(_printed(FOUND).split())
    assert text.startswith(
        "19 of 20 (95.0 %) right where the evidence suffices, 0 wrong confirmations, 0 healthy runs accused"
    )
    assert "25 runs of 30 planned (20 faulty, 5 healthy) of 12 scenes, seed 4" in text
    assert "1 failed" in text


def test_what_was_never_asked_has_no_share() -> None:
    line = next(line for line in _printed(FOUND).splitlines() if line.startswith("localisation"))
    assert line.split() == ["localisation", "-", "-"]


def test_each_miss_says_how_to_see_it_again() -> None:
    text = _printed(FOUND)
    assert "7 fin_rule and slow_server, seed 99: silent" in text
    assert "clocks apart" in text
    assert "To look at" not in _printed(msgspec.structs.replace(FOUND, misses=[]))


def test_it_fits_the_terminal() -> None:
    for width in (60, 80, 100):
        assert max(map(len, _printed(FOUND, width).splitlines())) <= width


def test_the_contract_has_a_schema_and_is_documented() -> None:
    assert schema("campaign") == schema("lastseen.campaign/1")
    assert [name for name, entry in schema("campaign")["$defs"].items() if "description" not in entry] == []
    assert msgspec.json.decode(msgspec.json.encode(FOUND), type=CampaignJson) == FOUND
