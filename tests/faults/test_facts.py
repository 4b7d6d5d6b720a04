"""What rules ask of the facts: counters that moved, rules that were hit, lines followed to another point."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lastseen.faults.facts import Facts, JoinedLine
from lastseen.faults.tracks import Tracks
from lastseen.tables.details import COLUMNS
from lastseen.tables.facts_from_texts import Counter, LogLine, Row, Rule, Setting, Version
from lastseen.tables.points import CLIENT_TO_REMOTE, REMOTE_TO_CLIENT, Conversations, Hop, Matching
from lastseen.tables.sources import Source

HERE = Source(file="a.txt", line=1)


def matching(*hops: Hop, points: int = 3) -> Matching:
    """Only the hops matter here; what stands for the points is never looked into."""
    none = Conversations(group=np.zeros((0, points), np.int32), flipped=np.zeros((0, points), np.bool_))
    return Matching(
        points=(None,) * points,  # type: ignore[arg-type]
        order=(None,) * points,
        offsets_ns=(0,) * points,
        conversations=none,
        hops=hops,
    )


def hop(upstream: int, downstream: int, direction: int, partner: Sequence[int]) -> Hop:
    return Hop(
        upstream=upstream,
        downstream=downstream,
        direction=direction,
        fate=np.zeros(len(partner), np.uint8),
        partner=np.array(partner, np.int32),
        delays_ns=np.zeros(0, np.int64),
    )


def facts(*rows: Row, hops: Sequence[Hop] = (), names: dict[str, str] | None = None) -> Facts:
    def of(kind: type) -> tuple:  # type: ignore[type-arg]
        return tuple(row for row in rows if isinstance(row, kind))

    between = matching(*hops)
    return Facts(
        matching=between,
        conversations=(),
        sites=(),
        symptoms=(),
        log_lines=tuple(JoinedLine(line=line) for line in of(LogLine)),
        counters=of(Counter),
        rules=of(Rule),
        settings=of(Setting),
        versions=of(Version),
        focus=frozenset(),
        host_names=names or {},
        tracks=Tracks(between, lambda _, rows: np.zeros((len(rows), len(COLUMNS)), np.int64)),
    )


def counter(snapshot: str, value: int | None, *, scope: str = "cpu=0", node: str = "") -> Counter:
    return Counter(
        source=Source(file=f"{snapshot}.txt", line=2),
        node=node,
        snapshot=snapshot,
        family="conntrack",
        scope=scope,
        name="invalid",
        value=value,
    )


def rule(
    snapshot: str, packets: int | None, *, match: str = "ct_state=+inv", size: int | None = None
) -> Rule:
    return Rule(
        source=Source(file=f"{snapshot}.txt", line=3),
        snapshot=snapshot,
        layer="openflow",
        place="br-int table=82",
        priority=50,
        match=match,
        actions="drop",
        packets=packets,
        bytes=size,
    )


# ---- counters ----
def test_a_counter_moves_by_the_sum_over_its_scopes() -> None:
    found = facts(
        counter("before", 5), counter("before", 10, scope="cpu=1"),
        counter("after", 7), counter("after", 11, scope="cpu=1"),
    ).counter_delta("conntrack", "invalid", "")  # fmt: skip
    assert found is not None
    assert (found.value, str(found.after)) == (3, "after.txt:2")


@pytest.mark.parametrize(
    "rows",
    [
        (),
        (counter("after", 7),),
        (counter("before", 7),),
        (counter("before", None), counter("after", 7)),
        (counter("before", 7), counter("after", None)),
        (counter("before", 1, node="other"), counter("after", 7, node="other")),
    ],
)
def test_a_counter_without_both_values_has_not_moved(rows: tuple[Row, ...]) -> None:
    """Missing, unknown, or of another node."""
    assert facts(*rows).counter_delta("conntrack", "invalid", "") is None


def test_without_a_node_all_nodes_count() -> None:
    rows = [
        counter(when, value, node=node)
        for node in ("a", "b")
        for when, value in (("before", 1), ("after", 3))
    ]
    found = facts(*rows).counter_delta("conntrack", "invalid", None)
    assert found is not None
    assert found.value == 4


def test_the_place_of_a_counter_is_where_it_moved_most() -> None:
    """Whoever looks there must see it."""
    rows = [
        replace(counter(when, value, node=node), source=Source(file=f"{when}/{node}", line=3))
        for node, after in (("a", 9), ("b", 1))
        for when, value in (("before", 1), ("after", after))
    ]
    found = facts(*rows).counter_delta("conntrack", "invalid", None)
    assert found is not None
    assert found.after == Source(file="after/a", line=3)


# ---- rules ----
def test_a_rule_is_hit_as_often_as_its_count_moved() -> None:
    ((_, delta),) = facts(rule("before", 3, size=180), rule("after", 10, size=600)).rule_deltas(
        "", "openflow"
    )
    assert (delta.value, delta.bytes, delta.text) == (7, 420, "br-int table=82: ct_state=+inv actions=drop")


def test_a_rule_set_without_a_before_counts_from_zero() -> None:
    ((_, delta),) = facts(rule("after", 10)).rule_deltas(None, "openflow")
    assert (delta.value, delta.bytes) == (10, None)


def test_a_rule_that_is_new_is_left_out() -> None:
    """What it counted before it was listed is not known."""
    rows = (rule("before", 3), rule("after", 10, match="tcp"))
    assert facts(*rows).rule_deltas("", "openflow") == []


def test_a_rule_without_numbers_says_nothing() -> None:
    assert facts(rule("after", None)).rule_deltas("", "openflow") == []
    ((_, delta),) = facts(rule("before", None), rule("after", 4, size=8)).rule_deltas("", "openflow")
    assert (delta.value, delta.bytes) == (4, 8)


# ---- logs, settings, versions, names ----
def line(reason: str, *, topic: str = "conntrack_invalid", node: str = "") -> LogLine:
    return LogLine(
        source=HERE,
        node=node,
        at_ns=None,
        clock="boot",
        zone_known=False,
        text=reason,
        topic=topic,
        reason=reason,
    )


def test_invalid_lines_are_chosen_by_reason_and_node() -> None:
    found = facts(
        line("bad checksum"),
        line("invalid state"),
        line("bad checksum", node="x"),
        line("bad checksum", topic=""),
    )
    assert len(found.invalid_lines("checksum")) == 2
    assert len(found.invalid_lines("checksum", "x")) == 1
    assert len(found.invalid_lines("")) == 3


def test_settings_and_versions_are_found_by_name_and_node() -> None:
    setting = Setting(source=HERE, node="x", scope="sysctl", name="n", value="1")
    other = Setting(source=HERE, node="x", scope="offload:e0", name="n", value="1")
    version = Version(source=HERE, node="x", name="kernel", version="6.1")
    found = facts(setting, other, version)
    assert (found.setting("n", None), found.setting("n", "x"), found.setting("n", "y")) == (
        [setting],
        [setting],
        [],
    )
    assert (found.version("kernel", "x"), found.version("kernel", "y")) == (version, None)


@pytest.mark.parametrize(
    ("node", "name"),
    [(None, "the host between the two points"), ("", "this host"), ("x", "x"), ("y", "compute1.example")],
)
def test_a_host_is_called_by_its_own_name_where_known(node: str | None, name: str) -> None:
    assert facts(names={"y": "compute1.example"}).host(node) == name


# ---- following a packet ----
DOWN = (hop(0, 1, REMOTE_TO_CLIENT, [0, 2, -1]), hop(1, 2, REMOTE_TO_CLIENT, [5, -1, 4]))


@pytest.mark.parametrize(
    ("point", "row", "at", "expected"),
    [
        (0, 0, 0, 0),
        (0, 0, 1, 0),
        (0, 1, 2, 4),
        (0, 2, 1, None),  # lost on the way
        (0, 2, 2, None),
        (1, 1, 2, None),
        (2, 4, 1, None),  # seen later already
        (None, None, 1, None),
    ],
)
def test_a_line_is_followed_to_the_point_asked_for(
    point: int | None, row: int | None, at: int, expected: int | None
) -> None:
    joined = JoinedLine(line=line("bad checksum"), point=point, row=row)
    assert facts(hops=DOWN).row_at(joined, at, REMOTE_TO_CLIENT) == expected


def test_a_line_is_not_followed_against_its_direction() -> None:
    joined = JoinedLine(line=line("bad checksum"), point=0, row=0)
    assert facts(hops=DOWN).row_at(joined, 1, CLIENT_TO_REMOTE) is None


def test_points_that_lie_in_a_circle_end_the_search() -> None:
    """A path that comes back to itself is no path; the search gives up."""
    circle = (hop(0, 1, REMOTE_TO_CLIENT, [0]), hop(1, 0, REMOTE_TO_CLIENT, [0]))
    joined = JoinedLine(line=line("bad checksum"), point=0, row=0)
    assert facts(hops=circle).row_at(joined, 2, REMOTE_TO_CLIENT) is None
