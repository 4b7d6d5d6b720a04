"""Shapes of loss at a hop that nothing passed."""

import numpy as np

from lastseen.faults.facts import LossSite
from lastseen.faults.patterns import ttl_unchanged
from lastseen.faults.weighing import Unknown
from lastseen.tables.details import COLUMNS
from lastseen.tables.points import REMOTE_TO_CLIENT, Hop


def test_where_nothing_passed_no_ttl_tells_whether_a_router_lies_between() -> None:
    none = np.zeros(0, np.int64)
    details = np.zeros((0, len(COLUMNS)), np.int64)
    hop = Hop(
        upstream=0,
        downstream=1,
        direction=REMOTE_TO_CLIENT,
        fate=np.zeros(3, np.uint8),
        partner=np.full(3, -1, np.int32),
        delays_ns=none,
    )
    site = LossSite(
        number=0,
        hop=hop,
        upstream=None,  # type: ignore[arg-type] - not looked into: there is no packet to compare
        downstream=None,  # type: ignore[arg-type]
        node="compute",
        lost_rows=np.arange(3),
        unproven_rows=none,
        lost=details,
        delivered=details,
        delivered_rows=none,
        contrasts=(),
        conversations=frozenset(),
        material=True,
    )
    fact = ttl_unchanged(site)
    assert isinstance(fact, Unknown)
    assert "a packet that passed" in fact.missing
